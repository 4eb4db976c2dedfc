//! The paths of a tree that a pattern means.
//!
//! Owns which directories have to be listed for that, and what of their entries is found. Lists nothing itself: the tree may be
//! here or at the other end of a connection.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::glob::{Glob, Matcher, has_wildcards};
use crate::pattern::{self, InvalidPattern};

/// More paths than this are a slip, and nobody has the memory for all that a hostile tree can name.
pub const MAX_FOUND: usize = 100_000;

/// A search that goes on: list the directory that [`next`](Self::next) names, [`see`](Self::see) each entry, and so on.
///
/// A pattern is an absolute path whose parts may have `*`, `?`, `[…]` and `\`; from a `**` on it crosses directories, as in
/// `.dockerignore`. The parts in front of the first wildcard are a path that whoever lists resolves, links and all. Behind it
/// links are found, and not followed.
#[derive(Debug)]
pub struct Search {
    steps: Vec<Glob>,
    /// Behind all steps: the rest of the pattern, from the part with `**` on.
    deep: Option<Matcher>,
    /// Directories to list.
    left: Vec<Visit>,
    current: Option<Visit>,
    found: Vec<PathBuf>,
}

/// There is more than [`MAX_FOUND`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it means more than {MAX_FOUND} paths")]
pub struct TooMany;

/// A directory of which entries are wanted.
#[derive(Debug)]
struct Visit {
    path: PathBuf,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// Those of a step.
    Step(usize),
    /// Those whose path from where the crossing began suits the rest.
    Deep(PathBuf),
}

impl Search {
    /// Reads a pattern. It begins at the root, whether it says so or not.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let cleaned = pattern::clean(&format!("/{text}"));
        let invalid = |problem| InvalidPattern { pattern: text.to_owned(), problem };
        let mut search = Self { steps: Vec::new(), deep: None, left: Vec::new(), current: None, found: Vec::new() };
        let parts: Vec<&str> = cleaned.split('/').filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            search.found.push(PathBuf::from("/"));
            return Ok(search);
        }
        let crossing = parts.iter().position(|part| crosses(part)).unwrap_or(parts.len());
        let (near, far) = parts.split_at(crossing);
        // What is sought is an entry of a directory, so the last part is never on the way there.
        let on_the_way = near.iter().take(if far.is_empty() { near.len() - 1 } else { near.len() });
        let mut start = PathBuf::from("/");
        let plain = on_the_way.take_while(|part| !has_wildcards(part)).count();
        for part in near.iter().take(plain) {
            start.push(unescape(part).ok_or_else(|| invalid("a `\\` with nothing behind it"))?);
        }
        for part in near.iter().skip(plain) {
            search.steps.push(Glob::new(part).map_err(|error| invalid(error.problem))?);
        }
        if !far.is_empty() {
            search.deep = Some(Matcher::new(pattern::tokens(&far.join("/")).map_err(invalid)?));
        }
        let wanted = search.wanted(0);
        search.left.push(Visit { path: start, wanted });
        Ok(search)
    }

    /// The next directory to list; none when all is found. One that is not there, or is none, has no entries.
    #[expect(clippy::should_implement_trait, reason = "each item waits for the answers to the one before it")]
    pub fn next(&mut self) -> Option<&Path> {
        self.current = self.left.pop();
        self.current.as_ref().map(|visit| visit.path.as_path())
    }

    /// Takes an entry of that directory. A link to a directory is none.
    ///
    /// # Errors
    /// If too much is found.
    pub fn see(&mut self, name: &OsStr, is_directory: bool) -> Result<(), TooMany> {
        let Some(visit) = &self.current else { return Ok(()) };
        let path = || visit.path.join(name);
        match &visit.wanted {
            Wanted::Step(at) => {
                if !self.steps.get(*at).is_some_and(|step| step.matches(name.as_bytes())) {
                    return Ok(());
                }
                let next = at + 1;
                if next == self.steps.len() && self.deep.is_none() {
                    self.found.push(path());
                } else if is_directory {
                    self.left.push(Visit { path: path(), wanted: self.wanted(next) });
                }
            }
            Wanted::Deep(from) => {
                let rest = from.join(name);
                if self.deep.as_ref().is_some_and(|deep| deep.matches(rest.as_os_str().as_bytes())) {
                    self.found.push(path());
                }
                if is_directory {
                    self.left.push(Visit { path: path(), wanted: Wanted::Deep(rest) });
                }
            }
        }
        if self.found.len() > MAX_FOUND { Err(TooMany) } else { Ok(()) }
    }

    /// What was found, in the order of its bytes.
    pub fn found(mut self) -> Vec<PathBuf> {
        self.found.sort_unstable_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
        self.found
    }

    fn wanted(&self, step: usize) -> Wanted {
        if step < self.steps.len() { Wanted::Step(step) } else { Wanted::Deep(PathBuf::new()) }
    }
}

/// Whether a part has a `**`.
fn crosses(part: &str) -> bool {
    let mut chars = part.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '*' if chars.peek() == Some(&'*') => return true,
            _ => {}
        }
    }
    false
}

