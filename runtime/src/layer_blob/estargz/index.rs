//! The index of an eStargz layer: what is in the archive, and where.
//!
//! Owns the JSON, whose fields come in the order in which others write them. Must not know how the archive is compressed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hlb_llb::Digest;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::snapshot::archive::{Entry, Kind};

/// All items in the order of the archive.
#[derive(Debug, Serialize)]
pub(super) struct Index {
    version: u32,
    entries: Vec<Item>,
}

/// An entry of the archive, or a part of a large file behind its first.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modtime: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    link_name: String,
    #[serde(skip_serializing_if = "is_zero")]
    mode: u64,
    #[serde(skip_serializing_if = "is_zero")]
    uid: u64,
    #[serde(skip_serializing_if = "is_zero")]
    gid: u64,
    /// Of the member that begins with its data.
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(skip_serializing_if = "is_zero")]
    dev_major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    dev_minor: u64,
    /// Values in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    digest: String,
    #[serde(skip_serializing_if = "is_zero")]
    chunk_offset: u64,
    /// None means that it reaches to the end of the file.
    #[serde(skip_serializing_if = "is_zero")]
    chunk_size: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    chunk_digest: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for Index {
    fn default() -> Self {
        Self { version: 1, entries: Vec::new() }
    }
}

impl Index {
    /// Adds an item. Its number.
    pub(super) fn add(&mut self, item: Item) -> usize {
        self.entries.push(item);
        self.entries.len() - 1
    }

    /// Says what the data of an item is.
    pub(super) fn describe(&mut self, item: usize, digest: String, size: u64) {
        if let Some(item) = self.entries.get_mut(item) {
            (item.chunk_digest, item.chunk_size) = (digest, size);
        }
    }

    /// Says what the data of a whole file is.
    pub(super) fn finish_file(&mut self, item: usize, digest: String) {
        if let Some(item) = self.entries.get_mut(item) {
            item.digest = digest;
        }
    }

    /// Says where the data of an item begins.
    pub(super) fn place(&mut self, item: usize, offset: u64) {
        if let Some(item) = self.entries.get_mut(item) {
            item.offset = offset;
        }
    }

    /// As JSON, with its digest.
    pub(super) fn write(&self) -> serde_json::Result<(Vec<u8>, String)> {
        let mut text = Vec::new();
        self.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"\t")))?;
        let digest = Digest::of(&text).to_string();
        Ok((text, digest))
    }
}

impl Item {
    /// An entry with this many bytes of data. JSON cannot say names that are not UTF-8; the archive still does.
    pub(super) fn of(entry: &Entry, size: u64) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut item = Self {
            name: text(&entry.name),
            size,
            modtime: modtime(entry.mtime),
            mode: entry.mode.into(),
            uid: entry.uid.into(),
            gid: entry.gid.into(),
            xattrs: entry.xattrs.iter().map(|(name, value)| (text(name), STANDARD.encode(value))).collect(),
            ..Self::default()
        };
        item.kind = match &entry.kind {
            Kind::File => "reg",
            Kind::Directory => "dir",
            Kind::HardLink(target) => {
                item.link_name = text(target);
                "hardlink"
            }
            Kind::Symlink(target) => {
                item.link_name = text(target);
                "symlink"
            }
            Kind::CharDevice(major, minor) => {
                (item.dev_major, item.dev_minor) = ((*major).into(), (*minor).into());
                "char"
            }
            Kind::BlockDevice(major, minor) => {
                (item.dev_major, item.dev_minor) = ((*major).into(), (*minor).into());
                "block"
            }
            Kind::Fifo => "fifo",
        };
        item
    }

    /// A part of a file that begins this many bytes after its first.
    pub(super) fn chunk(entry: &Entry, offset: u64) -> Self {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        Self { name, kind: "chunk", chunk_offset: offset, ..Self::default() }
    }
}

/// A time in whole seconds as RFC 3339 says it; none for 1970, which means unknown, and for years that have no four digits.
fn modtime((seconds, nanoseconds): (i64, u32)) -> Option<String> {
    const DAY: i64 = 86_400;
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;
    if (seconds, nanoseconds) == (0, 0) || !(FIRST..LAST).contains(&seconds) {
        return None;
    }
    let seconds = seconds + i64::from(nanoseconds >= 500_000_000);
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Years begin in March, so that the day that comes and goes is the last one; 400 of them have the same days each time.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = year + 400 * era;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time, expected) in [
            ((0, 0), None),
            ((0, 500_000_000), Some("1970-01-01T00:00:01Z")),
            ((1, 1), Some("1970-01-01T00:00:01Z")),
            ((-1, 0), Some("1969-12-31T23:59:59Z")),
            ((951_782_399, 0), Some("2000-02-28T23:59:59Z")),
            ((951_782_400, 0), Some("2000-02-29T00:00:00Z")),
            ((951_868_800, 0), Some("2000-03-01T00:00:00Z")),
            ((1_000_000_000, 0), Some("2001-09-09T01:46:40Z")),
            ((1_735_689_599, 0), Some("2024-12-31T23:59:59Z")),
            ((4_107_542_400, 0), Some("2100-03-01T00:00:00Z")),
            ((-62_167_219_200, 0), Some("0000-01-01T00:00:00Z")),
            ((253_402_300_798, 999_999_999), Some("9999-12-31T23:59:59Z")),
            ((253_402_300_800, 0), None),
            ((i64::MIN, 0), None),
            ((i64::MAX, 999_999_999), None),
        ] {
            assert_eq!(modtime(time).as_deref(), expected, "{time:?}");
        }
    }
}
