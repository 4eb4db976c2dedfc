//! The lock file: what names stood for when somebody looked.
//!
//! Owns its text. Entries are sorted and each is a block of its own, so that two branches which add different entries can be
//! merged, and two that moved the same one cannot without being noticed.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::Utf8Path;

use crate::name::{Name, NameKind};

/// The form of the text. A reader refuses others.
const VERSION: i64 = 1;
const HEAD: &str = "# What names that may move stand for. `hlbc update` moves them; commit this file.\n";

/// What names stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<Name, String>,
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Its text is not that of a lock file.
    #[error("`{path}` is not a lock file: {why}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be read.
    #[error("cannot read `{path}`: {why}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// It cannot be written.
    #[error("cannot write `{path}`: {why}")]
    Write {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
}

impl Lock {
    /// The name of the file, which stands beside the program.
    pub const NAME: &str = "hlb.lock";

    /// Reads a lock file. Where there is none, nothing is locked.
    ///
    /// # Errors
    /// If it cannot be read, or is not one.
    pub fn read(path: &Utf8Path) -> Result<Self, LockError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::of_text(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(LockError::Read { path: path.to_string(), why: error.to_string() }),
        }
    }

    /// Reads the text of a lock file that somebody else has fetched.
    ///
    /// # Errors
    /// If it is not one.
    pub fn of_text(path: &Utf8Path, text: &str) -> Result<Self, LockError> {
        Self::parse(text).map_err(|why| LockError::Form { path: path.to_string(), why })
    }

    /// Writes a lock file: all of it or nothing.
    ///
    /// # Errors
    /// If its directory cannot be written in.
    pub fn write(&self, path: &Utf8Path) -> Result<(), LockError> {
        let failed = |error: std::io::Error| LockError::Write { path: path.to_string(), why: error.to_string() };
        let dir = match path.parent() {
            Some(dir) if !dir.as_str().is_empty() => dir,
            _ => Utf8Path::new("."),
        };
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut file =
            tempfile::Builder::new().prefix(".hlb.lock-").permissions(mode).tempfile_in(dir).map_err(failed)?;
        file.write_all(self.text().as_bytes()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// What a name stands for.
    pub fn get(&self, name: &Name) -> Option<&str> {
        self.pins.get(name).map(String::as_str)
    }

    /// Writes down what a name stands for.
    pub fn set(&mut self, name: Name, pin: String) {
        self.pins.insert(name, pin);
    }

    /// Forgets a name.
    pub fn remove(&mut self, name: &Name) {
        self.pins.remove(name);
    }

    /// All names with what they stand for, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &str)> {
        self.pins.iter().map(|(name, pin)| (name, pin.as_str()))
    }

    /// The text of a lock file.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        for (name, pin) in &self.pins {
            text.push_str(&format!("\n[{}.{}]\n", name.kind.table(), quoted(&name.text)));
            text.push_str(&format!("{} = \"{pin}\"\n", name.kind.field()));
        }
        text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = toml::from_str(text).map_err(|error| in_line(&error, text))?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(VERSION) => {}
            Some(other) => return Err(format!("it has version {other}, and {VERSION} is known; use a newer hlbc")),
            None => return Err("it has no version".to_owned()),
        }
        let mut lock = Self::default();
        for (key, value) in table.iter().filter(|(key, _)| *key != "version") {
            let kind = NameKind::ALL.into_iter().find(|kind| kind.table() == key);
            let (Some(kind), Some(entries)) = (kind, value.as_table()) else {
                return Err(format!("`{key}` means nothing in it"));
            };
            for (name, entry) in entries {
                let pin = entry.get(kind.field()).and_then(toml::Value::as_str);
                let Some(pin) = pin.filter(|pin| is_pin(kind, pin)) else {
                    return Err(format!("the {} of `{name}` is none", kind.field()));
                };
                lock.set(Name { kind, text: name.clone() }, pin.to_owned());
            }
        }
        Ok(lock)
    }
}

/// Whether a text is what a name of a kind can stand for.
pub(crate) fn is_pin(kind: NameKind, pin: &str) -> bool {
    let hex = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match kind {
        NameKind::Git => hex(pin, &[40, 64]),
        NameKind::Http | NameKind::Image => pin.strip_prefix("sha256:").is_some_and(|rest| hex(rest, &[64])),
    }
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An error of the TOML reader with its line, in one line.
pub(crate) fn in_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
    let message = error.message().replace('\n', ", ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn lock() -> Lock {
        let mut lock = Lock::default();
        lock.set(Name { kind: NameKind::Image, text: "docker.io/library/alpine:3.20".to_owned() }, digest('a'));
        lock.set(Name::git("https://h/o/r", "main"), "c".repeat(40));
        lock.set(Name { kind: NameKind::Http, text: "https://h/x\"\\ y".to_owned() }, digest('b'));
        lock
    }

    #[test]
    fn the_text_stays_as_it_is() {
        insta::assert_snapshot!(lock().text(), @r#"
        # What names that may move stand for. `hlbc update` moves them; commit this file.
        version = 1

        [git."https://h/o/r#main"]
        commit = "cccccccccccccccccccccccccccccccccccccccc"

        [http."https://h/x\"\\ y"]
        digest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

        [image."docker.io/library/alpine:3.20"]
        digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "#);
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("hlb.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        lock().write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock());
        assert_eq!(Lock::parse(&Lock::default().text()).unwrap(), Lock::default());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_texts_are_refused() {
        let check = |text: &str| Lock::parse(text).unwrap_err();
        insta::assert_snapshot!(check(""), @"it has no version");
        insta::assert_snapshot!(check("version = 2"), @"it has version 2, and 1 is known; use a newer hlbc");
        insta::assert_snapshot!(check("version = 1\n[images]"), @"`images` means nothing in it");
        insta::assert_snapshot!(check("version = 1\n[image.\"a:1\"]\ndigest = \"sha256:1\""), @"the digest of `a:1` is none");
        insta::assert_snapshot!(check("version = 1\n[git.\"a#b\"]\ncommit = \"main\""), @"the commit of `a#b` is none");
        // Both sides of a merge moved the same name.
        let entry = format!("[image.\"a:1\"]\ndigest = \"{}\"\n", digest('a'));
        insta::assert_snapshot!(check(&format!("version = 1\n{entry}{entry}")), @"line 4: duplicate key");
        insta::assert_snapshot!(check("version = 1\n<<<<<<< HEAD\n"), @"line 2: key with no value, expected `=`");
    }
}
