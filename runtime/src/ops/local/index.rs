//! Listings as they are kept between builds.
//!
//! Owns their stored form. It is made so that the question of every build, whether a directory is as it was, is answered by comparing
//! bytes: what does not matter for that is not in it, and equal listings are equal bytes.
//!
//! ```text
//! "hlbclst2"   the version
//! layer        length and name; empty if there is none
//! directory    length and path
//! looked       when it was looked at
//! newest       the latest time of change of a file
//! items        sorted; each: shared beginning with the path before, rest, kind, mode,
//!              and unless it is a directory: size, two times, device, inode, node or target
//! ```
//!
//! Numbers are LEB128, those that can be negative in zigzag; a time is seconds and nanoseconds.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use hlb_store::LayerId;

use super::{GRACE, Item, Listing, add};
use crate::tree::{Kind, Timestamp};

const VERSION: &[u8] = b"hlbclst2";
const KINDS: [Kind; 7] =
    [Kind::File, Kind::Directory, Kind::Symlink, Kind::CharDevice, Kind::BlockDevice, Kind::Fifo, Kind::Socket];
/// In the byte of the kind: another name of the same file may be in the listing.
const LINKED: u8 = 0x80;

/// A listing that was kept, with the layer that was filled from it; none if there was nothing to put in one.
pub(crate) struct Kept {
    pub(crate) layer: Option<LayerId>,
    looked: Timestamp,
    newest: Timestamp,
    directory: PathBuf,
    /// All that was read, and where the items begin in it.
    bytes: Vec<u8>,
    items: usize,
}

impl Kept {
    /// The stored form of a listing.
    pub(crate) fn write(listing: &Listing, layer: Option<&LayerId>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + listing.items.len() * 64);
        out.extend_from_slice(VERSION);
        bytes(&mut out, layer.map_or(b"", |layer| layer.as_str().as_bytes()));
        bytes(&mut out, listing.directory.as_os_str().as_bytes());
        time(&mut out, listing.looked);
        time(&mut out, newest(&listing.items));
        items(&mut out, &listing.items);
        out
    }

    /// What was stored. None, if it is of another version or damaged.
    pub(crate) fn read(stored: Vec<u8>) -> Option<Self> {
        let mut reader = Reader(stored.strip_prefix(VERSION)?);
        let layer = reader.bytes()?;
        let layer = match layer {
            b"" => None,
            name => Some(LayerId::from_str(std::str::from_utf8(name).ok()?).ok()?),
        };
        let directory = PathBuf::from(OsString::from_vec(reader.bytes()?.to_owned()));
        let (looked, newest) = (reader.time()?, reader.time()?);
        let items = stored.len() - reader.0.len();
        Some(Self { layer, looked, newest, directory, bytes: stored, items })
    }

    /// Whether the same patterns, then and now, select the same unchanged files. False if that cannot be known.
    pub(crate) fn is(&self, now: &Listing) -> bool {
        // A file that was touched just before it was looked at may have changed since without its times showing it.
        if add(self.newest, GRACE) >= self.looked {
            return false;
        }
        let stored = self.bytes.get(self.items..).unwrap_or_default();
        let mut written = Vec::with_capacity(stored.len() + 64);
        items(&mut written, &now.items);
        written == stored
    }

    /// The listing. Nothing of directories is in it but that they were there, and their modes. None, if it is damaged.
    pub(crate) fn listing(&self) -> Option<Listing> {
        let mut reader = Reader(self.bytes.get(self.items..)?);
        let mut items: Vec<Item> = Vec::new();
        while !reader.0.is_empty() {
            let before = items.last().map_or(&b""[..], |item| item.path.as_os_str().as_bytes());
            let item = reader.item(before)?;
            items.push(item);
        }
        Some(Listing { directory: self.directory.clone(), looked: self.looked, items })
    }
}

/// The latest time at which a file changed.
fn newest(items: &[Item]) -> Timestamp {
    let files = items.iter().filter(|item| item.kind != Kind::Directory);
    let earliest = Timestamp { seconds: i64::MIN, nanos: 0 };
    files.map(|item| item.changed.max(item.modified)).max().unwrap_or(earliest)
}

