//! Files with holes in archives.
//!
//! Owns the four ways in which GNU tar writes where the data of such a file belong: in the header of type `S`, and in PAX
//! records of the forms 0.0, 0.1 and 1.0. The last has them in front of the data.

use super::{BLOCK, MAX_EXTENSION, decimal, number};

/// How a file with holes lies in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// Of the file in bytes, holes included.
    pub(crate) size: u64,
    /// Offset and length of its data, in the order in which they follow each other in the archive.
    pub(crate) parts: Vec<(u64, u64)>,
}

/// What PAX records say about the holes of an entry.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The version, where one is given.
    major: Option<u64>,
    minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    size: Option<u64>,
    parts: Option<Vec<(u64, u64)>>,
    /// An offset whose length has not been read.
    offset: Option<u64>,
}

/// Where the map of an entry is.
pub(super) enum Map {
    /// In the records.
    Known(Sparse),
    /// In front of the data of a file of this size.
    Before(u64),
}

impl Records {
    /// Takes the record `GNU.sparse.KEY`. Nothing, if its value makes no sense.
    pub(super) fn take(&mut self, key: &str, value: &[u8]) -> Option<()> {
        match key {
            "major" => self.major = Some(decimal(value)?),
            "minor" => self.minor = Some(decimal(value)?),
            "name" => self.name = Some(value.to_owned()),
            "size" | "realsize" => self.size = Some(decimal(value)?),
            "offset" if self.offset.is_none() => self.offset = Some(decimal(value)?),
            "numbytes" => {
                let part = (self.offset.take()?, decimal(value)?);
                self.parts.get_or_insert_default().push(part);
            }
            "map" => {
                let numbers = value.split(|byte| *byte == b',').map(decimal).collect::<Option<Vec<u64>>>();
                self.parts = Some(if value.is_empty() { Vec::new() } else { pairs(&numbers?)? });
            }
            // How many parts there are is seen without being told.
            "numblocks" => {}
            _ => return None,
        }
        Some(())
    }

    /// The map of an entry that has one.
    pub(super) fn map(&mut self) -> Result<Option<Map>, &'static str> {
        let incomplete = "its sparse map is incomplete";
        match (self.major, self.minor) {
            (Some(1), Some(0)) => Ok(Some(Map::Before(self.size.ok_or(incomplete)?))),
            (None | Some(0), None | Some(0 | 1)) => match (self.parts.take(), self.size, self.offset) {
                (None, None, None) if self.major.is_none() => Ok(None),
                (Some(parts), Some(size), None) => Ok(Some(Map::Known(Sparse { size, parts }))),
                _ => Err(incomplete),
            },
            _ => Err("its sparse map is of an unknown version"),
        }
    }
}

impl Sparse {
    /// Whether the parts follow each other in the file and are so much data.
    pub(super) fn fits(&self, data: u64) -> bool {
        let mut end = 0;
        for (offset, length) in &self.parts {
            match offset.checked_add(*length) {
                Some(next) if *offset >= end && next <= self.size => end = next,
                _ => return false,
            }
        }
        // None of these sums can be too large: the parts do not overlap.
        self.parts.iter().map(|(_, length)| length).sum::<u64>() == data
    }

    /// How many bytes of the file are not in the archive.
    pub(crate) fn holes(&self) -> u64 {
        self.size.saturating_sub(self.parts.iter().map(|(_, length)| length).sum())
    }
}

/// A map of the form 1.0: the number of parts, then offset and length of each, a number a line, filled up to whole blocks.
#[derive(Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    /// How many lines have ended.
    ended: usize,
}

impl Lines {
    /// Takes a block. The parts, if it is the last one.
    pub(super) fn add(&mut self, block: &[u8]) -> Result<Option<Vec<(u64, u64)>>, &'static str> {
        self.text.extend_from_slice(block);
        self.ended += block.iter().filter(|byte| **byte == b'\n').count();
        if self.text.len() as u64 > MAX_EXTENSION {
            return Err("its sparse map is larger than 1 MiB");
        }
        let wrong = "its sparse map makes no sense";
        let lines = || self.text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let Some(count) = lines().next() else {
            return if self.text.len() > BLOCK { Err(wrong) } else { Ok(None) };
        };
        let count = decimal(count).and_then(|count| usize::try_from(count).ok()).ok_or(wrong)?;
        let wanted = count.checked_mul(2).ok_or(wrong)?;
        if self.ended <= wanted {
            return Ok(None);
        }
        let numbers: Option<Vec<u64>> = lines().skip(1).take(wanted).map(decimal).collect();
        numbers.as_deref().and_then(pairs).ok_or(wrong).map(Some)
    }
}

/// A part of a header of type `S` or of a block behind one: so many pairs, and whether another block follows.
pub(super) fn old_parts(block: &[u8; BLOCK], at: usize, most: usize, parts: &mut Vec<(u64, u64)>) -> Option<bool> {
    let field = |from: usize| block.get(from..from + 12).unwrap_or_default();
    for pair in 0..most {
        let from = at + pair * 24;
        if field(from).first() == Some(&0) {
            break;
        }
        let part = |field| u64::try_from(number(field)?).ok();
        parts.push((part(field(from))?, part(field(from + 12))?));
    }
    block.get(at + most * 24).map(|more| *more != 0)
}

