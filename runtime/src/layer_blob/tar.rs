//! The headers of a layer's archive, byte for byte.
//!
//! Owns the form, which is the one that BuildKit's archives have, so that equal layers have equal diff ids: ustar fields, PAX
//! records in the order of their names for what does not fit, no names of users, times in whole seconds. It is not left to
//! a crate because a new version of one must not change the digest of every layer. What goes into an archive is not known
//! here.

use std::ffi::CString;
use std::io::{self, Write};

const XATTR: &[u8] = b"SCHILY.xattr.";
const BLOCK: usize = 512;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// What an entry is, as the type flag says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Flag {
    File = b'0',
    Link = b'1',
    Symlink = b'2',
    Char = b'3',
    Block = b'4',
    Directory = b'5',
    Fifo = b'6',
}

/// One entry. Its data follows the header and is filled up by [`pad`].
#[derive(Clone, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) flag: Flag,
    /// Without a slash in front; that of a directory ends with one.
    pub(crate) name: &'a [u8],
    pub(crate) link: &'a [u8],
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Of the data that follows.
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    /// Extended attributes, in the order of their names.
    pub(crate) xattrs: &'a [(CString, Vec<u8>)],
}

impl<'a> Header<'a> {
    /// A file of root's from 1970 with no permissions, which is what a whiteout is.
    pub(crate) fn file(name: &'a [u8], size: u64) -> Self {
        Self { flag: Flag::File, name, link: b"", mode: 0, uid: 0, gid: 0, size, mtime: 0, device: (0, 0), xattrs: &[] }
    }

    /// Writes the header, after a header with the PAX records that it needs.
    pub(crate) fn write(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        // A long name is split at a slash, as old readers understand it, unless there must be records anyway.
        let (mut records, mut split) = (self.records(false), split(self.name));
        if !records.is_empty() || split.is_none() {
            (records, split) = (self.records(true), None);
        }
        if !records.is_empty() {
            let mut block = Block::new(b'x');
            block.text(0, NAME, trimmed(&ascii(&records_name(self.name)).into_iter().take(NAME).collect::<Vec<_>>()));
            for (at, width) in [(100, 8), (108, 8), (116, 8), (136, 12)] {
                block.octal(at, width, 0);
            }
            block.octal(124, 12, records.len() as u64);
            out.write_all(&block.finish())?;
            out.write_all(&records)?;
            pad(out, records.len() as u64)?;
        }
        let (prefix, name) = split.unwrap_or((b"", self.name));
        let mut block = Block::new(self.flag as u8);
        block.text(0, NAME, &ascii(name));
        block.octal(100, 8, self.mode.into());
        block.octal(108, 8, self.uid.into());
        block.octal(116, 8, self.gid.into());
        block.octal(124, 12, self.size);
        block.octal(136, 12, u64::try_from(self.mtime).unwrap_or(0));
        block.text(157, NAME, &ascii(self.link));
        block.octal(329, 8, self.device.0.into());
        block.octal(337, 8, self.device.1.into());
        block.text(345, PREFIX, prefix);
        out.write_all(&block.finish())
    }

    /// What does not fit into the header, as PAX records in the order of their names.
    fn records(&self, with_name: bool) -> Vec<u8> {
        let mut records = Vec::new();
        for (name, value) in self.xattrs {
            record(&mut records, &[XATTR, name.to_bytes()].concat(), value);
        }
        let number = |records: &mut Vec<u8>, key: &str, value: i128, width: u32| {
            if !(0..1_i128 << (3 * (width - 1))).contains(&value) {
                record(records, key.as_bytes(), value.to_string().as_bytes());
            }
        };
        let fits = |text: &[u8]| text.len() <= NAME && text.is_ascii();
        number(&mut records, "gid", self.gid.into(), 8);
        if !fits(self.link) {
            record(&mut records, b"linkpath", self.link);
        }
        number(&mut records, "mtime", self.mtime.into(), 12);
        if with_name && !fits(self.name) {
            record(&mut records, b"path", self.name);
        }
        number(&mut records, "size", self.size.into(), 12);
        number(&mut records, "uid", self.uid.into(), 8);
        records
    }
}

/// Fills the last block of data of this size.
pub(crate) fn pad(out: &mut (impl Write + ?Sized), size: u64) -> io::Result<()> {
    let rest = usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0);
    out.write_all([0; BLOCK].get(..rest).unwrap_or_default())
}