fn items(out: &mut Vec<u8>, items: &[Item]) {
    let mut before: &[u8] = b"";
    for item in items {
        let path = item.path.as_os_str().as_bytes();
        let shared = before.iter().zip(path).take_while(|(before, now)| before == now).count();
        number(out, shared as u64);
        bytes(out, path.get(shared..).unwrap_or_default());
        before = path;
        let kind = KINDS.iter().position(|kind| *kind == item.kind).unwrap_or_default();
        out.push(u8::try_from(kind).unwrap_or_default() | if item.linked { LINKED } else { 0 });
        number(out, item.mode.into());
        if item.kind == Kind::Directory {
            // Its times tell of names that came and went, which the listing shows itself.
            continue;
        }
        number(out, item.size);
        time(out, item.modified);
        time(out, item.changed);
        number(out, item.device);
        number(out, item.inode);
        match item.kind {
            Kind::CharDevice | Kind::BlockDevice => number(out, item.node),
            Kind::Symlink => bytes(out, item.target.as_ref().map_or(b"", |target| target.as_os_str().as_bytes())),
            _ => {}
        }
    }
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn time(out: &mut Vec<u8>, time: Timestamp) {
    number(out, ((time.seconds << 1) ^ (time.seconds >> 63)).cast_unsigned());
    number(out, time.nanos.into());
}

/// What has not been read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let seconds = self.number()?;
        let seconds = (seconds >> 1).cast_signed() ^ -(seconds & 1).cast_signed();
        Some(Timestamp { seconds, nanos: u32::try_from(self.number()?).ok()? })
    }

    /// An item, after one with the path `before`.
    fn item(&mut self, before: &[u8]) -> Option<Item> {
        let shared = before.get(..usize::try_from(self.number()?).ok()?)?;
        let path = PathBuf::from(OsString::from_vec([shared, self.bytes()?].concat()));
        let kind = *self.take(1)?.first()?;
        let linked = kind & LINKED != 0;
        let kind = *KINDS.get(usize::from(kind & !LINKED))?;
        let mode = u32::try_from(self.number()?).ok()?;
        let mut item = Item { path, kind, mode, linked, ..Item::default() };
        if kind == Kind::Directory {
            return Some(item);
        }
        item.size = self.number()?;
        (item.modified, item.changed) = (self.time()?, self.time()?);
        (item.device, item.inode) = (self.number()?, self.number()?);
        match kind {
            Kind::CharDevice | Kind::BlockDevice => item.node = self.number()?,
            Kind::Symlink => item.target = Some(PathBuf::from(OsString::from_vec(self.bytes()?.to_owned()))),
            _ => {}
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Listing {
        let time = |seconds| Timestamp { seconds, nanos: 7 };
        let item = Item {
            path: PathBuf::from("dir/a"),
            kind: Kind::File,
            mode: 0o644,
            size: 300,
            modified: time(-1),
            changed: time(2),
            device: 8,
            inode: 9,
            ..Item::default()
        };
        let dir = Item { path: "dir".into(), kind: Kind::Directory, mode: 0o755, ..Item::default() };
        let odd = PathBuf::from(OsString::from_vec(b"dir/\xff".to_vec()));
        let link = Item { path: odd, kind: Kind::Symlink, size: 0, target: Some("t".into()), ..item.clone() };
        let node = Item { path: "n".into(), kind: Kind::CharDevice, size: 0, node: 259, linked: true, ..item.clone() };
        Listing { directory: "/d".into(), looked: time(3), items: vec![dir, item, link, node] }
    }

    #[test]
    fn the_stored_form_is_stable_and_takes_every_name() {
        let listing = example();
        let layer = LayerId::from_str("L").unwrap();
        let stored = Kept::write(&listing, Some(&layer));
        insta::assert_snapshot!(stored.escape_ascii(), @r"hlbclst2\x01L\x02/d\x06\x07\x04\x07\x00\x03dir\x01\xed\x03\x03\x02/a\x00\xa4\x03\xac\x02\x01\x07\x04\x07\x08\t\x04\x01\xff\x02\xa4\x03\x00\x01\x07\x04\x07\x08\t\x01t\x00\x01n\x83\xa4\x03\x00\x01\x07\x04\x07\x08\t\x83\x02");
        let kept = Kept::read(stored.clone()).unwrap();
        let back = kept.listing().unwrap();
        assert_eq!((&back.directory, back.looked, &back.items), (&listing.directory, listing.looked, &listing.items));
        assert_eq!(kept.layer, Some(layer));
        assert!(kept.is(&listing));
        // What is cut off or changed is never taken for something else, and never a panic.
        for end in 0..stored.len() {
            let cut = Kept::read(stored[..end].to_vec());
            assert!(!cut.is_some_and(|cut| cut.is(&listing)), "{end}");
        }
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 0x55;
            let _ = Kept::read(damaged).and_then(|damaged| damaged.listing());
        }
        assert!(Kept::read(b"hlbclst1".to_vec()).is_none());
    }

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(Reader(&out).number(), Some(value));
        }
        for seconds in [0, 1, -1, i64::MAX, i64::MIN] {
            let (mut out, stamp) = (Vec::new(), Timestamp { seconds, nanos: 5 });
            time(&mut out, stamp);
            assert_eq!(Reader(&out).time(), Some(stamp));
        }
        assert_eq!(Reader(&[0xff; 11]).number(), None);
    }

    #[test]
    fn a_file_that_is_too_new_is_not_known() {
        let mut listing = example();
        listing.items[1].changed = listing.looked;
        assert!(!Kept::read(Kept::write(&listing, None)).unwrap().is(&listing));
        listing.items.truncate(1);
        assert!(Kept::read(Kept::write(&listing, None)).unwrap().is(&listing), "directories have no times");
    }
}
