//! Which step of one plan became which of another.
//!
//! Owns the pairing. Each pass takes what the passes before left, and costs no more than the number of steps and inputs:
//!
//! 1. equal digests;
//! 2. equal ops but for inputs, whose inputs are paired with each other;
//! 3. equal ops but for inputs, if there is one on either side;
//! 4. equal ops but for inputs beside paired steps: what they read, then what reads them;
//! 5. equal ops but for inputs, in build order;
//! 6. results for the same thing, if their steps are of one kind;
//! 7. steps with one identity (an image without its tag, the program that is run, the files that are written), if there is
//!    one on either side;
//! 8. steps of one kind beside paired steps, in the same role: what they read, then what reads them;
//! 9. steps of one kind that were written at the same place;
//! 10. steps with one identity, in build order.
//!
//! What is left is not the same step any more: it was removed or added.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::mem::{Discriminant, discriminant};

use super::fields::{action_key, is_name_of_command};
use crate::canonical::encode_op;
use crate::digest::Digest;
use crate::graph::CUSTOM_NAME;
use crate::pb;
use crate::plan::{Outcome, Plan, Role, Step, output_name, uses};

/// Pairs of positions, each position in at most one.
pub(super) struct Pairs {
    after: Vec<Option<usize>>,
    before: Vec<Option<usize>>,
}

impl Pairs {
    fn new(a: &Plan<'_>, b: &Plan<'_>) -> Self {
        Self { after: vec![None; a.steps.len()], before: vec![None; b.steps.len()] }
    }

    /// What became of a step.
    pub(super) fn after(&self, before: usize) -> Option<usize> {
        self.after.get(before).copied().flatten()
    }

    /// What a step was.
    pub(super) fn before(&self, after: usize) -> Option<usize> {
        self.before.get(after).copied().flatten()
    }

    /// Pairs two steps if neither is paired yet.
    fn join(&mut self, before: usize, after: usize) -> bool {
        let (Some(to), Some(from)) = (self.after.get_mut(before), self.before.get_mut(after)) else { return false };
        if to.is_some() || from.is_some() {
            return false;
        }
        (*to, *from) = (Some(after), Some(before));
        true
    }

    /// The results of both plans, new and old: as many on either side are taken in order, others by what they are for.
    pub(super) fn results<'p>(
        &self,
        a: &'p Plan<'_>,
        b: &'p Plan<'_>,
    ) -> Vec<(Option<&'p Outcome>, Option<&'p Outcome>)> {
        if a.results.len() == b.results.len() {
            return b.results.iter().zip(&a.results).map(|(new, old)| (Some(new), Some(old))).collect();
        }
        let mut old: HashMap<&str, VecDeque<&Outcome>> = HashMap::new();
        for result in &a.results {
            old.entry(&result.label).or_default().push_back(result);
        }
        let mut all = Vec::new();
        for new in &b.results {
            all.push((Some(new), old.get_mut(new.label.as_str()).and_then(VecDeque::pop_front)));
        }
        let mut left: Vec<&Outcome> = old.into_values().flatten().collect();
        left.sort_by(|one, other| one.label.cmp(&other.label));
        all.extend(left.into_iter().map(|old| (None, Some(old))));
        all
    }
}

/// Pairs the steps of two plans.
pub(super) fn align(a: &Plan<'_>, b: &Plan<'_>) -> Pairs {
    let mut pairs = Pairs::new(a, b);
    let digest = |step: &Step<'_>| Some(step.vertex.digest.clone());
    in_order(&mut pairs, &keys(a, digest), &keys(b, digest), Which::All);

    let (own_a, own_b) = (keys(a, |step| Some(own(step))), keys(b, |step| Some(own(step))));
    with_paired_inputs(&mut pairs, a, b, &own_a, &own_b);
    in_order(&mut pairs, &own_a, &own_b, Which::Unique);
    let neighbours = Neighbours::new(a, b);
    neighbours.spread(&mut pairs, &|before, after| own_a.get(before) == own_b.get(after));
    in_order(&mut pairs, &own_a, &own_b, Which::All);

    let same_kind = |before: usize, after: usize| {
        let kinds = (a.steps.get(before).map(kind), b.steps.get(after).map(kind));
        kinds.0 == kinds.1
    };
    for (new, old) in pairs.results(a, b) {
        let ends = old.and_then(|old| old.from).zip(new.and_then(|new| new.from));
        if let Some(((before, _), (after, _))) = ends.filter(|(old, new)| same_kind(old.0, new.0)) {
            pairs.join(before, after);
        }
    }
    let (identity_a, identity_b) = (keys(a, identity), keys(b, identity));
    in_order(&mut pairs, &identity_a, &identity_b, Which::Unique);
    neighbours.spread(&mut pairs, &same_kind);
    let place = |step: &Step<'_>| {
        step.places.first().map(|place| (kind(step), place.file.to_owned(), place.line, place.column))
    };
    in_order(&mut pairs, &keys(a, place), &keys(b, place), Which::Unique);
    in_order(&mut pairs, &identity_a, &identity_b, Which::All);
    pairs
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    /// Those that are alone with their key on both sides.
    Unique,
    /// The first with the first, the second with the second, and so on.
    All,
}

