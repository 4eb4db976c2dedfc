//! How large a layer may become when it is unpacked.
//!
//! Owns the limits, the counting against them, and the words for a layer that goes beyond one. What is in the layer does not
//! matter here.

use std::cell::Cell;
use std::io::{self, Read};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

const UNITS: [(&str, u64); 4] = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// What a layer of an image may expand to. Beyond that it is taken for an attempt to fill the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerLimits {
    /// How many times larger than the compressed layer its content may be.
    pub ratio: u64,
    /// The size in bytes from which the ratio counts: small layers of zeros are harmless.
    pub spared: u64,
    /// The size of the content in bytes, holes of sparse files included.
    pub bytes: u64,
    /// How many files and other entries.
    pub entries: u64,
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self { ratio: 1_000, spared: 1 << 30, bytes: 256 << 30, entries: 5_000_000 }
    }
}

/// How a layer goes beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    /// Its content is too much for what it came from.
    #[error(
        "its {} expand to {}, more than {ratio} times as much (raise `layer-ratio` under `[limits]` in `hlbc.toml`)",
        size(*packed),
        size(*unpacked)
    )]
    Ratio {
        /// What was read of it in bytes.
        packed: u64,
        /// What that was expanded to.
        unpacked: u64,
        /// The limit.
        ratio: u64,
    },
    /// Its content is too much.
    #[error("it has more than {} (raise `layer-bytes` under `[limits]` in `hlbc.toml`)", size(*bytes))]
    Bytes {
        /// The limit.
        bytes: u64,
    },
    /// It has too many files.
    #[error("it has more than {entries} entries (raise `layer-entries` under `[limits]` in `hlbc.toml`)")]
    Entries {
        /// The limit.
        entries: u64,
    },
}

/// A size with two digits that count.
fn size(bytes: u64) -> String {
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        Some((unit, factor)) => format!("{}.{} {unit}", bytes / factor, bytes % factor * 10 / factor),
        None => format!("{bytes} B"),
    }
}

/// Counts what passes.
pub(super) struct Counted<'a, R> {
    pub(super) inner: R,
    pub(super) count: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

/// The content of a layer on its way: takes its digest, and ends when it gets too large.
pub(super) struct Content<'a, R> {
    inner: R,
    /// What was read of the compressed layer.
    packed: &'a Cell<u64>,
    limits: LayerLimits,
    hasher: Hasher,
    size: u64,
    holes: u64,
    entries: u64,
    excess: Option<Excess>,
}

impl<'a, R: Read> Content<'a, R> {
    pub(super) fn new(inner: R, packed: &'a Cell<u64>, limits: LayerLimits) -> Self {
        Self { inner, packed, limits, hasher: Hasher::default(), size: 0, holes: 0, entries: 0, excess: None }
    }

    /// Counts an entry with its holes, which are no bytes of the archive.
    pub(super) fn entry(&mut self, holes: u64) -> Result<(), Excess> {
        self.entries += 1;
        self.holes = self.holes.saturating_add(holes);
        if self.entries > self.limits.entries {
            self.excess = Some(Excess::Entries { entries: self.limits.entries });
        } else if self.size.saturating_add(self.holes) > self.limits.bytes {
            self.excess = Some(Excess::Bytes { bytes: self.limits.bytes });
        }
        self.excess.map_or(Ok(()), Err)
    }

    /// Why it ended, if it got too large.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess
    }

    /// The digest and the size of all that passed.
    pub(super) fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.size)
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.size += count as u64;
        let (packed, LayerLimits { ratio, spared, bytes, .. }) = (self.packed.get(), self.limits);
        if self.size.saturating_add(self.holes) > bytes {
            self.excess = Some(Excess::Bytes { bytes });
        } else if self.size > spared && self.size / ratio.max(1) > packed {
            self.excess = Some(Excess::Ratio { packed, unpacked: self.size, ratio });
        }
        self.excess.map_or(Ok(count), |excess| Err(io::Error::other(excess)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads so much content of so many packed bytes. What is said, or how much passed.
    fn read(packed: u64, unpacked: u64, limits: LayerLimits) -> String {
        let count = Cell::new(0);
        let packed = Counted { inner: io::repeat(1).take(packed), count: &count };
        let inner = packed.chain(io::repeat(0)).take(unpacked);
        let mut content = Content::new(inner, &count, limits);
        let read = io::copy(&mut content, &mut io::sink());
        match (content.excess(), read) {
            (Some(excess), Err(_)) => excess.to_string(),
            (None, Ok(size)) => {
                assert_eq!(content.finish().1, size);
                size.to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn content_ends_where_a_limit_is() {
        let limits = LayerLimits { ratio: 10, spared: 100_000, bytes: 1_500_000, entries: 2 };
        assert_eq!(read(10, 100_000, limits), "100000", "so little is spared");
        assert_eq!(read(200_000, 1_500_000, limits), "1500000");
        insta::assert_snapshot!(read(200_000, 1_500_001, limits), @"it has more than 1.5 MB (raise `layer-bytes` under `[limits]` in `hlbc.toml`)");
        insta::assert_snapshot!(read(1_000, 1_000_000, limits), @"its 1.0 kB expand to 107.4 kB, more than 10 times as much (raise `layer-ratio` under `[limits]` in `hlbc.toml`)");
        let count = Cell::new(0);
        let mut content = Content::new(io::empty(), &count, limits);
        assert_eq!((content.entry(0), content.entry(0)), (Ok(()), Ok(())));
        insta::assert_snapshot!(content.entry(0).unwrap_err(), @"it has more than 2 entries (raise `layer-entries` under `[limits]` in `hlbc.toml`)");
        let mut content = Content::new(io::empty(), &count, limits);
        insta::assert_snapshot!(content.entry(u64::MAX).unwrap_err(), @"it has more than 1.5 MB (raise `layer-bytes` under `[limits]` in `hlbc.toml`)");
    }

    #[test]
    fn sizes_have_units() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1 << 30, "1.0 GB"), (256 << 30, "274.8 GB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
