//! A tree as text, from a tar stream.
//!
//! Owns what of a tree counts: path, kind, permission bits, owner, size, content, link target, device numbers, hard links,
//! extended attributes, and the time where it is not that of the build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use hlb_llb::Digest;
use tar::EntryType;

/// Files younger than this were made by the build. All inputs are older by years.
const YOUNG: u64 = 24 * 60 * 60;

struct Entry {
    line: String,
    /// Of a hard link, the entry that it is the same file as.
    same: Option<String>,
}

/// The listing of a tar stream: a line for each entry, by path.
///
/// # Errors
/// If the stream is not a tar stream, or names an entry twice.
pub fn list(stream: impl Read) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut archive = tar::Archive::new(stream);
    // Records are read here: values of attributes may hold line ends, which the crate takes for the end of the record.
    let mut records = Records::default();
    for entry in archive.entries().map_err(|error| error.to_string())?.raw(true) {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| error.to_string())?;
        match entry.header().entry_type() {
            EntryType::XHeader => records.read(&content)?,
            EntryType::XGlobalHeader => {}
            EntryType::GNULongName => _ = records.0.insert("path".to_owned(), without_end(content)),
            EntryType::GNULongLink => _ = records.0.insert("linkpath".to_owned(), without_end(content)),
            _ => {
                let records = std::mem::take(&mut records);
                let path = records.0.get("path").cloned().unwrap_or_else(|| entry.path_bytes().into_owned());
                let path = name(&path);
                let read = read(&entry, &records, &content, now).map_err(|error| format!("{path}: {error}"))?;
                if entries.insert(path.clone(), read).is_some() {
                    return Err(format!("{path}: more than one entry"));
                }
            }
        }
    }
    let mut text = String::new();
    for (path, entry) in &entries {
        let (mut line, mut link) = (&entry.line, String::new());
        if let Some(first) = &entry.same {
            let Some(original) = entries.get(first) else { return Err(format!("{path}: a link to nothing")) };
            line = &original.line;
        }
        // Which of its names comes first in the stream does not matter: the first by path stands for the file.
        let file = entry.same.as_ref().unwrap_or(path);
        let first = entries.iter().find(|(name, other)| *name == file || other.same.as_ref() == Some(file));
        if let Some((first, _)) = first.filter(|(first, _)| *first != path) {
            let _ = write!(link, " = {first}");
        }
        let _ = writeln!(text, "{path} {line}{link}");
    }
    Ok(text)
}

/// A path without what programs differ in: `./` in front, `/` at the end.
fn name(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    let text = text.strip_prefix("./").unwrap_or(&text);
    format!("/{}", text.trim_matches('/'))
}

/// What stands in front of an entry: values that its header has no room for.
#[derive(Default)]
struct Records(BTreeMap<String, Vec<u8>>);

impl Records {
    /// Reads records: each is its length, a space, `KEY=VALUE` and a line end.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let malformed = || format!("a malformed record: {}", bytes.escape_ascii());
            let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
            let length: usize = String::from_utf8_lossy(&bytes[..space]).parse().map_err(|_| malformed())?;
            let record = bytes.get(space + 1..length.saturating_sub(1)).ok_or_else(malformed)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
            self.0.insert(String::from_utf8_lossy(&record[..equals]).into_owned(), record[equals + 1..].to_vec());
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// A number, in whole units.
    fn number(&self, key: &str) -> Option<u64> {
        let text = String::from_utf8_lossy(self.0.get(key)?).into_owned();
        text.split('.').next()?.parse().ok()
    }
}

fn without_end(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn read(entry: &tar::Entry<'_, impl Read>, records: &Records, content: &[u8], now: u64) -> std::io::Result<Entry> {
    let header = entry.header();
    let linked = || header.link_name_bytes().map(|target| target.into_owned());
    let target = records.0.get("linkpath").cloned().or_else(linked).unwrap_or_default();
    let kind = header.entry_type();
    if kind == EntryType::Link {
        return Ok(Entry { line: String::new(), same: Some(name(&target)) });
    }
    let word = match kind {
        EntryType::Directory => "dir",
        EntryType::Symlink => "link",
        EntryType::Char => "char",
        EntryType::Block => "block",
        EntryType::Fifo => "fifo",
        EntryType::Regular | EntryType::Continuous => "file",
        _ => "other",
    };
    let uid = records.number("uid").map_or_else(|| header.uid(), Ok)?;
    let gid = records.number("gid").map_or_else(|| header.gid(), Ok)?;
    let mut line = format!("{word} {:o} {uid}:{gid}", header.mode()? & 0o7777);
    match kind {
        EntryType::Symlink => {
            let _ = write!(line, " -> {}", target.escape_ascii());
        }
        EntryType::Char | EntryType::Block => {
            let number = |part: Option<u32>| part.unwrap_or_default();
            let _ = write!(line, " {},{}", number(header.device_major()?), number(header.device_minor()?));
        }
        EntryType::Directory | EntryType::Fifo => {}
        _ => {
            let _ = write!(line, " {}", shown(content));
        }
    }
    let time = records.number("mtime").map_or_else(|| header.mtime(), Ok)?;
    if time < now.saturating_sub(YOUNG) {
        let _ = write!(line, " @{time}");
    }
    for (key, value) in &records.0 {
        // What the kernel notes in layers of an overlay is nobody's content; BuildKit lets it slip out.
        if let Some(attribute) = key.strip_prefix("SCHILY.xattr.").filter(|name| !name.starts_with("trusted.overlay."))
        {
            let _ = write!(line, " {attribute}={}", value.escape_ascii());
        }
    }
    Ok(Entry { line, same: None })
}

/// Short texts as they are, everything else by size and digest.
pub(crate) fn shown(content: &[u8]) -> String {
    match std::str::from_utf8(content) {
        Ok(text) if text.len() <= 400 => format!("{text:?}"),
        _ => format!("{} {}", content.len(), &Digest::of(content).hex()[..16]),
    }
}
