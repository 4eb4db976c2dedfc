//! The texts that every HLB program may use: the declarations of the builtin functions, and the standard modules.
//!
//! Owns texts only. Who compiles them, and how builtin functions work, is not known here.

/// The declarations of all builtin functions, with comments that become documentation and hovers. Functions without a body:
/// `hlb-compiler` implements them.
pub const BUILTIN: &str = include_str!("../modules/builtin.hlb");

/// The declarations of the namespaces, by name: functions that are always there, behind the name of their group.
pub const NAMESPACES: &[(&str, &str)] = &[];

/// All modules by name.
pub const MODULES: &[(&str, &str)] = &[("builtin", BUILTIN)];

/// The text of a module, such as `builtin`.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(module, _)| *module == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_name() {
        assert!(module("builtin").is_some_and(|text| text.contains("fs scratch()")));
        assert_eq!(module("nope"), None);
    }

    #[test]
    fn every_declaration_has_a_comment_directly_above() {
        for (name, text) in MODULES {
            let lines: Vec<&str> = text.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                if !line.is_empty() && !line.starts_with('#') {
                    assert!(at > 0 && lines[at - 1].starts_with('#'), "{name}:{}: `{line}` has no comment", at + 1);
                }
            }
        }
    }
}