/// Ends an archive.
pub(crate) fn finish(out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

struct Block([u8; BLOCK]);

impl Block {
    fn new(flag: u8) -> Self {
        let mut block = Self([0; BLOCK]);
        block.put(156, &[flag]);
        block.put(257, b"ustar\x0000");
        block
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.0.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    fn text(&mut self, at: usize, width: usize, text: &[u8]) {
        match text.get(..width) {
            // Some readers take a file for a directory if its cut name ends with a slash.
            Some(cut) if text.len() > width => self.put(at, trimmed(cut)),
            _ => self.put(at, text),
        }
    }

    /// A number, or 0 if it does not fit.
    fn octal(&mut self, at: usize, width: usize, number: u64) {
        let digits = width - 1;
        let number = if number >> (3 * digits).min(63) == 0 { number } else { 0 };
        self.put(at, format!("{number:0digits$o}").as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0").as_bytes());
        self.0
    }
}

/// Adds a record, which begins with its own length.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    length = rest + length.to_string().len();
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// What the header of the records of an entry is called.
fn records_name(name: &[u8]) -> Vec<u8> {
    let after = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (dir, file) = name.split_at(after);
    trimmed(&[dir, b"PaxHeaders.0/".as_slice(), file].concat()).to_vec()
}

/// Prefix and name of a name that is too long for one field.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME || !name.is_ascii() {
        return None;
    }
    let mut end = name.len();
    if end > PREFIX + 1 {
        end = PREFIX + 1;
    } else if name.ends_with(b"/") {
        end -= 1;
    }
    let slash = name.get(..end)?.iter().rposition(|byte| *byte == b'/')?;
    let (prefix, rest) = (name.get(..slash)?, name.get(slash + 1..)?);
    (slash > 0 && slash <= PREFIX && !rest.is_empty() && rest.len() <= NAME).then_some((prefix, rest))
}

fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii).collect()
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_suffix(b"/") {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &[u8]) -> Header<'_> {
        Header { mode: 0o644, ..Header::file(name, 0) }
    }

    /// The fields of all headers that were written, records in brackets.
    fn written(header: &Header<'_>) -> String {
        let mut bytes = Vec::new();
        header.write(&mut bytes).unwrap();
        let mut text = String::new();
        let mut blocks = bytes.chunks(BLOCK);
        while let Some(block) = blocks.next() {
            let field = |at: usize, width: usize| {
                let field: Vec<u8> = block[at..at + width].iter().copied().take_while(|byte| *byte != 0).collect();
                let field = String::from_utf8(field).unwrap();
                if field.len() > 40 { format!("{}…{}", &field[..8], field.len()) } else { field }
            };
            let sum: u32 = block
                .iter()
                .enumerate()
                .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
                .sum();
            assert_eq!(u32::from_str_radix(&field(148, 6), 8).unwrap(), sum);
            assert_eq!(&block[154..156], b"\0 ");
            let flag = char::from(block[156]);
            text.push_str(&format!(
                "{flag} {}|{} {} {}:{} {} {} {}:{} >{}\n",
                field(345, 155),
                field(0, 100),
                field(100, 8),
                field(108, 8),
                field(116, 8),
                field(124, 12),
                field(136, 12),
                field(329, 8),
                field(337, 8),
                field(157, 100),
            ));
            if flag == 'x' {
                let length = usize::from_str_radix(&field(124, 11), 8).unwrap();
                let data: Vec<u8> = blocks.by_ref().take(length.div_ceil(BLOCK)).flatten().copied().collect();
                let mut data = &data[..length];
                while !data.is_empty() {
                    let space = data.iter().position(|byte| *byte == b' ').unwrap();
                    let length: usize = std::str::from_utf8(&data[..space]).unwrap().parse().unwrap();
                    assert_eq!(data[length - 1], b'\n');
                    let shown = data[..length - 1].escape_ascii().to_string();
                    text.push_str(&format!(
                        "  [{}]\n",
                        if shown.len() > 60 { format!("{}…{}", &shown[..20], shown.len()) } else { shown }
                    ));
                    data = &data[length..];
                }
            }
        }
        text
    }

    #[test]
    fn what_fits_is_in_the_header() {
        insta::assert_snapshot!(written(&header(b"a/b")), @"0 |a/b 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >");
        let device = Header { flag: Flag::Char, device: (1, 3), uid: 5, gid: 0o7_777_777, ..header(b"dev/null") };
        insta::assert_snapshot!(written(&device), @"3 |dev/null 0000644 0000005:7777777 00000000000 00000000000 0000001:0000003 >");
        let link = Header { flag: Flag::Symlink, link: b"../x", mtime: 0o77_777_777_777, ..header(b"l") };
        insta::assert_snapshot!(written(&link), @"2 |l 0000644 0000000:0000000 00000000000 77777777777 0000000:0000000 >../x");
    }

    #[test]
    fn what_does_not_fit_is_in_records() {
        let long = [b"dir/".as_slice(), "n".repeat(120).as_bytes()].concat();
        insta::assert_snapshot!(written(&header(&long)), @r"
        x |dir/PaxH…100 0000000 0000000:0000000 00000000206 00000000000 : >
          [134 path=dir/nnnnnnn…133]
        0 |dir/nnnn…100 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >
        ");
        let directory = [long.as_slice(), b"/"].concat();
        insta::assert_snapshot!(written(&Header { flag: Flag::Directory, ..header(&directory) }), @r"
        x |dir/nnnn…100 0000000 0000000:0000000 00000000207 00000000000 : >
          [135 path=dir/nnnnnnn…134]
        5 |dir/nnnn…100 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >
        ");
        let name = ["x".repeat(60), "y".repeat(60)].join("/").into_bytes();
        insta::assert_snapshot!(written(&header(&name)), @"0 xxxxxxxx…60|yyyyyyyy…60 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >");
        insta::assert_snapshot!(written(&Header { uid: u32::MAX, ..header(&name) }), @r"
        x |xxxxxxxx…100 0000000 0000000:0000000 00000000225 00000000000 : >
          [131 path=xxxxxxxxxxx…130]
          [18 uid=4294967295]
        0 |xxxxxxxx…100 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >
        ");
        let odd = Header { flag: Flag::Symlink, link: b"caf\xe9", ..header("grün".as_bytes()) };
        insta::assert_snapshot!(written(&odd), @r"
        x |PaxHeaders.0/grn 0000000 0000000:0000000 00000000037 00000000000 : >
          [17 linkpath=caf\xe9]
          [14 path=gr\xc3\xbcn]
        2 |grn 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >caf
        ");
        let xattrs = [(c"security.capability", b"\x01\0\n="), (c"user.a", b"b\0c\0")];
        let xattrs = xattrs.map(|(name, value)| (name.to_owned(), value.to_vec()));
        let numbers =
            Header { uid: 0o10_000_000, gid: u32::MAX, mtime: -1, size: 1 << 33, xattrs: &xattrs, ..header(b"f") };
        insta::assert_snapshot!(written(&numbers), @r"
        x |PaxHeaders.0/f 0000000 0000000:0000000 00000000205 00000000000 : >
          [41 SCHILY.xattr.security.capability=\x01\x00\n=]
          [28 SCHILY.xattr.user.a=b\x00c\x00]
          [18 gid=4294967295]
          [12 mtime=-1]
          [19 size=8589934592]
          [15 uid=2097152]
        0 |f 0000644 0000000:0000000 00000000000 00000000000 0000000:0000000 >
        ");
    }

    #[test]
    fn long_names_are_split_where_they_can_be() {
        let name =
            |parts: &[usize]| parts.iter().map(|part| "x".repeat(*part)).collect::<Vec<_>>().join("/").into_bytes();
        for (parts, expected) in [
            (&[100][..], None),
            (&[101], None),
            (&[60, 60], Some((60, 60))),
            (&[155, 100], Some((155, 100))),
            (&[156, 100], None),
            (&[10, 101], None),
            (&[50, 50, 50], Some((101, 50))),
            (&[100, 50, 90], Some((151, 90))),
        ] {
            let name = name(parts);
            let found = split(&name).map(|(prefix, rest)| (prefix.len(), rest.len()));
            assert_eq!(found, expected, "{parts:?}");
        }
        assert_eq!(split("ü/".repeat(60).as_bytes()), None);
    }

    #[test]
    fn lengths_of_records_count_themselves() {
        for length in [1, 90, 91, 92, 93, 94, 95, 96, 990, 991, 992, 993, 994, 9987, 9988, 9989] {
            let mut records = Vec::new();
            record(&mut records, b"k", &vec![b'v'; length]);
            let said: usize = std::str::from_utf8(&records).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, records.len(), "{length}");
        }
    }
}
