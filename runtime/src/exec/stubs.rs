//! Mount points that a step needs and its result must not have.
//!
//! Owns which files and directories are made in a root file system only to be mounted over, and takes them away again
//! with no trace in the directories around them. It does not know what is mounted.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::sys::root::Root;

/// A place that has to be there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its path in the root file system.
    pub(crate) path: PathBuf,
    pub(crate) directory: bool,
}

/// What was made.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    /// Paths in the root file system without links, outer ones first.
    made: Vec<PathBuf>,
}

impl Stubs {
    /// Makes the places that are missing, with the directories above them. What lies in another of the places will be in
    /// what is mounted there, and is left to the runtime.
    ///
    /// With `parents` off only the places themselves will be taken away again.
    pub(crate) fn make(root: &Root, places: &[Place], parents: bool) -> io::Result<Self> {
        let mut stubs = Self::default();
        for place in places {
            let inside = |other: &Place| place.path != other.path && place.path.starts_with(&other.path);
            if places.iter().any(inside) {
                continue;
            }
            let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", place.path.display()));
            stubs.make_one(root, place, parents).map_err(named)?;
        }
        Ok(stubs)
    }

    /// Takes away what nobody has put anything into. Gives the directories in which things were made and removed, as paths
    /// in the root.
    pub(crate) fn remove(self, root: &Root) -> io::Result<Vec<PathBuf>> {
        for path in self.made.iter().rev() {
            remove_unused(root, path)?;
        }
        let above = self.made.iter().filter_map(|path| path.parent());
        Ok(above.filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned).collect())
    }

    fn make_one(&mut self, root: &Root, place: &Place, parents: bool) -> io::Result<()> {
        let path = root.resolve(&place.path, true)?;
        let missing: Vec<&Path> =
            path.ancestors().take_while(|dir| *dir != root.path() && std::fs::symlink_metadata(dir).is_err()).collect();
        let Some((target, above)) = missing.split_first() else { return Ok(()) };
        for dir in above.iter().rev() {
            if parents {
                self.add(root, dir, true)?;
            } else {
                create_dir(dir)?;
            }
        }
        self.add(root, target, place.directory)
    }

    fn add(&mut self, root: &Root, path: &Path, directory: bool) -> io::Result<()> {
        let above = std::fs::File::open(path.parent().unwrap_or(path))?;
        keeping_times(&above, || if directory { create_dir(path) } else { std::fs::File::create_new(path).map(drop) })?;
        if let Ok(inner) = path.strip_prefix(root.path()) {
            self.made.push(inner.to_owned());
        }
        Ok(())
    }
}

/// Makes the directories that the runtime would make for what all steps have, and that stay: with the same mode under every umask.
/// Where they cannot be made, the runtime says why.
pub(crate) fn make_usual(root: &Root) {
    for name in ["dev", "proc", "sys"] {
        let path = root.path().join(name);
        if std::fs::symlink_metadata(&path).is_err() {
            let _ = create_dir(&path);
        }
    }
}

/// Makes a directory all users can pass, whatever our umask is.
fn create_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

/// Removes an empty directory or file. A step may have put anything where its parents were, links out of the root among
/// it: the way there is resolved in the root anew.
fn remove_unused(root: &Root, path: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    let Ok(dir) = root.open_file(above, OFlags::RDONLY | OFlags::DIRECTORY) else { return Ok(()) };
    let Ok(data) = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
    let flags = match FileType::from_raw_mode(data.st_mode) {
        FileType::Directory => AtFlags::REMOVEDIR,
        FileType::RegularFile if data.st_size == 0 => AtFlags::empty(),
        _ => return Ok(()),
    };
    keeping_times(&dir, || match rustix::fs::unlinkat(&dir, name, flags) {
        // Somebody uses it.
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        other => Ok(other?),
    })
}

/// Does something to an entry of a directory, and sets the times of the directory to what they were.
fn keeping_times(dir: impl AsFd, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let before = rustix::fs::fstat(&dir)?;
    work()?;
    // The types of these fields differ between machines.
    let time =
        |seconds, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or(0) };
    let times = Timestamps {
        last_access: time(before.st_atime, before.st_atime_nsec),
        last_modification: time(before.st_mtime, before.st_mtime_nsec),
    };
    Ok(rustix::fs::futimens(&dir, &times)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn place(path: &str) -> Place {
        let directory = !path.ends_with(".conf");
        Place { path: path.into(), directory }
    }

    /// All files below a directory with their modification times in nanoseconds, sorted.
    fn listing(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![dir.to_owned()];
        while let Some(path) = left.pop() {
            let data = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            found.push(format!("/{name} {}", data.mtime_nsec()));
            if data.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        found.sort();
        found
    }

    /// Makes the stubs in a root with `/etc` and a dangling `/etc/resolv.conf`, does something, and removes them; the
    /// result is what is new or has another time than before.
    fn check(places: &[&str], parents: bool, work: impl FnOnce(&Path), expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("../run/resolve/stub.conf", dir.path().join("etc/resolv.conf")).unwrap();
        let before = listing(dir.path());
        let root = Root::open(dir.path()).unwrap();
        let places: Vec<Place> = places.iter().map(|path| place(path)).collect();
        let stubs = Stubs::make(&root, &places, parents).unwrap();
        work(dir.path());
        stubs.remove(&root).unwrap();
        let after = listing(dir.path());
        let new: Vec<&str> =
            after.iter().filter(|line| !before.contains(line)).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(new, expected);
    }

    #[test]
    fn unused_stubs_leave_no_trace() {
        check(&["/etc/resolv.conf", "/etc/hosts.conf", "/src", "/run/secrets/token.conf"], true, |_| {}, &[]);
        check(&["/etc"], true, |_| {}, &[]);
    }

    #[test]
    fn stubs_are_there_meanwhile() {
        let look = |root: &Path| {
            assert!(root.join("a/b").is_dir());
            assert!(root.join("run/resolve/stub.conf").is_file());
            assert!(!root.join("a/b/c").exists(), "this will be in what is mounted on /a/b");
        };
        check(&["/a/b", "/a/b/c", "/etc/resolv.conf"], true, look, &[]);
    }

    #[test]
    fn parents_stay_unless_asked_for() {
        check(&["/a/b"], false, |_| {}, &["/", "/a"]);
    }

    #[test]
    fn a_place_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let error = Stubs::make(&root, &[place("/file/x")], true).unwrap_err();
        assert_eq!(error.to_string(), "`/file/x`: Not a directory (os error 20)");
    }

    #[test]
    fn what_was_used_stays() {
        let write = |root: &Path| std::fs::write(root.join("a/new"), "x").unwrap();
        check(&["/a/b"], true, write, &["/a", "/a/new"]);
        let write = |root: &Path| std::fs::write(root.join("etc/x.conf"), "x").unwrap();
        check(&["/etc/x.conf"], true, write, &["/etc/x.conf"]);
    }

    #[test]
    fn a_step_cannot_send_us_out_of_its_root() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(outside.path().join("b")).unwrap();
        let trick = |root: &Path| {
            std::fs::rename(root.join("a"), root.join("moved")).unwrap();
            std::os::unix::fs::symlink(outside.path(), root.join("a")).unwrap();
        };
        check(&["/a/b"], true, trick, &["/", "/a", "/moved", "/moved/b"]);
        assert!(outside.path().join("b").is_dir());
    }
}
