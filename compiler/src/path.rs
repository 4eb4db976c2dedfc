//! Paths as Go's `path` package reads them, which shows in LLB: local names, directories in filesystems.
//!
//! Owns the lexical rules. Looks at no disk.

use camino::{Utf8Path, Utf8PathBuf};

/// The shortest equal path: no `.`, no `..` that can be dissolved, no doubled or trailing slash. Empty becomes `.`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let inner = path.strip_prefix('/').unwrap_or(path);
    if !inner.is_empty() && inner.split('/').all(|part| !matches!(part, "" | "." | "..")) {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// `path` behind `base`, cleaned; empty parts do not count.
pub(crate) fn join(base: &str, path: &str) -> String {
    match (base.is_empty(), path.is_empty()) {
        (true, true) => String::new(),
        (true, false) => clean(path),
        (false, true) => clean(base),
        (false, false) => clean(&format!("{base}/{path}")),
    }
}

/// A path in a filesystem as LLB writes it: absolute against the working directory, and with its trailing slash or `/.` if
/// `keep_slash`, which says that the thing is a directory.
pub(crate) fn absolute(dir: &str, path: &str, keep_slash: bool) -> String {
    let mut result = clean(path);
    if !result.starts_with('/') {
        result = join(&format!("/{dir}"), &result);
    }
    if keep_slash {
        if path.ends_with('/') && !result.ends_with('/') {
            result.push('/');
        } else if path.ends_with("/.") {
            if result != "/" {
                result.push('/');
            }
            result.push('.');
        }
    }
    result
}

/// The path from one absolute path down to another, as `mkdir -p` below a mount point needs it; `None` if it is not below.
pub(crate) fn below(base: &str, path: &str) -> Option<String> {
    let (base, path) = (clean(base), clean(path));
    if base == path {
        return Some(".".to_owned());
    }
    let prefix = if base.ends_with('/') { base } else { format!("{base}/") };
    path.strip_prefix(&prefix).map(str::to_owned)
}

/// The directory part, `.` for a bare name.
pub(crate) fn dir(path: &str) -> String {
    match path.rfind('/') {
        Some(at) => clean(path.get(..=at).unwrap_or("/")),
        None => ".".to_owned(),
    }
}

/// The last part.
pub(crate) fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

/// Why a path on this machine cannot be spelled out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HomeError {
    #[error("`{0}` needs a home directory, and there is none")]
    None(String),
    #[error("`{0}` names another user's home directory, which is not supported")]
    OtherUser(String),
}

/// A path on this machine as a module means it: `~` is the home directory, relative paths start from the module's directory.
pub(crate) fn resolve(module_dir: &Utf8Path, path: &str, home: Option<&Utf8Path>) -> Result<Utf8PathBuf, HomeError> {
    if let Some(rest) = path.strip_prefix('~') {
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(HomeError::OtherUser(path.to_owned()));
        }
        let home = home.ok_or_else(|| HomeError::None(path.to_owned()))?;
        return Ok(join(home.as_str(), rest).into());
    }
    if path.starts_with('/') {
        return Ok(clean(path).into());
    }
    Ok(join(if module_dir.as_str().is_empty() { "." } else { module_dir.as_str() }, path).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_is_lexical() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("/../a", "/a"),
            ("a/..", "."),
            ("../../x/..", "../.."),
        ] {
            assert_eq!(clean(path), expected, "{path:?}");
        }
    }

    #[test]
    fn destinations_keep_what_says_directory() {
        for (dir, path, expected) in [
            ("/", "f", "/f"),
            ("/w", "f/", "/w/f/"),
            ("/w", "/a/.", "/a/."),
            ("/w", ".", "/w"),
            ("/w", "./", "/w/"),
            ("/", "/", "/"),
            ("/", "/.", "/."),
            ("/w", "", "/w"),
        ] {
            assert_eq!(absolute(dir, path, true), expected, "{dir:?} {path:?}");
        }
    }

    #[test]
    fn machine_paths_start_from_the_module() {
        let home = Utf8Path::new("/home/u");
        for (dir, path, expected) in [
            ("", ".", "."),
            (".", "./lib.hlb", "lib.hlb"),
            ("t", "subd", "t/subd"),
            ("t", "../x", "x"),
            ("t", "/abs/./x", "/abs/x"),
            ("t", "~/x", "/home/u/x"),
            ("t", "~", "/home/u"),
        ] {
            assert_eq!(resolve(Utf8Path::new(dir), path, Some(home)).unwrap(), expected, "{dir:?} {path:?}");
        }
        assert!(resolve(Utf8Path::new(""), "~bob/x", Some(home)).is_err());
        assert!(resolve(Utf8Path::new(""), "~", None).is_err());
    }

    #[test]
    fn below_is_by_path_not_by_text() {
        assert_eq!(below("/r", "/r/sub/dir").as_deref(), Some("sub/dir"));
        assert_eq!(below("/foo", "/foobar"), None);
        assert_eq!(below("/", "/x").as_deref(), Some("x"));
        assert_eq!(below("/r", "/r").as_deref(), Some("."));
    }
}
