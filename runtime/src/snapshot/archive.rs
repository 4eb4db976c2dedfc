//! The framing of tar archives.
//!
//! Owns where each entry begins and ends and what its headers say: ustar, GNU long names and numbers, PAX records, files with
//! holes. It is strict, since every bug of this kind of program came from guessing, and it holds nothing large in memory. What entries
//! mean, and whether their names are harmless, is for `apply` to say.

mod sparse;

use std::io::{self, Read};

pub(crate) use sparse::Sparse;
use sparse::{Lines, Map, Records};

const BLOCK: usize = 512;
/// All that stands before the header of one entry, names and PAX records, and a map of holes; the largest extended attribute has
/// 64 KiB.
const MAX_EXTENSION: u64 = 1 << 20;
/// Extended attributes of one entry.
const MAX_XATTRS: usize = 1_000;

/// Reads the entries of an archive one after another. Between two calls of `next`, it reads as the current entry's data.
pub(crate) struct Archive<R> {
    reader: R,
    /// Data of the current entry that has not been read, and what fills its last block.
    left: u64,
    padding: u64,
    offset: u64,
}

/// What the headers of an entry say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where its data belong, if it is a file with holes.
    pub(crate) sparse: Option<Sparse>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

/// An archive that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The stream broke.
    #[error("the archive cannot be read at byte {offset}")]
    Read {
        offset: u64,
        #[source]
        source: io::Error,
    },
    /// It is not tar, or damaged.
    #[error("the archive is not usable at byte {offset}: {reason}")]
    Damaged { offset: u64, reason: String },
}

