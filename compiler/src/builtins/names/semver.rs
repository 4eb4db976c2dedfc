//! The namespace `semver`.
//!
//! Owns what is forgiven in the spelling of versions: a `v` in front, and numbers that are left out. Their order and ranges
//! are the `semver` crate's.

use std::cmp::Ordering;

use ::semver::{BuildMetadata, Prerelease, Version, VersionReq};

use super::refusal::{Refusal, shown};
use super::{Invocation, Table};
use crate::builtins::argument::Arguments;
use crate::eval::Fail;
use crate::eval::value::Value;

pub(super) const TABLE: Table = &[
    ("isValid", |_, call| Ok(Value::Bool(Version::parse(bare(call.text(0)).1).is_ok()))),
    ("compare", |_, call| {
        Ok(Value::Int(match read(call, 0)?.cmp_precedence(&read(call, 1)?) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }))
    }),
    ("satisfies", |_, call| {
        let range = range(call.text(1)).map_err(|error| error.at(call, 1))?;
        Ok(Value::Bool(range.matches(&read(call, 0)?)))
    }),
    ("sort", |_, call| {
        let mut versions = all(call)?;
        versions.sort_by(|(one, _), (other, _)| one.cmp_precedence(other));
        Ok(Value::list(versions.into_iter().map(|(_, text)| text.clone()).collect()))
    }),
    ("max", |_, call| {
        let newest = all(call)?.into_iter().max_by(|(one, _), (other, _)| one.cmp_precedence(other));
        Ok(newest.map_or(Value::None, |(_, text)| text.clone()))
    }),
    ("major", |_, call| part(call, |version| version.major)),
    ("minor", |_, call| part(call, |version| version.minor)),
    ("patch", |_, call| part(call, |version| version.patch)),
    ("prerelease", |_, call| {
        let version = read(call, 0)?;
        Ok(if version.pre.is_empty() { Value::None } else { Value::Text(version.pre.as_str().into()) })
    }),
    ("bump", |_, call| {
        let next = bump(read(call, 0)?, call.text(1)).map_err(|error| error.at(call, 1))?;
        Ok(Value::Text(format!("{}{next}", bare(call.text(0)).0).into()))
    }),
];

/// The words for the numbers of a version.
pub(super) const PARTS: &[&str] = &["major", "minor", "patch"];

/// More than this is no version, and need not be shown.
const MAX_VERSION: usize = 256;

/// What stands in front of a version, and the version.
fn bare(text: &str) -> (&str, &str) {
    match text.strip_prefix('v') {
        Some(rest) => ("v", rest),
        None => ("", text),
    }
}

fn parse(text: &str) -> Result<Version, Refusal> {
    if text.len() > MAX_VERSION {
        return Err(Refusal::new(format!("a text of {} bytes is no version", text.len())));
    }
    let whole = bare(text).1;
    let (numbers, rest) = whole.split_at_checked(whole.find(['-', '+']).unwrap_or(whole.len())).unwrap_or((whole, ""));
    let missing = match numbers.split('.').count() {
        1 => ".0.0",
        2 => ".0",
        _ => "",
    };
    Version::parse(&format!("{numbers}{missing}{rest}")).map_err(|error| {
        let refusal = Refusal::new(format!("{} is no version: {error}", shown(text)));
        refusal.help("write up to three numbers without zeros in front, such as `1.2.3`, `v1.22` or `2.0.0-rc.1`")
    })
}

fn read(call: &Invocation, index: usize) -> Result<Version, Fail> {
    parse(call.text(index)).map_err(|error| error.at(call, index))
}

fn all(call: &Invocation) -> Result<Vec<(Version, &Value)>, Fail> {
    let versions = call.items(0).iter().map(|item| Ok((parse(item.text())?, item)));
    versions.collect::<Result<_, Refusal>>().map_err(|error| error.at(call, 0))
}

fn range(text: &str) -> Result<VersionReq, Refusal> {
    if text.len() > MAX_VERSION * 8 {
        return Err(Refusal::new(format!("a text of {} bytes is no range of versions", text.len())));
    }
    VersionReq::parse(text).map_err(|error| {
        let refusal = Refusal::new(format!("{} is no range of versions: {error}", shown(text)));
        refusal.help("write conditions with commas between them, such as `>=1.2, <2`, `^1.2`, `~1.2.3` or `1.*`")
    })
}

/// Whether a text is a range of versions.
pub(super) fn check_range(text: &str) -> Result<(), Refusal> {
    range(text).map(|_| ())
}

fn part(call: &Invocation, of: fn(&Version) -> u64) -> Result<Value, Fail> {
    let number = of(&read(call, 0)?);
    match i64::try_from(number) {
        Ok(number) => Ok(Value::Int(number)),
        Err(_) => Err(Refusal::new(format!("{number} is greater than a number can be")).at(call, 0)),
    }
}

fn bump(mut version: Version, part: &str) -> Result<Version, Refusal> {
    let before = !version.pre.is_empty();
    version.pre = Prerelease::EMPTY;
    version.build = BuildMetadata::EMPTY;
    // 2.0.0-rc.1 leads to 2.0.0, whichever number is to grow.
    let (number, released) = match part {
        "major" => (&mut version.major, version.minor == 0 && version.patch == 0),
        "minor" => (&mut version.minor, version.patch == 0),
        "patch" => (&mut version.patch, true),
        _ => {
            let refusal = Refusal::new(format!("{} is no part of a version", shown(part)));
            return Err(refusal.help("use one of `major`, `minor` and `patch`"));
        }
    };
    if before && released {
        return Ok(version);
    }
    *number = number.checked_add(1).ok_or_else(|| Refusal::new(format!("the {part} number cannot grow any more")))?;
    if part != "patch" {
        version.patch = 0;
    }
    if part == "major" {
        version.minor = 0;
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_may_be_short_and_have_a_v() {
        for (text, expected) in [
            ("1.2.3", "1.2.3"),
            ("v1.2.3", "1.2.3"),
            ("1.22", "1.22.0"),
            ("v2", "2.0.0"),
            ("1-rc.1", "1.0.0-rc.1"),
            ("1.2+b.1-2", "1.2.0+b.1-2"),
        ] {
            assert_eq!(parse(text).map(|version| version.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "v", "1.", "1.2.3.4", "01.2", "latest", "1.2.x", " 1.2", "vv1", &"1".repeat(300)] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_grow() {
        for (text, part, expected) in [
            ("1.2.3", "major", "2.0.0"),
            ("1.2.3", "minor", "1.3.0"),
            ("1.2.3+b", "patch", "1.2.4"),
            ("1.2.3-rc.1", "patch", "1.2.3"),
            ("1.2.0-rc.1", "minor", "1.2.0"),
            ("1.2.3-rc.1", "minor", "1.3.0"),
            ("2.0.0-rc.1", "major", "2.0.0"),
            ("2.1.0-rc.1", "major", "3.0.0"),
        ] {
            let next = bump(parse(text).unwrap(), part);
            assert_eq!(next.map(|version| version.to_string()).as_deref(), Ok(expected), "{text} {part}");
        }
        assert!(bump(parse("1").unwrap(), "nano").is_err());
        assert!(bump(Version::new(u64::MAX, 0, 0), "major").is_err());
    }

    #[test]
    fn ranges_are_checked() {
        for text in [">=1.2, <2", "^1", "~1.2.3", "1.*", "*", "=1.2.3"] {
            assert_eq!(check_range(text), Ok(()), "{text}");
        }
        for text in ["", "latest", ">=1.2 <2", "1.2.3.4"] {
            assert!(check_range(text).is_err(), "{text:?}");
        }
    }
}
