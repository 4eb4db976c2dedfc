//! Compressed streams.
//!
//! Owns the detection by the first bytes: what a manifest says about a layer is not always true.

use std::io::{self, BufRead, BufReader, Read};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The last three bytes of a skippable frame's magic number; the first is 0x50 to 0x5f.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z'];
const BZIP2: &[u8] = b"BZh";

/// The content of a stream that is compressed with gzip or zstd, or not at all.
///
/// # Errors
/// When it cannot be read, or is compressed in a way that layers are not.
pub(crate) fn decompress<'a>(stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut stream = BufReader::with_capacity(256 << 10, stream);
    let start = stream.fill_buf()?;
    let unsupported =
        |name: &str| Err(io::Error::other(format!("{name} compression is not supported, use gzip or zstd")));
    if start.starts_with(GZIP) {
        Ok(Box::new(BufReader::with_capacity(128 << 10, flate2::bufread::MultiGzDecoder::new(stream))))
    } else if start.starts_with(ZSTD) || (start.first() == Some(&0x50) && start.get(1..4) == Some(ZSTD_SKIPPABLE)) {
        Ok(Box::new(BufReader::with_capacity(128 << 10, zstd::Decoder::with_buffer(stream)?)))
    } else if start.starts_with(XZ) {
        unsupported("xz")
    } else if start.starts_with(BZIP2) {
        unsupported("bzip2")
    } else {
        Ok(Box::new(stream))
    }
}
