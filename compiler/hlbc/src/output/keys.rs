//! The keys of an output.
//!
//! Owns the line of CSV that they stand in, as BuildKit's own tools take it, and the form of their values. Which keys a type has
//! is not known here.

use std::path::PathBuf;

use hlb_registry::{Platform, Reference};
use hlb_runtime::{Annotations, Place, PlatformAnnotation};

/// Keys that nobody has asked for yet.
pub(super) struct Keys {
    left: Vec<(String, Option<String>)>,
    pub(super) kind: String,
}

impl Keys {
    /// Reads `KEY=VALUE` fields. A key whose value is not there is a flag.
    pub(super) fn read(fields: &[String]) -> Result<Self, String> {
        let mut left: Vec<(String, Option<String>)> = Vec::new();
        for field in fields {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value.to_owned())),
                None => (field.as_str(), None),
            };
            // What comes behind the dot is a name of the user's.
            let key = match key.trim().split_once('.') {
                Some((first, rest)) if first.to_lowercase().starts_with("annotation") => {
                    format!("{}.{rest}", first.to_lowercase())
                }
                _ => key.trim().to_lowercase(),
            };
            if left.iter().any(|(known, _)| *known == key) {
                return Err(format!("`{key}` is there twice"));
            }
            left.push((key, value));
        }
        let mut keys = Self { left, kind: String::new() };
        keys.kind = keys.text("type")?.ok_or_else(|| "say what it is with `type=TYPE`".to_owned())?;
        Ok(keys)
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.left.iter().any(|(known, _)| known == key)
    }

    fn take(&mut self, key: &str) -> Option<Option<String>> {
        let at = self.left.iter().position(|(known, _)| known == key)?;
        Some(self.left.remove(at).1)
    }

    /// A value; none if it is empty.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.take(key) {
            Some(None) => Err(format!("`{key}` has no value: write it as `{key}=VALUE`")),
            Some(Some(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
            None => Ok(None),
        }
    }

    /// A value that must be there.
    pub(super) fn needed(&mut self, key: &str) -> Result<String, String> {
        let kind = self.kind.clone();
        self.text(key)?.ok_or_else(|| format!("`type={kind}` needs `{key}=…`"))
    }

    /// Yes or no; a key alone is a yes.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.take(key).map(Option::unwrap_or_default).as_deref() {
            None => Ok(None),
            Some("" | "true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(format!("`{key}` can be `true` or `false`, not `{other}`")),
        }
    }

    /// A number of seconds since 1970.
    pub(super) fn seconds(&mut self, key: &str) -> Result<Option<u64>, String> {
        self.text(key)?.map(|text| seconds(key, &text)).transpose()
    }

    /// Where a stream goes, if that is said.
    pub(super) fn place(&mut self) -> Result<Option<Place>, String> {
        Ok(self.text("dest")?.map(|path| match path.as_str() {
            "-" => Place::Stdout,
            path => Place::File(PathBuf::from(path)),
        }))
    }

    /// The normalised names of an image. With `untagged` they may have no tag.
    pub(super) fn names(&mut self, untagged: bool) -> Result<Vec<String>, String> {
        let names = self.text("name")?.unwrap_or_default();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let normal = names.map(|name| {
            if name == "*" {
                return Err("`name=*` takes the name that a frontend gives, and there is none here".to_owned());
            }
            let reference = Reference::parse(name).map_err(|error| error.to_string())?;
            let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
            match untagged && has_tag {
                true => Err(format!("`{name}` has a tag, and `push-by-digest` gives none: leave one of them out")),
                false => Ok(reference.to_string()),
            }
        });
        let mut names: Vec<String> = normal.collect::<Result<_, _>>()?;
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    /// All keys that are annotations, in their order.
    pub(super) fn annotations(&mut self) -> Result<Annotations, String> {
        let mut all = Annotations::default();
        let (ours, rest) =
            std::mem::take(&mut self.left).into_iter().partition(|(key, _)| key.starts_with("annotation"));
        self.left = rest;
        let ours: Vec<(String, Option<String>)> = ours;
        for (key, value) in ours {
            let wrong = || format!("`{key}` is no annotation: write it as `annotation.NAME=VALUE`");
            let (what, name) = key.split_once('.').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
            let value = value.unwrap_or_default();
            let (what, platform) = match what.split_once('[') {
                Some((what, rest)) => (what, Some(platform(rest.strip_suffix(']').ok_or_else(wrong)?)?)),
                None => (what, None),
            };
            let on = |platform| PlatformAnnotation { platform, key: name.to_owned(), value: value.clone() };
            match (what, platform) {
                ("annotation" | "annotation-manifest", platform) => all.manifest.push(on(platform)),
                ("annotation-manifest-descriptor", platform) => all.manifest_descriptor.push(on(platform)),
                ("annotation-index", None) => all.index.push((name.to_owned(), value)),
                ("annotation-index-descriptor", None) => all.index_descriptor.push((name.to_owned(), value)),
                ("annotation-index" | "annotation-index-descriptor", Some(_)) => {
                    return Err(format!("`{key}`: an index is there for all platforms"));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(all)
    }

    /// Refuses what is not known.
    pub(super) fn end(self) -> Result<(), String> {
        match self.left.first() {
            Some((key, _)) => Err(format!("`type={}` has no `{key}`", self.kind)),
            None => Ok(()),
        }
    }
}

/// A number of seconds since 1970.
pub(super) fn seconds(key: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{key}` is a number of seconds since 1970, not `{text}`"))
}

fn platform(text: &str) -> Result<Platform, String> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [os, architecture] => Ok(Platform::new(os, architecture, "")),
        [os, architecture, variant] => Ok(Platform::new(os, architecture, variant)),
        _ => Err(format!("`{text}` is no platform: write it as `linux/amd64`")),
    }
}

/// The fields of a line of CSV. A field in quotes may hold commas, and quotes as two of them.
pub(crate) fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            None => match rest.split_once(',') {
                Some((field, behind)) => (field.to_owned(), Some(behind)),
                None => (rest.to_owned(), None),
            },
            Some(quoted) => {
                let (field, behind) = unquote(quoted).ok_or_else(|| "a quote is not closed".to_owned())?;
                match behind.strip_prefix(',') {
                    Some(behind) => (field, Some(behind)),
                    None if behind.is_empty() => (field, None),
                    None => return Err(format!("after a quote a comma must come, not `{behind}`")),
                }
            }
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// The text up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"')?;
        field.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                field.push('"');
                rest = behind;
            }
            None => return Some((field, behind)),
        }
    }
}