/// The name that a part without wildcards stands for.
fn unescape(part: &str) -> Option<String> {
    let mut chars = part.chars();
    let mut name = String::new();
    while let Some(char) = chars.next() {
        name.push(if char == '\\' { chars.next()? } else { char });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of `/tree`; names that end in `@` are links to directories.
    const TREE: [&str; 12] = [
        "/a.go",
        "/b.go",
        "/.hidden",
        "/cmd",
        "/cmd/main.go",
        "/cmd/x",
        "/cmd/x/y.go",
        "/cmd/x/y.c",
        "/link",
        "/lib",
        "/lib/*",
        "/lib/z",
    ];
    const DIRECTORIES: [&str; 3] = ["/cmd", "/cmd/x", "/lib"];

    /// What is found, and the directories that were listed for it.
    fn search(pattern: &str) -> (Vec<String>, Vec<String>) {
        let mut search = Search::new(pattern).unwrap();
        let mut listed = Vec::new();
        while let Some(directory) = search.next().map(Path::to_owned) {
            listed.push(directory.display().to_string());
            for entry in TREE.iter().map(Path::new).filter(|entry| entry.parent() == Some(&directory)) {
                let is_directory = DIRECTORIES.iter().any(|it| Path::new(it) == entry);
                search.see(entry.file_name().unwrap(), is_directory).unwrap();
            }
        }
        listed.sort();
        (search.found().iter().map(|path| path.display().to_string()).collect(), listed)
    }

    fn check(pattern: &str, found: &[&str], listed: &[&str]) {
        let (seen, looked) = search(pattern);
        assert_eq!(
            (seen, looked),
            (found.iter().map(ToString::to_string).collect(), listed.iter().map(ToString::to_string).collect()),
            "{pattern}"
        );
    }

    #[test]
    fn parts_match_entries() {
        check("/*.go", &["/a.go", "/b.go"], &["/"]);
        check("*.go", &["/a.go", "/b.go"], &["/"]);
        check("/.h*", &["/.hidden"], &["/"]);
        check("/*", &["/.hidden", "/a.go", "/b.go", "/cmd", "/lib", "/link"], &["/"]);
        check("/cmd/*.go", &["/cmd/main.go"], &["/cmd"]);
        check("/*/x/?.go", &["/cmd/x/y.go"], &["/", "/cmd", "/cmd/x", "/lib"]);
        check("/[a-b].go", &["/a.go", "/b.go"], &["/"]);
        check("/none/*", &[], &["/none"]);
    }

    #[test]
    fn names_are_patterns_too() {
        check("/a.go", &["/a.go"], &["/"]);
        check("/cmd/", &["/cmd"], &["/"]);
        check("/cmd/x/../main.go", &["/cmd/main.go"], &["/cmd"]);
        check("../../a.go", &["/a.go"], &["/"]);
        check("/lib/\\*", &["/lib/*"], &["/lib"]);
        check("/l\\ib/z", &["/lib/z"], &["/lib"]);
        check("/a.c", &[], &["/"]);
        for root in ["", "/", ".", "/.."] {
            check(root, &["/"], &[]);
        }
    }

    #[test]
    fn two_stars_cross_directories() {
        check("**/*.go", &["/a.go", "/b.go", "/cmd/main.go", "/cmd/x/y.go"], &["/", "/cmd", "/cmd/x", "/lib"]);
        check("/cmd/**", &["/cmd/main.go", "/cmd/x", "/cmd/x/y.c", "/cmd/x/y.go"], &["/cmd", "/cmd/x"]);
        check("/cmd/**/y.*", &["/cmd/x/y.c", "/cmd/x/y.go"], &["/cmd", "/cmd/x"]);
        check("/c*/**/x", &["/cmd/x"], &["/", "/cmd", "/cmd/x"]);
        check("/**/x/**", &["/cmd/x/y.c", "/cmd/x/y.go"], &["/", "/cmd", "/cmd/x", "/lib"]);
        check("**.c", &["/cmd/x/y.c"], &["/", "/cmd", "/cmd/x", "/lib"]);
    }

    #[test]
    fn mistakes_are_told() {
        let problems = ["/a/[b", "/x\\", "/**/[", "/a\\/b*"].map(|text| Search::new(text).unwrap_err().to_string());
        insta::assert_snapshot!(problems.join("\n"), @r"
        pattern `/a/[b` has a `[` without its `]`
        pattern `/x\` has a `\` with nothing behind it
        pattern `/**/[` has a `[` without its `]`
        pattern `/a\/b*` has a `\` with nothing behind it
        ");
    }

    #[test]
    fn there_is_an_end_to_what_is_found() {
        let mut search = Search::new("*").unwrap();
        search.next();
        let seen = (0..=MAX_FOUND).try_for_each(|number| search.see(OsStr::new(&number.to_string()), false));
        assert_eq!(seen, Err(TooMany));
        assert_eq!(TooMany.to_string(), "it means more than 100000 paths");
    }
}
