//! What the user wants, and where things are on this machine.
//!
//! Owns the names of settings (the section `hlb`) and the directories.

use std::os::unix::fs::MetadataExt;

use camino::Utf8PathBuf;
use hlb_ide::{InlaySettings, Settings};
use serde_json::Value;

/// The settings of somebody who has set nothing. The texts that are built in are written where they can be looked at, if there is
/// a place for them.
pub(crate) fn of_machine() -> Settings {
    let stdlib = stdlib().filter(|directory| hlb_ide::write_stdlib(directory).is_ok());
    Settings { state: state(), stdlib, ..Settings::default() }
}

/// Settings changed by what a client says: the section itself, or an object with the section `hlb`. What is not said, or
/// makes no sense, stays.
pub(crate) fn changed(settings: &Settings, said: &Value) -> Settings {
    let section = said.get("hlb").unwrap_or(said);
    let flag = |path: &str, before: bool| section.pointer(path).and_then(Value::as_bool).unwrap_or(before);
    let InlaySettings { parameters, types, digests } = settings.inlay;
    Settings {
        inlay: InlaySettings {
            parameters: flag("/inlayHints/parameters", parameters),
            types: flag("/inlayHints/types", types),
            digests: flag("/inlayHints/digests", digests),
        },
        lenses: flag("/codeLens/enabled", settings.lenses),
        strict: flag("/strict", settings.strict),
        ..settings.clone()
    }
}

/// The state directory of `hlbc`, by the rules of `hlbc`.
fn state() -> Option<Utf8PathBuf> {
    let superuser = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    directory("HLBC_ROOT").or_else(|| {
        if superuser {
            return Some("/var/lib/hlbc".into());
        }
        Some(directory("XDG_STATE_HOME").or_else(|| Some(directory("HOME")?.join(".local/state")))?.join("hlbc"))
    })
}

/// Where the texts lie that are built in.
fn stdlib() -> Option<Utf8PathBuf> {
    let cache = directory("XDG_CACHE_HOME").or_else(|| Some(directory("HOME")?.join(".cache")))?;
    Some(cache.join("hlb").join(concat!("stdlib-", env!("CARGO_PKG_VERSION"))))
}

/// A directory that a variable names.
fn directory(variable: &str) -> Option<Utf8PathBuf> {
    let named = std::env::var(variable).ok().map(Utf8PathBuf::from);
    named.filter(|it| it.is_absolute())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_with_and_without_their_section() {
        let before = Settings::default();
        for said in [
            json!({"hlb": {"inlayHints": {"types": false}, "codeLens": {"enabled": false}, "strict": true}}),
            json!({"inlayHints": {"types": false, "parameters": "no"}, "codeLens": {"enabled": false}, "strict": true}),
        ] {
            let after = changed(&before, &said);
            let inlay = InlaySettings { parameters: true, types: false, digests: true };
            assert_eq!(after, Settings { inlay, lenses: false, strict: true, ..Settings::default() }, "{said}");
        }
        for nothing in [json!(null), json!(3), json!({"hlb": null}), json!({"strict": 1})] {
            assert_eq!(changed(&before, &nothing), before, "{nothing}");
        }
    }
}
