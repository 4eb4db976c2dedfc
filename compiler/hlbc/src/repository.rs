//! The repository that a program is in.
//!
//! Owns what its files say of the commit that is checked out, read without starting git: what stands in the configuration of a
//! repository may be commands. Whether files differ from the commit is not looked at.

use std::path::{Path, PathBuf};

use camino::Utf8Path;

/// How often a reference may lead to another.
const MAX_LINKS: usize = 5;

/// Where a program is in a repository.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    /// Where the repository comes from, without passwords; empty if it comes from nowhere, or from this machine.
    pub(crate) remote: String,
    /// The commit that is checked out; empty if there is none yet.
    pub(crate) commit: String,
    /// The program, from the root of the repository; of a program in none as it was named.
    pub(crate) path: String,
}

/// Where a program is. What cannot be read is left out.
pub(crate) fn place(program: &Utf8Path) -> Place {
    let named = || Place { path: program.to_string(), ..Place::default() };
    let Ok(absolute) = std::path::absolute(program) else { return named() };
    let above = absolute.ancestors().skip(1);
    let Some((root, git)) = above.filter_map(|dir| Some((dir, directory(dir)?))).next() else { return named() };
    let Some(path) = absolute.strip_prefix(root).ok().and_then(Path::to_str) else { return named() };
    // Worktrees have a directory of their own, and have the rest in common.
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path));
    let remote = read(&common.join("config")).and_then(|config| remote(&config)).unwrap_or_default();
    let commit = commit(&git, &common).unwrap_or_default();
    Place { remote, commit, path: path.to_owned() }
}

/// The directory of a repository whose root this is.
fn directory(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    let found = std::fs::metadata(&git).ok()?;
    if found.is_dir() {
        return git.join("HEAD").is_file().then_some(git);
    }
    let text = read(&git)?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// What `HEAD` leads to.
fn commit(git: &Path, common: &Path) -> Option<String> {
    let mut text = read(&git.join("HEAD"))?;
    for _ in 0..MAX_LINKS {
        let Some(reference) = text.strip_prefix("ref:").map(str::trim) else {
            let is_commit = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            return is_commit.then_some(text);
        };
        if reference.split('/').any(|part| part == "..") {
            return None;
        }
        let loose = [git, common].into_iter().find_map(|dir| read(&dir.join(reference)));
        text = loose.or_else(|| packed(&read(&common.join("packed-refs"))?, reference))?;
    }
    None
}

fn packed(refs: &str, reference: &str) -> Option<String> {
    let lines = refs.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(_, name)| *name == reference).map(|(commit, _)| commit.to_owned()).next()
}

/// The address of `origin`, or of the only remote there is.
fn remote(config: &str) -> Option<String> {
    let mut remotes: Vec<(&str, &str)> = Vec::new();
    let mut section = "";
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some(name) = section.strip_prefix("[remote \"").and_then(|name| name.strip_suffix("\"]"))
            && let Some((key, url)) = line.split_once('=')
            && key.trim() == "url"
        {
            remotes.push((name, url.trim()));
        }
    }
    let origin = remotes.iter().find(|(name, _)| *name == "origin");
    let (_, url) = origin.or_else(|| remotes.first().filter(|_| remotes.len() == 1))?;
    shown(url)
}

/// An address without passwords; none if it is a place on this machine, which says nothing to others.
fn shown(url: &str) -> Option<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        // `user@host:path`
        let (host, _) = url.split_once(':')?;
        return (!host.is_empty() && !host.contains('/')).then(|| url.to_owned());
    };
    if scheme == "file" {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some(match authority.rsplit_once('@') {
        // Who asks over ssh has a name that is part of the address.
        Some((user, host)) if scheme.ends_with("ssh") => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    })
}

/// The text of a small file, without the end of its line.
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    /// The place of a program in a directory with these files.
    fn check(files: &[(&str, &str)], program: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let at = dir.path().join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, text).unwrap();
        }
        let program = dir.path().join(program);
        place(Utf8Path::from_path(&program).unwrap())
    }

    fn is(remote: &str, commit: &str, path: &str) -> Place {
        Place { remote: remote.to_owned(), commit: commit.to_owned(), path: path.to_owned() }
    }

    const CONFIG: &str = "[core]\n\turl = no\n[remote \"other\"]\n\turl = https://h/o.git\n\
        [remote \"origin\"]\n\tfetch = +refs\n\turl = https://me:hush@h/r.git\n[branch \"main\"]\n\tremote = origin\n";

    #[test]
    fn commits_are_found_where_git_keeps_them() {
        let loose = [
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", "0123456789012345678901234567890123456789\n"),
            (".git/config", CONFIG),
        ];
        assert_eq!(check(&loose, "tools/build.hlb"), is("https://h/r.git", COMMIT, "tools/build.hlb"));
        let packed =
            format!("# pack-refs\n{} refs/heads/mainly\n{COMMIT} refs/heads/main\n^{COMMIT}\n", "a".repeat(40));
        let packed = [(".git/HEAD", "ref: refs/heads/main"), (".git/packed-refs", &packed)];
        assert_eq!(check(&packed, "build.hlb"), is("", COMMIT, "build.hlb"));
        let worktree = [
            ("tree/.git", "gitdir: ../main/.git/worktrees/tree\n"),
            ("main/.git/worktrees/tree/HEAD", "ref: refs/heads/topic"),
            ("main/.git/worktrees/tree/commondir", "../.."),
            ("main/.git/refs/heads/topic", COMMIT),
            ("main/.git/config", CONFIG),
        ];
        assert_eq!(check(&worktree, "tree/build.hlb"), is("https://h/r.git", COMMIT, "build.hlb"));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let check = |head: &str| check(&[(".git/HEAD", head), ("secret", COMMIT)], "a.hlb").commit;
        assert_eq!(check("0123456789012345678901234567890123456789"), COMMIT);
        for head in ["", "ref: refs/heads/none", "ref: HEAD", "ref: ../secret", "ref: /etc/passwd", "zz"] {
            assert_eq!(check(head), "", "{head}");
        }
    }

    #[test]
    fn addresses_are_for_others() {
        for (url, said) in [
            ("https://h/r", Some("https://h/r")),
            ("https://token@h:1/r", Some("https://h:1/r")),
            ("ssh://git:hush@h/r", Some("ssh://git@h/r")),
            ("git@h:a/r.git", Some("git@h:a/r.git")),
            ("/srv/r.git", None),
            ("../r", None),
            ("file:///srv/r", None),
        ] {
            assert_eq!(shown(url).as_deref(), said, "{url}");
        }
        assert_eq!(remote("[remote \"up\"]\nurl=git@h:r\n").as_deref(), Some("git@h:r"));
        assert_eq!(remote("[remote \"a\"]\nurl=git@h:r\n[remote \"b\"]\nurl=git@h:s\n"), None);
    }
}
