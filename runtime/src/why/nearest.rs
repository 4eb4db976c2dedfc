//! Which earlier step a step is most like.
//!
//! Owns the choice. Candidates have the same place, name or part of the key, or were steps of the last builds in the same
//! directory and are no more. The one with the least difference is taken; of several the one at the same place, then the one
//! that differs in fewer characters, then the one with the nearest number, then the one of the newest build.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use hlb_store::{LastStep, Likeness, MetaError, Store, StructureRow};

use super::differ::{Difference, FIELD, Known, differ};

/// How many candidates are looked at for what they have in common with the step.
const CANDIDATES: u32 = 16;
/// How many candidates are looked at that do the same.
const SAME: u32 = 8;
/// How many steps that are no more are looked at on either side of the step.
const VANISHED: usize = 8;

/// What is known about all earlier steps.
pub(super) struct Earlier<'a> {
    pub(super) store: &'a Store,
    /// What was recorded later does not count.
    pub(super) before: SystemTime,
    /// Keys of steps that are in this build as they were.
    pub(super) used: HashSet<&'a str>,
    /// Definitions in this build.
    pub(super) vertices: HashSet<&'a str>,
    /// For each structure that one of the newest builds had the newest of those.
    pub(super) last_uses: HashMap<i64, i64>,
    /// The numbers of steps of the last builds in the same directory, by structure.
    pub(super) numbers: HashMap<i64, u32>,
    /// Those of them that are no more: by kind, in the order of their numbers.
    pub(super) vanished: HashMap<String, Vec<LastStep>>,
}

/// How near a candidate is: its distance, whether it left nothing, where it was, in how many characters it differs, how far away
/// its number is, and how long ago it was used.
type Rank = (usize, bool, Where, usize, (u32, Reverse<i64>, Reverse<SystemTime>, Reverse<i64>));

/// Where a candidate was written, seen from the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// In the same lines.
    Lines,
    /// In a line with the same text.
    Text,
    Elsewhere,
}

fn place(now: &Known, then: &Known) -> Where {
    if now.place.is_empty() {
        Where::Elsewhere
    } else if now.parts.lines == then.parts.lines {
        Where::Lines
    } else if now.place == then.place {
        Where::Text
    } else {
        Where::Elsewhere
    }
}

/// An earlier step and how a step differs from it.
pub(super) struct Near {
    pub(super) row: StructureRow,
    pub(super) known: Known,
    pub(super) difference: Difference,
}

impl Earlier<'_> {
    /// The earlier step that a step is most like, if there is one like it.
    pub(super) fn nearest(&self, now: &Known, number: u32) -> Result<Option<Near>, MetaError> {
        let all = Likeness { place: &now.place, map: &now.map, name: &now.name, kind: &now.kind };
        let mut best = None;
        let (structures, step) = (self.store.structures(), (now, number));
        // Where the same was done to other inputs, nothing else can be nearer; in a long chain that is so for most.
        self.look_at(structures.like(Likeness { place: "", name: "", ..all }, SAME)?, step, true, &mut best);
        if best.as_ref().is_some_and(|(rank, _): &(Rank, Near)| rank.0 < FIELD) {
            return Ok(best.map(|(_, near)| near));
        }
        self.look_at(structures.like(all, CANDIDATES)?, step, true, &mut best);
        self.look_at(self.vanished(now, number)?, step, false, &mut best);
        Ok(best.map(|(_, near)| near))
    }

    /// Takes the best of some candidates if it is better than what there is. `alike` says that they have something in common
    /// with the step besides having been in a build before it.
    fn look_at(
        &self,
        rows: Vec<StructureRow>,
        (now, number): (&Known, u32),
        alike: bool,
        best: &mut Option<(Rank, Near)>,
    ) {
        for row in rows.into_iter().filter(|row| row.made_at <= self.before && !self.is_elsewhere(row, now)) {
            let Some(known) = Known::then(&row) else { continue };
            let difference = differ(now, &known);
            let (differing, all) = difference.size();
            let place = place(now, &known);
            // Of what differs in most fields, or has nothing in common and other texts, it cannot be said that it became this.
            let strange = !alike && differing * 2 > all || difference.is_most_of(now, &known);
            if place == Where::Elsewhere && strange {
                continue;
            }
            let used = self.last_uses.get(&row.id).copied().unwrap_or(row.build);
            let away = self.numbers.get(&row.id).map_or(u32::MAX, |other| other.abs_diff(number));
            let own = (away, Reverse(used), Reverse(row.made_at), Reverse(row.id));
            // What ignored the cache left nothing, so it comes after what did.
            let rank = (difference.distance(), known.parts.ignore_cache, place, differing, own);
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                *best = Some((rank, Near { row, known, difference }));
            }
        }
    }

    /// Steps of the same kind that are no more, those with the nearest numbers.
    fn vanished(&self, now: &Known, number: u32) -> Result<Vec<StructureRow>, MetaError> {
        let steps = self.vanished.get(&now.kind).map(Vec::as_slice).unwrap_or_default();
        let at = steps.partition_point(|step| step.number < number);
        let around = steps.get(at.saturating_sub(VANISHED)..(at + VANISHED).min(steps.len())).unwrap_or_default();
        let mut ids: Vec<i64> = around.iter().map(|step| step.structure).collect();
        ids.sort_unstable();
        ids.dedup();
        self.store.structures().rows(&ids)
    }

    /// Whether a candidate is another step of this build: it is still what it was, so nothing became of it.
    fn is_elsewhere(&self, row: &StructureRow, now: &Known) -> bool {
        let kept = &row.structure;
        if kept.vertex == now.vertex {
            return false;
        }
        self.vertices.contains(kept.vertex.as_str())
            || kept.key.as_ref().is_some_and(|key| self.used.contains(key.as_str()))
    }
}
