//! Pattern lists in the manner of `.dockerignore`: later patterns win, `!` takes back, `**` crosses directories.
//!
//! Owns `Patterns`, which answers for one path, and `Filter`, which combines what is included and what is excluded during
//! a walk. Knows paths as bytes only; walking is the caller's.

use crate::glob::{self, Matcher, Token};

/// A list of patterns. What is below a matched directory is matched too.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
}

/// A list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}` has {problem}")]
pub struct InvalidPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Which patterns of a list matched a directory. What is below it need not be tried against them again.
#[derive(Clone, Debug, Default)]
pub struct Trail(Box<[bool]>);

/// What to include and what to leave out. An empty list of inclusions includes everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Patterns,
    exclude: Patterns,
}

/// What a filter says of one path of a walk.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The path is selected.
    pub selected: bool,
    /// If it is a directory, something below it may be selected.
    pub descend: bool,
    /// To be given when the directory's entries are judged.
    pub trails: Trails,
}

/// The trails of both lists of a filter.
#[derive(Clone, Debug, Default)]
pub struct Trails {
    include: Trail,
    exclude: Trail,
}

impl Patterns {
    /// Reads a list. Blank patterns are ignored.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, InvalidPattern> {
        let read = |text: &S| Pattern::new(text.as_ref()).transpose();
        Ok(Self { patterns: patterns.iter().filter_map(read).collect::<Result<_, _>>()? })
    }

    /// Whether the list has no pattern; it matches nothing then.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a path (relative, slash-separated) is matched, by itself or through one of its parents.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.matches_below(path, &Trail::default()).0
    }

    /// The same during a walk, where it is known what matched the parent. With an empty trail all parents are tried.
    pub fn matches_below(&self, path: &[u8], parent: &Trail) -> (bool, Trail) {
        let mut matched = false;
        let mut trail = vec![false; self.patterns.len()];
        for (at, (pattern, slot)) in self.patterns.iter().zip(&mut trail).enumerate() {
            let mut hit = parent.0.get(at).copied().unwrap_or(false);
            if !hit {
                // Only a pattern that could change the answer is tried.
                if pattern.negative != matched {
                    continue;
                }
                hit = pattern.matcher.matches(path)
                    || parent.0.is_empty() && parents(path).any(|parent| pattern.matcher.matches(parent));
            }
            *slot = hit;
            if hit {
                matched = !pattern.negative;
            }
        }
        (matched, Trail(trail.into()))
    }

    /// Whether some path below a directory that is not matched may be matched.
    fn may_match_below(&self, directory: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| !pattern.negative && pattern.may_reach(directory))
    }

    /// Whether some path below a matched directory may be taken back.
    fn may_spare_below(&self, directory: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.negative && pattern.may_reach(directory))
    }
}

impl Filter {
    /// Reads both lists.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S]) -> Result<Self, InvalidPattern> {
        Ok(Self { include: Patterns::new(include)?, exclude: Patterns::new(exclude)? })
    }

    /// Judges a path relative to where the patterns apply, given the trails of the directory it is in.
    pub fn judge(&self, path: &[u8], parent: &Trails) -> Verdict {
        let mut verdict = Verdict { selected: true, descend: true, trails: Trails::default() };
        if !self.include.is_empty() {
            (verdict.selected, verdict.trails.include) = self.include.matches_below(path, &parent.include);
            verdict.descend = verdict.selected || self.include.may_match_below(path);
        }
        if !self.exclude.is_empty() {
            let excluded;
            (excluded, verdict.trails.exclude) = self.exclude.matches_below(path, &parent.exclude);
            if excluded {
                verdict.selected = false;
                verdict.descend = verdict.descend && self.exclude.may_spare_below(path);
            }
        }
        verdict
    }
}

#[derive(Clone, Debug)]
struct Pattern {
    negative: bool,
    matcher: Matcher,
    /// The text up to the first wildcard.
    literal: Box<str>,
    /// The literal text is the whole pattern but for a trailing `**`.
    plain: bool,
}