/// The size that a header of type `S` tells.
pub(super) fn old_size(block: &[u8; BLOCK]) -> Option<u64> {
    u64::try_from(number(block.get(483..495)?)?).ok()
}

fn pairs(numbers: &[u64]) -> Option<Vec<(u64, u64)>> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[offset, length]| (*offset, *length)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records as `key=value`, and what they say.
    fn records(said: &[&str]) -> String {
        let mut records = Records::default();
        for record in said {
            let (key, value) = record.split_once('=').unwrap();
            if records.take(key, value.as_bytes()).is_none() {
                return format!("{key} is wrong");
            }
        }
        match records.map() {
            Ok(None) => "no map".to_owned(),
            Ok(Some(Map::Before(size))) => format!("{size}: before"),
            Ok(Some(Map::Known(Sparse { size, parts }))) => format!("{size}: {parts:?}"),
            Err(reason) => reason.to_owned(),
        }
    }

    #[test]
    fn records_are_read_in_all_their_forms() {
        for (said, expected) in [
            (&[][..], "no map"),
            (&["size=9", "numblocks=2", "offset=0", "numbytes=1", "offset=5", "numbytes=2"], "9: [(0, 1), (5, 2)]"),
            (&["size=9", "numblocks=1", "map=3,4", "name=x"], "9: [(3, 4)]"),
            (&["major=0", "minor=1", "size=9", "map="], "9: []"),
            (&["major=1", "minor=0", "name=x", "realsize=7"], "7: before"),
            (&["major=1", "minor=1", "realsize=7"], "its sparse map is of an unknown version"),
            (&["major=2"], "its sparse map is of an unknown version"),
            (&["major=1", "minor=0"], "its sparse map is incomplete"),
            (&["size=9"], "its sparse map is incomplete"),
            (&["map=1,2"], "its sparse map is incomplete"),
            (&["size=9", "offset=1"], "its sparse map is incomplete"),
            (&["size=9", "offset=1", "offset=2"], "offset is wrong"),
            (&["size=9", "numbytes=2"], "numbytes is wrong"),
            (&["map=1,2,3"], "map is wrong"),
            (&["map=1,x"], "map is wrong"),
            (&["size=-1"], "size is wrong"),
            (&["other=1"], "other is wrong"),
        ] {
            assert_eq!(records(said), expected, "{said:?}");
        }
    }

    #[test]
    fn parts_must_fit_into_the_file_and_the_archive() {
        let fits = |size, parts: &[(u64, u64)], data| Sparse { size, parts: parts.to_vec() }.fits(data);
        assert!(fits(10, &[(0, 2), (2, 0), (5, 5)], 7));
        assert!(fits(10, &[], 0) && fits(10, &[(10, 0)], 0));
        assert!(!fits(10, &[(0, 2)], 3), "more data than parts");
        assert!(!fits(10, &[(0, 2)], 1), "less data than parts");
        assert!(!fits(10, &[(5, 6)], 6), "beyond the end");
        assert!(!fits(10, &[(5, 1), (0, 1)], 2), "out of order");
        assert!(!fits(10, &[(0, 3), (2, 1)], 4), "over each other");
        assert!(!fits(u64::MAX, &[(2, u64::MAX)], 0), "too large to be counted");
        assert_eq!(Sparse { size: 10, parts: vec![(1, 2), (5, 5)] }.holes(), 3);
    }

    #[test]
    fn maps_before_the_data_come_in_blocks() {
        let read = |text: &str| {
            let mut lines = Lines::default();
            let mut blocks = text.as_bytes().chunks(BLOCK);
            let read = loop {
                match blocks.next().map(|block| lines.add(block)) {
                    None => return "goes on".to_owned(),
                    Some(Ok(None)) => {}
                    Some(Ok(Some(parts))) => break Ok(parts),
                    Some(Err(reason)) => break Err(reason),
                }
            };
            format!("{read:?}")
        };
        assert_eq!(read("0\n\0\0"), "Ok([])");
        assert_eq!(read("2\n1\n2\n30\n40\n\0"), "Ok([(1, 2), (30, 40)])");
        assert_eq!(read("2\n1\n2\n30\n40"), "goes on");
        let long: String = (0..300).map(|at| format!("{}\n1\n", at * 2)).collect();
        assert!(read(&format!("300\n{long}")).ends_with("(598, 1)])"));
        for wrong in ["x\n", "\n", "-1\n", "1\nx\n1\n", &"1".repeat(2 * BLOCK), "99999999999999999999\n"] {
            assert_eq!(read(wrong), r#"Err("its sparse map makes no sense")"#, "{wrong}");
        }
        assert_eq!(
            read(&format!("999999\n{}", "1\n".repeat(600_000))),
            r#"Err("its sparse map is larger than 1 MiB")"#
        );
    }
}