fn keys<K>(plan: &Plan<'_>, key: impl Fn(&Step<'_>) -> Option<K>) -> Vec<Option<K>> {
    plan.steps.iter().map(key).collect()
}

/// Pairs steps with equal keys.
fn in_order<K: Eq + Hash>(pairs: &mut Pairs, a: &[Option<K>], b: &[Option<K>], which: Which) {
    let mut old: HashMap<&K, VecDeque<usize>> = HashMap::new();
    for (position, key) in a.iter().enumerate() {
        if let Some(key) = key.as_ref().filter(|_| pairs.after(position).is_none()) {
            old.entry(key).or_default().push_back(position);
        }
    }
    let mut new: HashMap<&K, usize> = HashMap::new();
    let free = |position: &usize, pairs: &Pairs| pairs.before(*position).is_none();
    for (_, key) in b.iter().enumerate().filter(|(position, _)| free(position, pairs)) {
        if let Some(key) = key {
            *new.entry(key).or_default() += 1;
        }
    }
    for (position, key) in b.iter().enumerate() {
        let Some(key) = key.as_ref().filter(|_| free(&position, pairs)) else { continue };
        let Some(candidates) = old.get_mut(key) else { continue };
        if which == Which::Unique && (candidates.len() != 1 || new.get(key) != Some(&1)) {
            continue;
        }
        if let Some(before) = candidates.pop_front() {
            pairs.join(before, position);
        }
    }
}

/// Pairs steps with equal ops whose inputs are pairs. Two different steps of one plan cannot have the same of both.
fn with_paired_inputs(
    pairs: &mut Pairs,
    a: &Plan<'_>,
    b: &Plan<'_>,
    own_a: &[Option<Digest>],
    own_b: &[Option<Digest>],
) {
    type Inputs = Vec<(usize, usize)>;
    let mut new: HashMap<(&Digest, Inputs), usize> = HashMap::new();
    for (position, (step, own)) in b.steps.iter().zip(own_b).enumerate() {
        if let Some(own) = own.as_ref().filter(|_| pairs.before(position).is_none()) {
            new.insert((own, step.inputs.clone()), position);
        }
    }
    for (position, (step, own)) in a.steps.iter().zip(own_a).enumerate() {
        let Some(own) = own.as_ref().filter(|_| pairs.after(position).is_none()) else { continue };
        let inputs: Option<Inputs> =
            step.inputs.iter().map(|(input, output)| Some((pairs.after(*input)?, *output))).collect();
        if let Some(after) = inputs.and_then(|inputs| new.get(&(own, inputs)).copied()) {
            pairs.join(position, after);
        }
    }
}

/// What stands beside what.
struct Neighbours<'p> {
    a: Side<'p>,
    b: Side<'p>,
}

