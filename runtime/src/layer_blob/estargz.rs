//! eStargz: a gzip stream of which single files can be read, behind an archive an index of them.
//!
//! Owns where members begin, the index and the footer that says where it is. Like BuildKit, it leaves the archive itself as it
//! is, byte for byte, and puts the index behind the archive's end: a program that knows nothing of eStargz unpacks the same
//! files. Therefore no landmark is added either, which would be a file more. Where the archive comes from is not known here.

mod index;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use hlb_llb::digest::Hasher;

use super::blocks::{self, Blocks, Codec, PackError};
use super::tar::{self, Header};
use super::{LayerBlobError, Made, STRIDE, Stop, unwritable};
use crate::snapshot::archive::{Archive, Kind};
use index::{Index, Item};

/// The name of the index in the archive.
pub(super) const INDEX: &str = "stargz.index.json";
/// Annotations of a layer in a manifest: the digest of the index, and the size of the archive with it in bytes.
pub(super) const INDEX_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";
const SIZE: &str = "io.containers.estargz.uncompressed-size";

/// The most of a file that is in one member.
const CHUNK: u64 = 4 << 20;
const FOOTER: usize = 51;
/// The header of a member with an extra field, which is a subfield `SG` of 22 bytes.
const FOOTER_START: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0];
const MAGIC: &[u8] = b"STARGZ";
/// Nothing, stored as it is, with its checksum and length.
const FOOTER_END: [u8; 13] = [1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];

/// Compresses an archive and adds its index. What is said of the result covers both.
pub(super) fn pack(
    archive: impl Read,
    level: u32,
    out: &mut (dyn Write + Send),
    stop: Stop<'_>,
) -> Result<Made, PackError<LayerBlobError>> {
    let mut found = None;
    let packed = blocks::pack(Codec::Gzip(level), out, |stream| {
        found = Some(fill(archive, stream, stop)?);
        Ok(())
    })?;
    let (offset, digest) = found.unwrap_or_default();
    out.write_all(&footer(offset)).map_err(PackError::Write)?;
    let annotations = BTreeMap::from([(INDEX_DIGEST.to_owned(), digest), (SIZE.to_owned(), packed.size.to_string())]);
    Ok((packed, annotations))
}

/// How much of a blob is the archive, in compressed bytes: all of it, unless it is eStargz.
pub(super) fn payload(blob: &mut (impl Read + Seek)) -> io::Result<u64> {
    let size = blob.seek(SeekFrom::End(0))?;
    let Some(end) = size.checked_sub(FOOTER as u64) else { return Ok(size) };
    blob.seek(SeekFrom::Start(end))?;
    let mut bytes = [0; FOOTER];
    blob.read_exact(&mut bytes)?;
    Ok(read_footer(&bytes).filter(|offset| *offset <= end).unwrap_or(size))
}

/// Offset and digest of the index.
fn fill(archive: impl Read, stream: &mut Blocks, stop: Stop<'_>) -> Result<(u64, String), LayerBlobError> {
    let mut archive = Archive::new(Through { archive, stream });
    let mut index = Index::default();
    // Which item begins in which member.
    let mut places = Vec::new();
    let mut buffer = vec![0; STRIDE];
    while let Some(entry) = archive.next()? {
        if stop() {
            return Err(LayerBlobError::Cancelled);
        }
        if is_index(&entry.name) {
            return Err(LayerBlobError::Reserved);
        }
        let size = archive.left();
        let first = index.add(Item::of(&entry, size));
        if entry.kind != Kind::File {
            continue;
        }
        let mut whole = Hasher::default();
        let mut left = size;
        while left > 0 {
            let length = left.min(CHUNK);
            let item = match left == size {
                true => first,
                false => index.add(Item::chunk(&entry, size - left)),
            };
            places.push((item, archive.inner_mut().stream.cut().map_err(unwritable)?));
            let digest = chunk(&mut archive, length, &mut whole, &mut buffer, stop)?;
            left -= length;
            // The last one reaches to the end of the file.
            index.describe(item, digest, if left > 0 { length } else { 0 });
        }
        index.finish_file(first, whole.finish().to_string());
    }
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(unwritable)?;
    let stream = rest.stream;
    let last = stream.cut().map_err(unwritable)?;
    let starts = stream.starts().map_err(unwritable)?;
    let start = |member: usize| starts.get(member).copied().unwrap_or_default();
    for (item, member) in places {
        index.place(item, start(member));
    }
    let (text, digest) = index.write().map_err(|error| unwritable(error.into()))?;
    let write = |out: &mut Blocks| {
        Header::file(INDEX.as_bytes(), text.len() as u64).write(out)?;
        out.write_all(&text)?;
        tar::pad(out, text.len() as u64)?;
        tar::finish(out)
    };
    write(stream).map_err(unwritable)?;
    Ok((start(last), digest))
}

/// Passes a chunk of a file on. Its digest.
fn chunk<R: Read>(
    archive: &mut Archive<R>,
    length: u64,
    whole: &mut Hasher,
    buffer: &mut [u8],
    stop: Stop<'_>,
) -> Result<String, LayerBlobError> {
    let mut hasher = Hasher::default();
    let mut left = length;
    while left > 0 {
        if stop() {
            return Err(LayerBlobError::Cancelled);
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = match archive.read(buffer.get_mut(..wanted).unwrap_or_default()) {
            // It never is before its end.
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(archive.failed(source).into()),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        hasher.update(bytes);
        whole.update(bytes);
        left -= count as u64;
    }
    Ok(hasher.finish().to_string())
}

fn is_index(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.next() == Some(INDEX.as_bytes()) && parts.next().is_none()
}

fn footer(offset: u64) -> Vec<u8> {
    [&FOOTER_START[..], format!("{offset:016x}").as_bytes(), MAGIC, &FOOTER_END].concat()
}

fn read_footer(bytes: &[u8]) -> Option<u64> {
    let (digits, rest) = bytes.strip_prefix(&FOOTER_START[..])?.split_at_checked(16)?;
    if rest.strip_prefix(MAGIC)? != FOOTER_END || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// An archive of which everything that is read is compressed too.
struct Through<'a, R> {
    archive: R,
    stream: &'a mut Blocks,
}

impl<R: Read> Read for Through<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        self.stream.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