impl Pattern {
    fn new(text: &str) -> Result<Option<Self>, InvalidPattern> {
        let invalid = |problem| InvalidPattern { pattern: text.to_owned(), problem };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(trimmed);
        let (negative, body) = match cleaned.strip_prefix('!') {
            Some("") => return Err(invalid("nothing behind its `!`")),
            Some(rest) => (true, rest),
            None => (false, cleaned.as_str()),
        };
        let tokens = tokens(body).map_err(invalid)?;
        let literal: String = tokens.iter().map_while(|token| token.literal()).collect();
        let plain = matches!(tokens.get(literal.chars().count()..), Some([] | [Token::Rest]));
        Ok(Some(Self { negative, matcher: Matcher::new(tokens), literal: literal.into(), plain }))
    }

    /// Whether the pattern may match below a directory it does not match. Never wrong when it says no.
    fn may_reach(&self, directory: &[u8]) -> bool {
        let literal = self.literal.as_bytes();
        let inside = |long: &[u8], short: &[u8]| {
            long.strip_prefix(short)
                .is_some_and(|rest| short.is_empty() || short.ends_with(b"/") || rest.starts_with(b"/"))
        };
        // The pattern begins inside the directory, or the directory lies where the pattern has its wildcards.
        inside(literal, directory) || !self.plain && directory.starts_with(parent_of(literal))
    }
}

/// The part of a literal prefix that is whole directories.
fn parent_of(literal: &[u8]) -> &[u8] {
    let end = literal.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    literal.get(..end).unwrap_or_default()
}

pub(crate) fn tokens(pattern: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '*' || chars.next_if_eq(&'*').is_none() {
            tokens.push(glob::token(char, &mut chars)?);
            continue;
        }
        let slash = chars.next_if_eq(&'/').is_some();
        if chars.peek().is_none() {
            tokens.push(Token::Rest);
        } else if !slash && tokens.is_empty() && !glob::has_wildcards(&chars.clone().collect::<String>()) {
            // `**name` at the start is any path with that end, in Docker too.
            tokens.push(Token::Rest);
        } else {
            tokens.extend([Token::Directories, Token::InDirectories]);
        }
    }
    Ok(tokens)
}

