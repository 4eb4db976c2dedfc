//! Unpacking a layer before those below it are there.
//!
//! Owns which of its entries mean something else on top of other layers: what was hidden, and what was made only because something
//! is in it. That is noted, and made good when the others have come. Where it cannot be made good, as where a link of another layer
//! leads elsewhere, the layer has to be unpacked again: what `apply_layer` does is the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::io::Read;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::{Applied, ApplyError, Fault, Writer};
use crate::snapshot::limit::LayerLimits;
use crate::snapshot::node::Metadata;
use crate::snapshot::stack::{Stack, is_dir, look, open_dir};

/// What notes may take: parts of places, of which long ones count more. That is some hundred megabytes.
const MAX_PARTS: usize = 4_000_000;
/// So many bytes of a name count as a part more.
const PART: usize = 64;

/// A place in an image.
type Place = Vec<CString>;

/// A layer that was unpacked without those below it.
pub(crate) enum Alone {
    /// It has to be settled on them.
    Done(Applied, Box<Open>),
    /// Only on top of them it can be unpacked.
    Depends,
}

/// An unpacked layer with what is open about it.
pub(crate) struct Open {
    writer: Writer,
    notes: Notes,
    upper: PathBuf,
}

/// What lower layers have a say in.
#[derive(Default)]
pub(super) struct Notes {
    /// By place, of what is still there: what was replaced since is not.
    open: BTreeMap<Place, Note>,
    /// What must be no link in lower layers, nor anything else that is not a directory.
    through: Vec<Place>,
    /// What did not show any more at some time, and so never does again.
    hidden: BTreeSet<Place>,
    /// How much of the budget is used, of what is gone again as well.
    parts: usize,
}

/// What is open about a place.
#[derive(Default)]
struct Note {
    /// The name of a lower layer is gone.
    whiteout: bool,
    /// Of a directory, lower layers show nothing.
    opaque: bool,
    /// It is a directory that was made in passing.
    implied: Option<Implied>,
}

/// A directory that looks as it does in lower layers, if they have it.
struct Implied {
    /// Which of the writer's directories it is.
    number: usize,
    /// An entry has described it since.
    described: bool,
}

/// Unpacks a layer into the empty directory `upper` without knowing what is below it.
///
/// # Errors
/// When the archive is damaged or too large. What else is wrong with it is found when it is unpacked again.
pub(crate) fn apply_alone(layer: impl Read, upper: &Path, limits: LayerLimits) -> Result<Alone, ApplyError> {
    let mut writer = Writer::open(upper, &[])?;
    writer.notes = Some(Notes::default());
    match writer.unpack(layer, limits) {
        Ok(applied) => {
            let notes = writer.notes.take().unwrap_or_default();
            Ok(Alone::Done(applied, Box::new(Open { writer, notes, upper: upper.to_owned() })))
        }
        Err(ApplyError::Refused { .. } | ApplyError::Entry { .. }) => Ok(Alone::Depends),
        Err(error) => Err(error),
    }
}

impl Open {
    /// Makes the layer what it is on top of `lowers` (top first). False, if it has to be unpacked again for that.
    ///
    /// # Errors
    /// When a layer cannot be opened.
    pub(crate) fn settle(self, lowers: &[PathBuf]) -> Result<bool, ApplyError> {
        let Self { mut writer, notes, upper } = self;
        let layers = std::iter::once(upper.as_path()).chain(lowers.iter().map(PathBuf::as_path));
        writer.stack = Stack::open(layers).map_err(|(path, source)| ApplyError::Open { path, source })?;
        match writer.settle(notes) {
            Ok(true) => writer.finish().map(|()| true),
            Ok(false) | Err(_) => Ok(false),
        }
    }
}

impl Notes {
    /// Whether they take as much as they may: the archive is made for that, and is unpacked without notes.
    pub(super) fn is_full(&self) -> bool {
        self.parts > MAX_PARTS
    }

    fn count(&mut self, place: &[CString]) {
        self.parts += place.iter().map(|part| 1 + part.as_bytes().len() / PART).sum::<usize>();
    }

    /// A name is hidden.
    pub(super) fn hide(&mut self, place: Place) {
        self.count(&place);
        self.hidden.insert(place.clone());
        self.open.entry(place).or_default().whiteout = true;
    }

    /// All that is in a directory is hidden.
    pub(super) fn hide_all(&mut self, place: Place) {
        self.count(&place);
        self.hidden.insert(place.clone());
        self.open.entry(place).or_default().opaque = true;
    }

    /// A directory is made because something is in it. `number` is its place among the writer's directories.
    pub(super) fn imply(&mut self, place: Place, number: usize) {
        let shows = (1..=place.len()).all(|length| !self.hidden.contains(place.get(..length).unwrap_or_default()));
        if shows {
            self.count(&place);
            self.through.push(place.clone());
            self.open.entry(place).or_default().implied = Some(Implied { number, described: false });
        }
    }

    /// An entry says what a directory that is there looks like.
    pub(super) fn describe(&mut self, place: &[CString]) {
        if let Some(implied) = self.open.get_mut(place).and_then(|note| note.implied.as_mut()) {
            implied.described = true;
        }
    }

    /// Something else comes to a place, and what was in it is gone.
    pub(super) fn replace(&mut self, place: &[CString]) {
        if let Some(note) = self.open.get_mut(place) {
            *note = Note { whiteout: note.whiteout, ..Note::default() };
        }
        let next = |open: &BTreeMap<Place, Note>| {
            let (below, _) = open.range::<[CString], _>((Bound::Excluded(place), Bound::Unbounded)).next()?;
            below.starts_with(place).then(|| below.clone())
        };
        while let Some(below) = next(&self.open) {
            self.open.remove(&below);
        }
    }
}

impl Writer {
    /// Makes good what is open. False, if that cannot be done.
    fn settle(&mut self, notes: Notes) -> Result<bool, Fault> {
        for place in &notes.through {
            if self.stack.find(place, true)?.is_some_and(|found| !is_dir(&found.stat)) {
                return Ok(false);
            }
        }
        for (place, note) in notes.open {
            let Some((name, at)) = place.split_last() else { continue };
            let Some(parent) = self.plain(at)? else { return Ok(false) };
            if let Some(implied) = note.implied
                && let Some(found) = self.stack.find(&place, true)?
            {
                let metadata = Metadata::of(&found)?;
                if implied.described {
                    metadata.add_xattrs(&parent, name)?;
                } else {
                    metadata.apply(&parent, name, FileType::Directory)?;
                    if let Some((_, known)) = self.dirs.get_mut(implied.number) {
                        *known = metadata.mtime;
                    }
                }
            }
            if note.opaque && look(&parent, name)?.is_some_and(|stat| is_dir(&stat)) {
                self.hide_all(&open_dir(&parent, name)?, &place)?;
            }
            if note.whiteout {
                self.hide(&parent, at, name.clone())?;
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