/// What stands before an entry's own header.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    sparse: Records,
    /// How many bytes that was.
    length: u64,
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, left: 0, padding: 0, offset: 0 }
    }

    /// The next entry; none at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_data()?;
        let mut extension = Extension::default();
        let mut extended = false;
        loop {
            let at = self.offset;
            let Some(block) = self.block()? else {
                return if extended {
                    Err(self.damaged("an entry is missing after its extended header"))
                } else {
                    Ok(None)
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                return match self.block()? {
                    Some(second) if second.iter().any(|byte| *byte != 0) => {
                        Err(self.damaged("data after the end mark"))
                    }
                    _ if extended => Err(self.damaged("an entry is missing after its extended header")),
                    _ => Ok(None),
                };
            }
            let damaged = |reason: &str| ArchiveError::Damaged { offset: at, reason: reason.to_owned() };
            let header = Header(&block);
            if !header.checksum_is_right() {
                return Err(damaged(if at == 0 {
                    "it is not a tar archive"
                } else {
                    "the checksum of a header is wrong"
                }));
            }
            let size = header.size().ok_or_else(|| damaged("a size is not a number"))?;
            if matches!(header.kind(), b'L' | b'K' | b'x' | b'X') {
                extension.length = extension.length.saturating_add(size);
                if extension.length > MAX_EXTENSION {
                    return Err(self.damaged("an extended header is larger than 1 MiB"));
                }
            }
            match header.kind() {
                b'L' => extension.name = Some(trimmed(self.small(size)?)),
                b'K' => extension.link = Some(trimmed(self.small(size)?)),
                b'x' | b'X' => {
                    let records = self.small(size)?;
                    extension.read_pax(&records).map_err(|reason| damaged(&reason))?;
                }
                // It speaks of all entries that follow; Go, which most tools for images are written in, passes over it.
                b'g' => {
                    self.expect(size);
                    self.skip_data()?;
                    continue;
                }
                _ => {
                    let mut entry = header.entry(&mut extension).map_err(|reason| damaged(&reason))?;
                    // Only files have data, whatever the header says.
                    let size = if entry.kind == Kind::File { extension.size.unwrap_or(size) } else { 0 };
                    if entry.kind == Kind::File {
                        entry.sparse =
                            self.sparse(&block, &mut extension.sparse, size).map_err(|error| match error {
                                Holes::Wrong(reason) => {
                                    damaged(&format!("`{}`: {reason}", String::from_utf8_lossy(&entry.name)))
                                }
                                Holes::Archive(error) => error,
                            })?;
                    }
                    if entry.sparse.is_none() {
                        self.expect(size);
                    }
                    return Ok(Some(entry));
                }
            }
            extended = true;
        }
    }

    /// The holes of a file, if it has any: its data is what comes next then.
    fn sparse(&mut self, header: &[u8; BLOCK], records: &mut Records, size: u64) -> Result<Option<Sparse>, Holes> {
        let wrong = Holes::Wrong("its sparse map makes no sense");
        let sparse = if Header(header).kind() == b'S' {
            let mut parts = Vec::new();
            let mut more = sparse::old_parts(header, 386, 4, &mut parts).ok_or(wrong)?;
            while more {
                if parts.len() as u64 * 24 > MAX_EXTENSION {
                    return Err(Holes::Wrong("its sparse map is larger than 1 MiB"));
                }
                let block = self.block()?.ok_or_else(|| self.damaged("it ends in the middle of an entry"))?;
                more = sparse::old_parts(&block, 0, 21, &mut parts)
                    .ok_or(Holes::Wrong("its sparse map makes no sense"))?;
            }
            self.expect(size);
            Sparse { size: sparse::old_size(header).ok_or(Holes::Wrong("its size is not a number"))?, parts }
        } else {
            match records.map().map_err(Holes::Wrong)? {
                None => return Ok(None),
                Some(Map::Known(sparse)) => {
                    self.expect(size);
                    sparse
                }
                Some(Map::Before(whole)) => {
                    self.expect(size);
                    let mut lines = Lines::default();
                    let parts = loop {
                        let mut block = [0; BLOCK];
                        self.read_exact(&mut block).map_err(|_| Holes::Wrong("its sparse map is incomplete"))?;
                        if let Some(parts) = lines.add(&block).map_err(Holes::Wrong)? {
                            break parts;
                        }
                    };
                    Sparse { size: whole, parts }
                }
            }
        };
        let what = "its sparse map does not fit its data";
        if sparse.fits(self.left) { Ok(Some(sparse)) } else { Err(Holes::Wrong(what)) }
    }

    /// How many bytes of the current entry's data have not been read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The stream behind the archive, of which nothing has been read that was not asked for.
    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The stream behind the archive: some tools leave data after the end mark.
    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    /// The error for data of the current entry that cannot be read.
    pub(crate) fn failed(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Read { offset: self.offset, source }
    }

    fn expect(&mut self, size: u64) {
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    fn skip_data(&mut self) -> Result<(), ArchiveError> {
        let offset = self.offset;
        let failed = |source| ArchiveError::Read { offset, source };
        io::copy(self, &mut io::sink()).map_err(failed)?;
        let padding = std::mem::take(&mut self.padding);
        let skipped = io::copy(&mut (&mut self.reader).take(padding), &mut io::sink()).map_err(failed)?;
        self.offset += skipped;
        // The last entry's padding is the one thing that archives are found without.
        Ok(())
    }

    /// One block; none at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.damaged("it ends in the middle of a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ArchiveError::Read { offset: self.offset, source }),
            }
        }
        self.offset += BLOCK as u64;
        Ok(Some(block))
    }

    /// The data of an entry that is only there to describe the next one.
    fn small(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_EXTENSION {
            return Err(self.damaged("an extended header is larger than 1 MiB"));
        }
        self.expect(size);
        let mut bytes = Vec::new();
        let offset = self.offset;
        self.read_to_end(&mut bytes).map_err(|source| ArchiveError::Read { offset, source })?;
        self.skip_data()?;
        Ok(bytes)
    }

    fn damaged(&self, reason: &str) -> ArchiveError {
        ArchiveError::Damaged { offset: self.offset, reason: reason.to_owned() }
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.reader.read(buffer)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle of an entry"));
        }
        self.left -= count as u64;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Why the holes of a file are not known.
enum Holes {
    Wrong(&'static str),
    Archive(ArchiveError),
}

impl From<ArchiveError> for Holes {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

/// A header block.
struct Header<'a>(&'a [u8; BLOCK]);

impl Header<'_> {
    fn field(&self, from: usize, length: usize) -> &[u8] {
        self.0.get(from..from + length).unwrap_or_default()
    }

