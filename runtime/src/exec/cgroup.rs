//! Control groups of containers: what runc makes of them, read and taken away by us.
//!
//! Owns where they are in each hierarchy, old (one per controller) and new. It does not know containers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// All hierarchies are mounted under here.
const HIERARCHIES: &str = "/sys/fs/cgroup";
/// The kernel frees a group a moment after the last process in it has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// A control group, by its path in every hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The group of a container, under `parent` or the root.
    pub(crate) fn new(parent: &str, id: &str) -> Self {
        let parent = parent.trim_matches('/');
        let own = Path::new("/").join(parent).join("hlbc").join(id);
        Self { path: own }
    }

    /// The group of that path.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Its path as runc wants it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the kernel has killed a process of it for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let files = [("memory", "memory.oom_control"), ("", "memory.events")];
        files.into_iter().any(|(hierarchy, file)| {
            let path = self.in_hierarchy(&Path::new(HIERARCHIES).join(hierarchy)).join(file);
            std::fs::read_to_string(path).is_ok_and(|text| counted_kills(&text))
        })
    }

    /// Removes it from every hierarchy. What is still running in it is killed first, where the kernel can do that.
    pub(crate) fn remove(&self) -> std::io::Result<()> {
        let mut places = vec![PathBuf::from(HIERARCHIES)];
        places.extend(children(Path::new(HIERARCHIES)));
        for place in places {
            let dir = self.in_hierarchy(&place);
            if dir.join("cgroup.procs").exists() {
                let _ = std::fs::write(dir.join("cgroup.kill"), "1");
                remove_dir(&dir, Instant::now() + PATIENCE)?;
            }
        }
        Ok(())
    }

    fn in_hierarchy(&self, hierarchy: &Path) -> PathBuf {
        hierarchy.join(self.path.strip_prefix("/").unwrap_or(&self.path))
    }
}

/// Whether the kernel can hold groups to limits of a kind, by either form.
pub(super) fn has_controller(name: &str) -> bool {
    let root = Path::new(HIERARCHIES);
    let unified = std::fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    unified.split_whitespace().any(|known| known == name) || root.join(name).join("cgroup.procs").exists()
}

fn counted_kills(text: &str) -> bool {
    text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
}

/// Removes a group and the groups a container may have made in it.
fn remove_dir(dir: &Path, deadline: Instant) -> std::io::Result<()> {
    let mut all = vec![dir.to_owned()];
    let mut next = 0;
    while let Some(dir) = all.get(next) {
        let below = children(dir);
        all.extend(below);
        next += 1;
    }
    for dir in all.iter().rev() {
        loop {
            match std::fs::remove_dir(dir) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                other => {
                    other?;
                    break;
                }
            }
        }
    }
    Ok(())
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_in_both_forms() {
        assert!(counted_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"));
        assert!(!counted_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"));
        assert!(counted_kills("low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 0\n"));
        assert!(!counted_kills(""));
    }

    #[test]
    fn groups_stand_under_their_parent() {
        assert_eq!(Cgroup::new("", "x").path(), Path::new("/hlbc/x"));
        assert_eq!(Cgroup::new("/builds/", "x").path(), Path::new("/builds/hlbc/x"));
    }
}
