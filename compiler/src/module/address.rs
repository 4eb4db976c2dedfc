//! Addresses of modules: what stands behind `from`.
//!
//! Owns the grammar `scheme://[user@]host/path[@ref][:file]`. Fetches nothing.

use crate::path;

/// What is read of a repository if no file is named.
const GIT_FILE: &str = "build.hlb";
const USER: &str = "git";

/// What a text names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// A path, on the machine or in the module around the import.
    Path(String),
    /// A file of a git repository.
    Git(GitAddress),
}

/// A file of a git repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct GitAddress {
    /// The address without ref and file, which is what consent is given to.
    pub(super) source: String,
    /// What git fetches from.
    pub(super) remote: String,
    /// Branch, tag or commit; empty is the default branch.
    pub(super) reference: String,
    /// The file, from the root of the repository.
    pub(super) file: String,
    /// Whether the repository is on this machine.
    pub(super) here: bool,
}

/// Why a text names no module.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("`{0}` is not a way to import a module")]
    Scheme(String),
    #[error("`{0}` has no repository: write it as `{scheme}://HOST/PATH@REF:FILE`", scheme = scheme_of(.0))]
    Place(String),
    #[error("`{0}` leads out of the repository")]
    Outside(String),
    #[error("`{0}` cannot be the name of a branch, tag or commit")]
    Reference(String),
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Path(text.to_owned())) };
        match scheme {
            "file" => Ok(Self::Path(rest.to_owned())),
            "git" | "git+https" | "git+ssh" | "git+file" => git(scheme, rest).map(Self::Git),
            scheme => Err(InvalidAddress::Scheme(scheme.to_owned())),
        }
    }
}

fn git(scheme: &str, rest: &str) -> Result<GitAddress, InvalidAddress> {
    let whole = || format!("{scheme}://{rest}");
    let (host, path) = rest.split_once('/').ok_or_else(|| InvalidAddress::Place(whole()))?;
    // The file stands behind the last colon; a ref may hold anything else.
    let (path, file) = path.rsplit_once(':').unwrap_or((path, GIT_FILE));
    let (path, reference) = path.split_once('@').unwrap_or((path, ""));
    let here = scheme == "git+file";
    let path = path.trim_matches('/');
    if path.is_empty() || host.is_empty() != here || host.starts_with('-') {
        return Err(InvalidAddress::Place(whole()));
    }
    let wrong = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    if reference.starts_with('-') || reference.contains(wrong) || reference.contains("..") {
        return Err(InvalidAddress::Reference(reference.to_owned()));
    }
    let file = inside("", file).ok_or_else(|| InvalidAddress::Outside(file.to_owned()))?;
    let (user, bare) = match host.rsplit_once('@') {
        Some((user, bare)) => (user, bare),
        None => (USER, host),
    };
    let remote = match scheme {
        "git+file" => format!("file:///{path}"),
        "git+ssh" => format!("ssh://{user}@{bare}/{path}"),
        // Whether there is an SSH agent says nothing of where a module is.
        _ if user == USER => format!("https://{bare}/{path}"),
        _ => format!("https://{user}@{bare}/{path}"),
    };
    Ok(GitAddress { source: format!("{scheme}://{host}/{path}"), remote, reference: reference.to_owned(), file, here })
}

/// A path in a module, as a file in a directory of it names it. None if it leads out of the module.
pub(super) fn inside(dir: &str, file: &str) -> Option<String> {
    let joined = path::join(dir, file);
    let leads_out = joined.starts_with('/') || joined == ".." || joined.starts_with("../");
    (!leads_out && !file.is_empty() && joined != ".").then_some(joined)
}

fn scheme_of(text: &str) -> &str {
    text.split_once("://").map_or("git", |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Address::parse(text) {
            Ok(Address::Path(path)) => format!("path {path}"),
            Ok(Address::Git(it)) => format!("{} | {} | {} | {}", it.source, it.remote, it.reference, it.file),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn addresses_have_a_repository_a_ref_and_a_file() {
        for (text, expected) in [
            ("./a.hlb", "path ./a.hlb"),
            ("file://./a.hlb", "path ./a.hlb"),
            ("git://h/o/r", "git://h/o/r | https://h/o/r |  | build.hlb"),
            ("git://h:8443/o/r@v1:x/y.hlb", "git://h:8443/o/r | https://h:8443/o/r | v1 | x/y.hlb"),
            ("git+https://h/r@a@b", "git+https://h/r | https://h/r | a@b | build.hlb"),
            ("git+ssh://h/r.git:m.hlb", "git+ssh://h/r.git | ssh://git@h/r.git |  | m.hlb"),
            ("git+ssh://me@h/r", "git+ssh://me@h/r | ssh://me@h/r |  | build.hlb"),
            ("git+file:///srv/r@main", "git+file:///srv/r | file:///srv/r | main | build.hlb"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_told() {
        insta::assert_snapshot!(read("http://h/a.hlb"), @"error: `http` is not a way to import a module");
        insta::assert_snapshot!(read("git://h"), @"error: `git://h` has no repository: write it as `git://HOST/PATH@REF:FILE`");
        insta::assert_snapshot!(read("git://h/r:../x"), @"error: `../x` leads out of the repository");
        insta::assert_snapshot!(read("git://h/r@-x"), @"error: `-x` cannot be the name of a branch, tag or commit");
        insta::assert_snapshot!(read("git+file://h/r"), @"error: `git+file://h/r` has no repository: write it as `git+file://HOST/PATH@REF:FILE`");
    }

    #[test]
    fn paths_stay_inside() {
        for (dir, file, expected) in [
            (".", "./a.hlb", Some("a.hlb")),
            ("x/y", "../a.hlb", Some("x/a.hlb")),
            ("x", "../../a.hlb", None),
            (".", "..", None),
            ("x", "/etc/a.hlb", Some("x/etc/a.hlb")),
            ("", "/etc/a.hlb", None),
        ] {
            assert_eq!(inside(dir, file).as_deref(), expected, "{dir} {file}");
        }
    }
}
