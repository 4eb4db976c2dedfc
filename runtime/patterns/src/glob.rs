//! Glob patterns over slash-separated paths, in the syntax of Go's `path.Match`.
//!
//! Owns the tokens, their parser and the matcher, which takes time proportional to pattern times path whatever the
//! pattern. The two tokens that cross slashes are made only by `pattern`. Knows no file system.

use std::ops::RangeInclusive;

/// One step of a compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character.
    Literal(char),
    /// `?`: any character but a slash.
    AnyChar,
    /// `*`: any characters but slashes, possibly none.
    Star,
    /// `[…]`: one character in (or, negated, not in) some ranges.
    Class { negated: bool, ranges: Vec<RangeInclusive<u32>> },
    /// Any number of whole directories, with the slash behind them; possibly none. `InDirectories` always follows.
    Directories,
    /// The inside of `Directories`: ends with a slash. Apart, because only its entry may be passed over.
    InDirectories,
    /// Everything that is left.
    Rest,
}

/// A pattern of Go's `path.Match`: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before a character that shall be itself.
#[derive(Clone, Debug)]
pub struct Glob(Matcher);

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}` has {problem}")]
pub struct InvalidGlob {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Token {
    /// The character of a literal.
    pub(crate) fn literal(&self) -> Option<char> {
        match self {
            Self::Literal(char) => Some(*char),
            _ => None,
        }
    }
}

impl Glob {
    /// Reads a pattern.
    pub fn new(pattern: &str) -> Result<Self, InvalidGlob> {
        let mut chars = pattern.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(first) = chars.next() {
            tokens.push(token(first, &mut chars).map_err(|problem| InvalidGlob { pattern: pattern.into(), problem })?);
        }
        Ok(Self(Matcher::new(tokens)))
    }

    /// Whether the pattern matches a whole path.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.0.matches(path)
    }
}

/// Whether Go would treat the text as a pattern rather than a plain name.
pub fn has_wildcards(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Splits a clean path before its first component that has wildcards: the part to resolve and the part to match.
pub fn split_wildcards(path: &str) -> (&str, &str) {
    let mut start = 0;
    for part in path.split('/') {
        if has_wildcards(part) {
            let (plain, wild) = path.split_at(start);
            return (if plain.len() > 1 { plain.trim_end_matches('/') } else { plain }, wild);
        }
        start += part.len() + 1;
    }
    (path, "")
}

/// Reads what `first` begins. The double star is the caller's.
pub(crate) fn token(first: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    match first {
        '*' => Ok(Token::Star),
        '?' => Ok(Token::AnyChar),
        '\\' => chars.next().map(Token::Literal).ok_or("a `\\` with nothing behind it"),
        '[' => class(chars),
        char => Ok(Token::Literal(char)),
    }
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let low = class_char(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { low };
        ranges.push(u32::from(low)..=u32::from(high));
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, &'static str> {
    match chars.next() {
        None => Err("a `[` without its `]`"),
        Some(']') => Err("an empty `[]`"),
        Some('-') => Err("a range without a start in `[]`"),
        Some('\\') => chars.next().ok_or("a `\\` with nothing behind it"),
        Some(char) => Ok(char),
    }
}

/// Compiled tokens with the literal text at both ends, which settles most paths without a search.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    prefix: Box<str>,
    suffix: Box<str>,
    /// What stands between prefix and suffix; empty if the pattern is the prefix alone.
    middle: Box<[Token]>,
}

impl Matcher {
    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        let prefix: String = tokens.iter().map_while(Token::literal).collect();
        let rest = tokens.get(prefix.chars().count()..).unwrap_or_default();
        let mut suffix: Vec<char> = rest.iter().rev().map_while(Token::literal).collect();
        suffix.reverse();
        let middle = rest.get(..rest.len() - suffix.len()).unwrap_or_default();
        Self { prefix: prefix.into(), suffix: suffix.into_iter().collect(), middle: middle.into() }
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let Some(rest) = path.strip_prefix(self.prefix.as_bytes()) else { return false };
        if self.middle.is_empty() {
            return rest.is_empty();
        }
        let Some(rest) = rest.strip_suffix(self.suffix.as_bytes()) else { return false };
        search(&self.middle, rest)
    }
}

/// Follows all ways through the tokens at once. `alive[i]`: the first `i` tokens match what was read so far.
fn search(tokens: &[Token], text: &[u8]) -> bool {
    let mut alive = vec![false; tokens.len() + 1];
    let mut next = alive.clone();
    set(&mut alive, 0, true);
    pass_optional(tokens, &mut alive);
    for unit in Units(text) {
        next.fill(false);
        for (at, (token, _)) in tokens.iter().zip(&alive).enumerate().filter(|(_, (_, alive))| **alive) {
            let (stay, advance) = match token {
                Token::Literal(char) => (false, unit == u32::from(*char)),
                Token::AnyChar => (false, unit != SLASH),
                Token::Class { negated, ranges } => {
                    (false, unit != SLASH && ranges.iter().any(|range| range.contains(&unit)) != *negated)
                }
                Token::Star => (unit != SLASH, false),
                Token::Directories => (false, false),
                Token::InDirectories => (true, unit == SLASH),
                Token::Rest => (true, false),
            };
            set(&mut next, at, stay);
            set(&mut next, at + 1, advance);
        }
        std::mem::swap(&mut alive, &mut next);
        pass_optional(tokens, &mut alive);
    }
    alive.last().copied().unwrap_or(false)
}

/// Lets the search pass tokens that may match nothing.
fn pass_optional(tokens: &[Token], alive: &mut [bool]) {
    for (at, token) in tokens.iter().enumerate() {
        if alive.get(at).copied().unwrap_or(false) {
            match token {
                Token::Star | Token::Rest => set(alive, at + 1, true),
                Token::Directories => {
                    set(alive, at + 1, true);
                    set(alive, at + 2, true);
                }
                _ => {}
            }
        }
    }
}

fn set(alive: &mut [bool], at: usize, value: bool) {
    if let Some(slot) = alive.get_mut(at) {
        *slot |= value;
    }
}

const SLASH: u32 = '/' as u32;

/// The characters of a path that need not be UTF-8: a byte that belongs to no character is a unit of its own, equal to
/// no character.
struct Units<'a>(&'a [u8]);

impl Iterator for Units<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (&first, after) = self.0.split_first()?;
        let length = match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        if let Some((bytes, rest)) = self.0.split_at_checked(length)
            && let Ok(text) = std::str::from_utf8(bytes)
            && let Some(char) = text.chars().next()
        {
            self.0 = rest;
            return Some(char.into());
        }
        self.0 = after;
        Some(0x11_0000 + u32::from(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let glob = Glob::new(pattern).unwrap();
        for path in yes {
            assert!(glob.matches(path.as_bytes()), "`{pattern}` should match `{path}`");
        }
        for path in no {
            assert!(!glob.matches(path.as_bytes()), "`{pattern}` should not match `{path}`");
        }
    }

    #[test]
    fn globs_match_as_in_go() {
        check("/a.txt", &["/a.txt"], &["/a", "/a.txtx", "a.txt"]);
        check("/*.txt", &["/a.txt", "/.txt"], &["/d/a.txt", "/a.txt.md"]);
        check("a*b*c", &["abc", "axxbyyc", "abbcbc"], &["ab", "a/bc", "abcd"]);
        check("a?c", &["abc", "a\u{e9}c"], &["ac", "a/c", "abbc"]);
        check("[a-c]x", &["ax", "cx"], &["dx", "/x"]);
        check("[^a-c]x", &["dx", "\u{4e16}x"], &["ax", "/x"]);
        check("[\\]a]x", &["]x", "ax"], &["\\x"]);
        check("\\*", &["*"], &["a"]);
        check("**", &["", "ab"], &["a/b"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_characters() {
        let glob = Glob::new("a?[^x]*").unwrap();
        assert!(glob.matches(b"a\xff\xfe\xfd"));
        assert!(!Glob::new("a\u{fffd}").unwrap().matches(b"a\xff"));
    }

    #[test]
    fn long_patterns_take_no_exponential_time() {
        let text = "a".repeat(20_000);
        assert!(!Glob::new(&"a*".repeat(30).replace("a*a*a*", "a*a*ba*")).unwrap().matches(text.as_bytes()));
    }

    #[test]
    fn bad_globs_say_what_is_wrong() {
        let problems = ["[a", "[]", "[-a]", "a\\", "[a-]"].map(|text| Glob::new(text).unwrap_err().to_string());
        insta::assert_snapshot!(problems.join("\n"), @r"
        pattern `[a` has a `[` without its `]`
        pattern `[]` has an empty `[]`
        pattern `[-a]` has a range without a start in `[]`
        pattern `a\` has a `\` with nothing behind it
        pattern `[a-]` has an empty `[]`
        ");
    }

    #[test]
    fn wildcards_split_at_their_component() {
        assert_eq!(split_wildcards("/a/b*/c"), ("/a", "b*/c"));
        assert_eq!(split_wildcards("/*.txt"), ("/", "*.txt"));
        assert_eq!(split_wildcards("/a/\\*"), ("/a/\\*", ""));
        assert_eq!(split_wildcards("*"), ("", "*"));
    }
}
