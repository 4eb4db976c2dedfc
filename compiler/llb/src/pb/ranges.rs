//! The parts of a source file that a place names.
//!
//! Owns their form in memory: nearly every place names one part, and there are several places for each op.

use std::ops::Deref;

use super::Range;

/// A list of ranges; one alone takes no memory of its own.
#[derive(Clone)]
pub struct Ranges(Few);

#[derive(Clone)]
enum Few {
    One(Range),
    Any(Vec<Range>),
}

impl Ranges {
    /// Adds one at the end.
    pub fn push(&mut self, range: Range) {
        match &mut self.0 {
            Few::Any(ranges) if ranges.is_empty() => self.0 = Few::One(range),
            Few::Any(ranges) => ranges.push(range),
            Few::One(first) => self.0 = Few::Any(vec![*first, range]),
        }
    }
}

impl Default for Ranges {
    fn default() -> Self {
        Self(Few::Any(Vec::new()))
    }
}

impl Deref for Ranges {
    type Target = [Range];

    fn deref(&self) -> &[Range] {
        match &self.0 {
            Few::One(range) => std::slice::from_ref(range),
            Few::Any(ranges) => ranges,
        }
    }
}

impl From<Range> for Ranges {
    fn from(range: Range) -> Self {
        Self(Few::One(range))
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<T: IntoIterator<Item = Range>>(ranges: T) -> Self {
        let mut all = Self::default();
        ranges.into_iter().for_each(|range| all.push(range));
        all
    }
}

impl<'a> IntoIterator for &'a Ranges {
    type Item = &'a Range;
    type IntoIter = std::slice::Iter<'a, Range>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Ranges {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Ranges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_in_a_list() {
        let range = |line| Range { start: Some(super::super::Position { line, character: 0 }), end: None };
        for length in 0..4 {
            let list: Vec<Range> = (0..length).map(range).collect();
            let ranges: Ranges = list.iter().copied().collect();
            assert_eq!(*ranges, list);
            assert_eq!(format!("{ranges:?}"), format!("{list:?}"));
        }
        assert_eq!(*Ranges::from(range(1)), [range(1)]);
    }
}
