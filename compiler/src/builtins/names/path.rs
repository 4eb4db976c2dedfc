//! The namespace `path`.
//!
//! Owns what its functions do, which is lexical: no disk is looked at. What a pattern selects is the business of
//! `hlb-patterns`, so that it is here what it is for `includePatterns`.

use hlb_patterns::Patterns;

use super::Table;
use super::refusal::{Refusal, shown};
use crate::builtins::Invocation;
use crate::builtins::argument::Arguments;
use crate::eval::MAX_TEXT;
use crate::eval::value::Value;
use crate::path;

pub(super) const TABLE: Table = &[
    ("base", |_, call| Ok(Value::Text(base(&path::clean(call.text(0))).into()))),
    ("dir", |_, call| Ok(Value::Text(dir(&path::clean(call.text(0))).into()))),
    ("ext", |_, call| Ok(Value::Text(split(base(&path::clean(call.text(0)))).1.into()))),
    ("stem", |_, call| Ok(Value::Text(split(base(&path::clean(call.text(0)))).0.into()))),
    ("isAbs", |_, call| Ok(Value::Bool(call.text(0).starts_with('/')))),
    ("join", |_, call| join(&call.texts(0)).map_err(|error| error.at(call, 0))),
    ("clean", |_, call| Ok(Value::Text(path::clean(call.text(0)).into()))),
    ("rel", |_, call| {
        rel(call.text(0), call.text(1)).map(|way| Value::Text(way.into())).map_err(|error| error.at(call, 1))
    }),
    ("matches", |_, call| matches(call).map(Value::Bool).map_err(|(index, error)| error.at(call, index))),
];

/// Longer paths are none that a filesystem could have, and matching takes as long as path and pattern multiplied.
const MAX_PATH: usize = 4096;

fn base(clean: &str) -> &str {
    match clean.rsplit_once('/') {
        Some((_, base)) if !base.is_empty() => base,
        _ => clean,
    }
}

fn dir(clean: &str) -> &str {
    match clean.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((dir, _)) => dir,
        None => ".",
    }
}

/// A name and its ending.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name != ".." => name.split_at_checked(at).unwrap_or((name, "")),
        _ => (name, ""),
    }
}

fn join(parts: &[String]) -> Result<Value, Refusal> {
    let filled: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if filled.iter().map(|part| part.len() + 1).sum::<usize>() > MAX_TEXT {
        return Err(Refusal::long_text());
    }
    Ok(Value::Text(if filled.is_empty() { String::new() } else { path::clean(&filled.join("/")) }.into()))
}

fn rel(to: &str, from: &str) -> Result<String, Refusal> {
    let (to, from) = (path::clean(to), path::clean(from));
    if to.starts_with('/') != from.starts_with('/') {
        let refusal = Refusal::new(format!(
            "no way leads from {} to {}: one of them is absolute, the other is not",
            shown(&from),
            shown(&to)
        ));
        return Err(refusal.help("write both from the root, or both from the same directory"));
    }
    let names = |path: &'_ str| -> Vec<String> {
        path.split('/').filter(|name| !name.is_empty() && *name != ".").map(str::to_owned).collect()
    };
    let (to_names, from_names) = (names(&to), names(&from));
    let common = to_names.iter().zip(&from_names).take_while(|(one, other)| one == other).count();
    let (up, down) = (from_names.get(common..).unwrap_or_default(), to_names.get(common..).unwrap_or_default());
    if up.iter().any(|name| name == "..") {
        let refusal = Refusal::new(format!(
            "no way is known from {} to {}: what `..` is called is not known",
            shown(&from),
            shown(&to)
        ));
        return Err(refusal.help("begin at a directory below"));
    }
    let mut way = vec![".."; up.len()];
    way.extend(down.iter().map(String::as_str));
    Ok(if way.is_empty() { ".".to_owned() } else { way.join("/") })
}

fn matches(call: &Invocation) -> Result<bool, (usize, Refusal)> {
    let path = path::clean(call.text(0));
    let patterns = call.texts(1);
    short(&path).map_err(|error| (0, error))?;
    for (at, pattern) in patterns.iter().enumerate() {
        check(pattern).map_err(|error| (at + 1, error))?;
    }
    let patterns = Patterns::new(&patterns).map_err(|error| (1, Refusal::new(error.to_string())))?;
    Ok(patterns.matches(path.trim_start_matches('/').as_bytes()))
}

fn short(path: &str) -> Result<(), Refusal> {
    let long = || Refusal::too_much(format!("this is longer than the {MAX_PATH} bytes that a path may have"));
    if path.len() > MAX_PATH { Err(long()) } else { Ok(()) }
}

/// Whether a text is a pattern.
pub(super) fn check(pattern: &str) -> Result<(), Refusal> {
    short(pattern)?;
    match Patterns::new(&[pattern]) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Refusal::new(format!("the {error}")).help("write `\\\\` before a character that stands for itself"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_parts() {
        for (given, of_dir, of_base, stem, ext) in [
            ("/a/b.c", "/a", "b.c", "b", ".c"),
            ("/a/b/", "/a", "b", "b", ""),
            ("/a", "/", "a", "a", ""),
            ("a", ".", "a", "a", ""),
            ("/", "/", "/", "/", ""),
            ("", ".", ".", ".", ""),
            ("..", ".", "..", "..", ""),
            ("a/..", ".", ".", ".", ""),
            ("a/.bashrc", "a", ".bashrc", ".bashrc", ""),
            ("a.tar.gz", ".", "a.tar.gz", "a.tar", ".gz"),
            ("a.", ".", "a.", "a", "."),
        ] {
            let clean = path::clean(given);
            let name = base(&clean);
            assert_eq!((dir(&clean), name, split(name)), (of_dir, of_base, (stem, ext)), "{given:?}");
        }
    }

    #[test]
    fn ways_lead_from_one_path_to_another() {
        for (to, from, way) in [
            ("/a/b", "/a", "b"),
            ("/a", "/a/b", ".."),
            ("/a/b", "/a/c/d", "../../b"),
            ("/a", "/a/", "."),
            ("a", ".", "a"),
            ("../a", ".", "../a"),
            ("../a", "../b", "../a"),
            ("/", "/a", ".."),
        ] {
            assert_eq!(rel(to, from).as_deref(), Ok(way), "{to:?} from {from:?}");
        }
        assert!(rel("/a", "a").is_err());
        assert!(rel("a", "..").is_err());
    }

    #[test]
    fn paths_are_joined_and_cleaned() {
        let check = |parts: &[&str], expected: &str| {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(join(&parts).unwrap().text(), expected, "{parts:?}");
        };
        check(&["/a", "b"], "/a/b");
        check(&["a", "/b"], "a/b");
        check(&["", "", "b/"], "b");
        check(&["a", ".."], ".");
        check(&[""], "");
    }

    #[test]
    fn patterns_are_checked() {
        assert!(check("**/*.go").is_ok() && check("!a").is_ok());
        assert!(check("[a").is_err() && check(&"a".repeat(5000)).is_err());
    }
}