/// For each step what it reads and who reads it, with the role.
struct Side<'p> {
    inputs: Vec<Vec<(Role<'p>, usize)>>,
    users: Vec<Vec<(Role<'p>, usize)>>,
}

impl<'p> Side<'p> {
    fn new(plan: &Plan<'p>) -> Self {
        let mut side = Self { inputs: Vec::new(), users: vec![Vec::new(); plan.steps.len()] };
        for (position, step) in plan.steps.iter().enumerate() {
            let vertex = step.vertex;
            let mut inputs = Vec::new();
            for (at, role) in uses(&vertex.op) {
                let Some((input, _)) = step.inputs.get(at) else { continue };
                inputs.push((role, *input));
                if let Some(users) = side.users.get_mut(*input) {
                    users.push((role, position));
                }
            }
            side.inputs.push(inputs);
        }
        side
    }
}

impl<'p> Neighbours<'p> {
    fn new(a: &Plan<'p>, b: &Plan<'p>) -> Self {
        Self { a: Side::new(a), b: Side::new(b) }
    }

    /// Pairs what stands in the same role beside pairs, then beside the new pairs, if it may.
    fn spread(&self, pairs: &mut Pairs, may: &dyn Fn(usize, usize) -> bool) {
        let mut pending: VecDeque<(usize, usize)> = Self::pairs_of(pairs);
        let mut readers = VecDeque::new();
        loop {
            if let Some((before, after)) = pending.pop_front() {
                let (old, new) = (self.a.inputs.get(before), self.b.inputs.get(after));
                pending.extend(beside(pairs, old, new, may));
                readers.push_back((before, after));
            } else if let Some((before, after)) = readers.pop_front() {
                let (old, new) = (self.a.users.get(before), self.b.users.get(after));
                pending.extend(beside(pairs, old, new, may));
            } else {
                return;
            }
        }
    }

    fn pairs_of(pairs: &Pairs) -> VecDeque<(usize, usize)> {
        pairs.after.iter().enumerate().filter_map(|(before, after)| Some((before, (*after)?))).collect()
    }
}

/// Pairs those of two lists that have one role, in order, and says which.
fn beside(
    pairs: &mut Pairs,
    old: Option<&Vec<(Role<'_>, usize)>>,
    new: Option<&Vec<(Role<'_>, usize)>>,
    may: &dyn Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let mut by_role: HashMap<Role<'_>, VecDeque<usize>> = HashMap::new();
    for (role, step) in old.iter().filter(|(_, step)| pairs.after(*step).is_none()) {
        by_role.entry(*role).or_default().push_back(*step);
    }
    let mut joined = Vec::new();
    for (role, after) in new {
        if pairs.before(*after).is_some() {
            continue;
        }
        let Some(candidates) = by_role.get_mut(role) else { continue };
        let Some(before) = candidates.front().copied() else { continue };
        if may(before, *after) && pairs.join(before, *after) {
            candidates.pop_front();
            joined.push((before, *after));
        }
    }
    joined
}

fn kind(step: &Step<'_>) -> Option<Discriminant<pb::OpKind>> {
    step.vertex.op.op.as_ref().map(discriminant)
}

/// The op without its inputs.
fn own(step: &Step<'_>) -> Digest {
    let op = &step.vertex.op;
    let bytes = encode_op(&pb::Op {
        inputs: Vec::new(),
        op: op.op.clone(),
        platform: op.platform.clone(),
        constraints: op.constraints.clone(),
    });
    let names: Vec<u8> = op.inputs.iter().flat_map(|input| input.index.to_le_bytes()).collect();
    Digest::of([bytes, names].concat())
}

/// What a step is about, whatever its details.
fn identity(step: &Step<'_>) -> Option<(Discriminant<pb::OpKind>, String)> {
    let op = &step.vertex.op;
    let name = step.vertex.metadata.description.get(CUSTOM_NAME).filter(|name| !is_name_of_command(op, name));
    let text = match op.op.as_ref()? {
        _ if name.is_some() => name.cloned().unwrap_or_default(),
        pb::OpKind::Source(source) => place_without_version(&source.identifier).to_owned(),
        pb::OpKind::Exec(exec) => {
            let command = exec.meta.as_ref().and_then(|meta| program(&meta.args)).unwrap_or_default();
            let mounts: Vec<&str> = exec.mounts.iter().map(|mount| mount.dest.as_str()).collect();
            format!("{command}\n{}", mounts.join("\n"))
        }
        pb::OpKind::File(file) => {
            let keys = file.actions.iter().filter_map(|it| it.action.as_ref()).map(action_key);
            keys.collect::<Vec<_>>().join("\n")
        }
        pb::OpKind::Passthrough(pass) => pass.id.clone(),
        pb::OpKind::Build(_) | pb::OpKind::Merge(_) | pb::OpKind::Diff(_) => return None,
    };
    Some((kind(step)?, text))
}

/// An image without tag and digest, a repository without its reference, an address without its query.
fn place_without_version(identifier: &str) -> &str {
    let end = identifier.find(['@', '#', '?']).unwrap_or(identifier.len());
    let place = identifier.get(..end).unwrap_or(identifier);
    if !place.starts_with("docker-image://") {
        return place;
    }
    let name = place.rfind('/').unwrap_or(0);
    match place.rfind(':').filter(|colon| *colon > name) {
        Some(colon) => place.get(..colon).unwrap_or(place),
        None => place,
    }
}

/// The program that a command runs; of a shell's script the first word.
fn program(args: &[String]) -> Option<&str> {
    match args {
        [_, option, script] if option == "-c" => script.split_whitespace().next(),
        [program, ..] => Some(program),
        [] => None,
    }
}

/// How a plan's outputs are told apart across plans, where numbers need not be equal.
pub(super) fn output_id(plan: &Plan<'_>, step: usize, output: usize) -> String {
    plan.steps.get(step).and_then(|step| output_name(&step.vertex.op, output)).unwrap_or_default()
}