    fn text(&self, from: usize, length: usize) -> &[u8] {
        let field = self.field(from, length);
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn kind(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or(0)
    }

    fn size(&self) -> Option<u64> {
        u64::try_from(number(self.field(124, 12))?).ok()
    }

    /// The sum of all bytes, with the sum itself taken as spaces. Some old programs added signed bytes.
    fn checksum_is_right(&self) -> bool {
        let bytes = self.0.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let unsigned: i64 = bytes.clone().map(i64::from).sum();
        let signed: i64 = bytes.map(|byte| i64::from(byte.cast_signed())).sum();
        number(self.field(148, 8)).is_some_and(|said| said == unsigned || said == signed)
    }

    fn entry(&self, extension: &mut Extension) -> Result<Entry, String> {
        let name = extension.sparse.name.take().or_else(|| extension.name.take()).unwrap_or_else(|| {
            let (prefix, name) = (self.text(345, 155), self.text(0, 100));
            // GNU's own format keeps other things where POSIX has the prefix.
            let posix = self.field(257, 8) == b"ustar\x0000";
            if posix && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_owned() }
        });
        let shown = String::from_utf8_lossy(&name).into_owned();
        let field = |what: &str, from, length| {
            number(self.field(from, length)).ok_or_else(|| format!("the {what} of `{shown}` is not a number"))
        };
        let id = |what: &str, said: Option<u64>, from| {
            let id = said.map_or_else(|| field(what, from, 8).map(|id| u64::try_from(id).unwrap_or(u64::MAX)), Ok)?;
            // The largest number means "leave it" to the kernel.
            u32::try_from(id)
                .ok()
                .filter(|id| *id != u32::MAX)
                .ok_or_else(|| format!("the {what} of `{shown}` is too large"))
        };
        let link = || extension.link.clone().unwrap_or_else(|| self.text(157, 100).to_owned());
        let device = || -> Result<(u32, u32), String> {
            let part = |from| {
                let part = field("device number", from, 8)?;
                u32::try_from(part).map_err(|_| format!("the device number of `{shown}` is too large"))
            };
            Ok((part(329)?, part(337)?))
        };
        let kind = match self.kind() {
            // Before directories had a type they had a slash.
            b'0' | 0 if name.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink(link()),
            b'2' => Kind::Symlink(link()),
            b'3' => device().map(|(major, minor)| Kind::CharDevice(major, minor))?,
            b'4' => device().map(|(major, minor)| Kind::BlockDevice(major, minor))?,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(format!("`{shown}` has the unknown type {:?}", char::from(other))),
        };
        Ok(Entry {
            kind,
            mode: u32::try_from(field("mode", 100, 8)? & 0o7777).unwrap_or(0),
            uid: id("owner", extension.uid, 108)?,
            gid: id("group", extension.gid, 116)?,
            mtime: match extension.mtime {
                Some(time) => time,
                None => (field("time", 136, 12)?, 0),
            },
            xattrs: std::mem::take(&mut extension.xattrs),
            sparse: None,
            name,
        })
    }
}

impl Extension {
    /// Reads `LENGTH key=value\n` records.
    fn read_pax(&mut self, mut records: &[u8]) -> Result<(), String> {
        let malformed = || "a PAX record is malformed".to_owned();
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
            let length = records.get(..space).and_then(decimal).and_then(|it| usize::try_from(it).ok());
            let length = length.filter(|length| *length > space + 1).ok_or_else(malformed)?;
            let record = records.get(space + 1..length).and_then(|it| it.strip_suffix(b"\n")).ok_or_else(malformed)?;
            records = records.get(length..).unwrap_or_default();
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
            let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            let key = std::str::from_utf8(key).map_err(|_| malformed())?;
            let wrong = || format!("the PAX record `{key}` has a value that makes no sense");
            match key {
                "path" => self.name = Some(value.to_owned()),
                "linkpath" => self.link = Some(value.to_owned()),
                "size" => self.size = Some(decimal(value).ok_or_else(wrong)?),
                "uid" => self.uid = Some(decimal(value).ok_or_else(wrong)?),
                "gid" => self.gid = Some(decimal(value).ok_or_else(wrong)?),
                "mtime" => self.mtime = Some(time(value).ok_or_else(wrong)?),
                _ => {
                    if let Some(key) = key.strip_prefix("GNU.sparse.") {
                        self.sparse.take(key, value).ok_or_else(wrong)?;
                    } else if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                        self.xattrs.retain(|(known, _)| known != name.as_bytes());
                        if self.xattrs.len() >= MAX_XATTRS {
                            return Err(format!("an entry has more than {MAX_XATTRS} extended attributes"));
                        }
                        self.xattrs.push((name.as_bytes().to_owned(), value.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A number of a header: octal digits between spaces, or binary with the first bit set. Nothing at all is zero.
fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // The second bit is the sign.
        let start = if first & 0x40 == 0 { i64::from(first & 0x3f) } else { i64::from(first | 0x80) - 256 };
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(*byte)));
    }
    let digits = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    digits.iter().try_fold(0_i64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(i64::from(digit))
    })
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Seconds with a fraction, perhaps before 1970.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let mut nanos = 0_u32;
    let mut scale = 100_000_000_u32;
    for digit in parts.next().unwrap_or_default() {
        nanos += scale * u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        scale /= 10;
    }
    Some(match (negative, nanos) {
        (false, _) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanos),
    })
}

/// GNU's long names end in a zero byte.
fn trimmed(mut name: Vec<u8>) -> Vec<u8> {
    while name.last() == Some(&0) {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests;
