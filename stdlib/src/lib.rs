//! The texts that every HLB program may use: the declarations of the builtin functions, and the standard modules.
//!
//! Owns texts only. Who compiles them, and how builtin functions work, is not known here.

/// The declarations of all builtin functions, with comments that become documentation and hovers. Functions without a body:
/// `hlb-compiler` implements them.
pub const BUILTIN: &str = include_str!("../modules/builtin.hlb");

/// The standard modules by name: what `std/NAME` is imported from. They are programs like those of anybody.
pub const MODULES: &[(&str, &str)] =
    &[("apt", include_str!("../modules/apt.hlb")), ("go", include_str!("../modules/go.hlb"))];

/// The namespaces that are always there, in the order of the reference: name and declarations, in the same form as [`BUILTIN`].
/// The first paragraph of each says what it is about.
pub const NAMESPACES: &[(&str, &str)] = &[
    ("str", include_str!("../modules/str.hlb")),
    ("list", include_str!("../modules/list.hlb")),
    ("map", include_str!("../modules/map.hlb")),
    ("path", include_str!("../modules/path.hlb")),
    ("json", include_str!("../modules/json.hlb")),
    ("regex", include_str!("../modules/regex.hlb")),
    ("semver", include_str!("../modules/semver.hlb")),
    ("hash", include_str!("../modules/hash.hlb")),
    ("env", include_str!("../modules/env.hlb")),
    ("time", include_str!("../modules/time.hlb")),
    ("image", include_str!("../modules/image.hlb")),
];

/// The text of a standard module, such as `go`.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(module, _)| *module == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_name() {
        assert!(module("go").is_some_and(|text| text.contains("export fs build(")));
        assert_eq!(module("nope"), None);
    }

    #[test]
    fn every_namespace_says_what_it_is_about() {
        for (name, text) in NAMESPACES {
            let head = text.split("\n\n").next().unwrap_or_default();
            assert!(head.lines().all(|line| line.starts_with("# ")), "{name}: {head}");
        }
    }

    #[test]
    fn every_function_of_a_namespace_has_an_example() {
        for (name, text) in NAMESPACES {
            // What pipelines do is not a value that could be shown.
            let shown = |part: &&str| !part.starts_with("# ----") && !part.contains("\npipeline ");
            for part in text.split("\n\n").skip(1).filter(shown) {
                let shown = part.lines().any(|line| line.starts_with("# @example ") && line.contains(" => "));
                assert!(shown, "{name}: no example in\n{part}");
            }
        }
    }

    #[test]
    fn every_declaration_has_a_comment_directly_above() {
        for (name, text) in std::iter::once(&("builtin", BUILTIN)).chain(NAMESPACES) {
            let lines: Vec<&str> = text.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                if !line.is_empty() && !line.starts_with('#') {
                    assert!(at > 0 && lines[at - 1].starts_with('#'), "{name}:{}: `{line}` has no comment", at + 1);
                }
            }
        }
    }
}