/// The shortest equal path, by its text alone; `.` for nothing.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(at, byte)| *at > 0 && **byte == b'/').filter_map(|(at, _)| path.get(..at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], yes: &[&str], no: &[&str]) {
        let list = Patterns::new(patterns).unwrap();
        for (paths, expected) in [(yes, true), (no, false)] {
            for path in paths {
                assert_eq!(list.matches(path.as_bytes()), expected, "{patterns:?} on `{path}`");
                assert_eq!(walked(&list, path), expected, "{patterns:?} on `{path}` in a walk");
            }
        }
    }

    /// Matches a path as a walk does: each parent first, its trail handed down.
    fn walked(list: &Patterns, path: &str) -> bool {
        let mut trail = Trail::default();
        for parent in parents(path.as_bytes()) {
            trail = list.matches_below(parent, &trail).1;
        }
        list.matches_below(path.as_bytes(), &trail).0
    }

    #[test]
    fn lists_match_as_in_dockerignore() {
        check(&["foo"], &["foo", "foo/a", "foo/a/b"], &["foobar", "a/foo", ""]);
        check(&["foo/", "./bar", "x/../y"], &["foo/a", "bar", "y"], &["x"]);
        check(&["*.go"], &["a.go", "a.go/x"], &["a/b.go", "a.goo"]);
        check(&["*/*.go"], &["a/b.go"], &["a.go", "a/b/c.go"]);
        check(&["**"], &["a", "a/b"], &[]);
        check(&["**/foo"], &["foo", "a/foo", "a/b/foo", "a/foo/b"], &["xfoo", "a/xfoo"]);
        check(&["foo/**"], &["foo/a", "foo/a/b"], &["foo", "foobar"]);
        check(&["foo/**/bar"], &["foo/bar", "foo/a/bar", "foo/a/b/bar/c"], &["foo/xbar", "foobar"]);
        check(&["**/*.md"], &["a.md", "d/a.md", "d/e/.md"], &["a.mdx"]);
        check(&["**.md"], &["a.md", "d/a.md"], &["md"]);
        check(&["**file"], &["file", "xfile", "d/xfile"], &["filex"]);
        check(&["a**b"], &["ab", "ax/b", "a/b"], &["axb"]);
        check(&["a[b-d]e?"], &["abez", "adex/y"], &["aee", "abe/"]);
        check(&["a\\*b"], &["a*b"], &["axb"]);
        check(&["  ", ""], &[], &["a", ""]);
        check(&["a.b", "c+d", "e(f"], &["a.b", "c+d", "e(f"], &["axb", "ccd"]);
    }

    #[test]
    fn later_patterns_win() {
        check(&["foo", "!foo/bar"], &["foo", "foo/a"], &["foo/bar", "foo/bar/x"]);
        check(&["foo", "!foo/bar", "foo/bar/x"], &["foo/a", "foo/bar/x"], &["foo/bar", "foo/bar/y"]);
        check(&["!a", "a"], &["a"], &[]);
        check(&["*", "!*.c", "x.c"], &["a.h", "x.c"], &["a.c"]);
        check(&["**", "!src", "src/*.o"], &["a", "src/x.o"], &["src", "src/a.c", "src/d/x.o"]);
    }

    #[test]
    fn bad_lists_name_the_pattern() {
        let of = |text: &str| Patterns::new(&[text]).unwrap_err().to_string();
        insta::assert_snapshot!([of("!"), of("a/[b"), of("a\\")].join("\n"), @r"
        pattern `!` has nothing behind its `!`
        pattern `a/[b` has a `[` without its `]`
        pattern `a\` has a `\` with nothing behind it
        ");
    }

    #[test]
    fn walks_go_only_where_something_may_be() {
        let check = |include: &[&str], exclude: &[&str], path: &str, selected: bool, descend: bool| {
            let verdict = Filter::new(include, exclude).unwrap().judge(path.as_bytes(), &Trails::default());
            let context = format!("{include:?} {exclude:?} `{path}`");
            assert_eq!((verdict.selected, verdict.descend), (selected, descend), "{context}");
        };
        check(&[], &[], "a", true, true);
        check(&["a/b"], &[], "a", false, true);
        check(&["a/b"], &[], "ab", false, false);
        check(&["a/b/**"], &[], "a/b", false, true);
        check(&["a/b*/c"], &[], "a", false, true);
        check(&["a/b*/c"], &[], "a/bx", false, true);
        check(&["a/b*/c"], &[], "c", false, false);
        check(&["**/c"], &[], "x", false, true);
        check(&["a"], &["a/b"], "a/b", false, false);
        check(&[], &["a", "!a/b/c"], "a", false, true);
        check(&[], &["a", "!a/b/c"], "a/x", false, false);
        check(&[], &["a", "!**/c"], "a/x", false, true);
        check(&["x"], &["a", "!a/b"], "a", false, false);
    }

    proptest::proptest! {
        /// A walk that prunes finds what a walk that does not prune finds.
        #[test]
        fn pruning_loses_nothing(
            include in proptest::collection::vec("!?(a|b|\\*|\\*\\*)(/(a|b|c|\\*|\\*\\*|a\\*)){0,3}", 0..4),
            exclude in proptest::collection::vec("!?(a|b|\\*|\\*\\*)(/(a|b|c|\\*|\\*\\*|a\\*)){0,3}", 0..4),
            path in "[abc]{1,2}(/[abc]{1,2}){0,4}",
        ) {
            let filter = Filter::new(&include, &exclude).unwrap();
            let mut trails = Trails::default();
            let mut reached = true;
            for parent in parents(path.as_bytes()) {
                let verdict = filter.judge(parent, &trails);
                reached &= verdict.descend;
                trails = verdict.trails;
            }
            let selected = filter.judge(path.as_bytes(), &trails).selected;
            proptest::prop_assert!(reached || !selected, "{:?} {:?} loses {}", include, exclude, path);
        }
    }
}
