//! What changed from one graph to another, step by step.
//!
//! ```text
//!  two plans ──► align: which step became which ──► fields: what of it is another ──► Comparison ──► text, JSON
//! ```
//!
//! Owns what counts as a change. A step whose own fields are as they were, and whose inputs are what became of its inputs,
//! has not changed: it only follows from changes before it. Where steps were written never counts.

mod align;
mod difference;
mod fields;
mod names;
mod ops;
mod report;

use crate::definition::Graph;
use crate::plan::Plan;
use align::Pairs;
use difference::differences;
use fields::Side;

pub use ops::{Paired, fields as field_count, ops, paired_inputs};
pub use report::{json, text};

/// How two plans differ. Steps are meant by their positions in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Steps that became other ones, in the order of the second plan.
    pub changed: Vec<Changed>,
    /// Steps of the second plan that the first has not.
    pub added: Vec<usize>,
    /// Steps of the first plan that the second has not.
    pub removed: Vec<usize>,
    /// Steps that changed only because of their inputs: before and after.
    pub follow: Vec<(usize, usize)>,
    /// How many steps are the same in all.
    pub same: usize,
    /// Results that come from elsewhere.
    pub results: Vec<Change>,
}

/// A step that became another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Position in the first plan.
    pub before: usize,
    /// Position in the second plan.
    pub after: usize,
    /// What is another; never empty.
    pub fields: Vec<Change>,
}

/// Something that is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What, in words, such as ``mount `/src` selector``.
    pub field: String,
    /// What it was; `None` if there was none.
    pub before: Option<String>,
    /// What it is now; `None` if there is none.
    pub after: Option<String>,
}

impl Comparison {
    /// Whether nothing is another.
    pub fn is_same(&self) -> bool {
        self.changed.is_empty()
            && self.added.is_empty()
            && self.removed.is_empty()
            && self.follow.is_empty()
            && self.results.is_empty()
    }
}

/// Compares two graphs. Positions in the result are those of `Plan::of` each.
pub fn compare(a: &Graph, b: &Graph) -> Comparison {
    compare_plans(&Plan::of(a), &Plan::of(b))
}

/// Compares two plans. The time it takes grows with the number of steps and inputs, not with its square.
pub fn compare_plans(a: &Plan<'_>, b: &Plan<'_>) -> Comparison {
    let pairs = align::align(a, b);
    let (before, after) = (Side::before(a, &pairs), Side::after(b));
    let mut comparison = Comparison::default();
    for (position, step) in b.steps.iter().enumerate() {
        let Some((was, old)) = pairs.before(position).and_then(|was| Some((was, a.steps.get(was)?))) else {
            comparison.added.push(position);
            continue;
        };
        let equal = old.vertex.digest == step.vertex.digest;
        if equal && old.vertex.metadata == step.vertex.metadata {
            comparison.same += 1;
            continue;
        }
        let mut fields = differences(before.fields(old), after.fields(step));
        let follows = old.inputs.iter().zip(&step.inputs).any(|(old, new)| changed(a, b, old.0, new.0));
        if fields.is_empty() && !equal && !follows {
            let encoding = |which: &str| Some(format!("the {which} of two"));
            fields.push(Change { field: "encoding".to_owned(), before: encoding("one"), after: encoding("other") });
        }
        match (fields.is_empty(), equal) {
            (true, true) => comparison.same += 1,
            (true, false) => comparison.follow.push((was, position)),
            (false, _) => comparison.changed.push(Changed { before: was, after: position, fields }),
        }
    }
    comparison.removed.extend((0..a.steps.len()).filter(|position| pairs.after(*position).is_none()));
    comparison.results = results(a, b, &pairs, &before, &after);
    comparison
}

fn changed(a: &Plan<'_>, b: &Plan<'_>, old: usize, new: usize) -> bool {
    a.steps.get(old).map(|step| &step.vertex.digest) != b.steps.get(new).map(|step| &step.vertex.digest)
}

fn results(a: &Plan<'_>, b: &Plan<'_>, pairs: &Pairs, before: &Side<'_>, after: &Side<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (new, old) in pairs.results(a, b) {
        let field = |label: &str| crate::draw::printable(label);
        let change = match (old, new) {
            (Some(old), Some(new)) if before.id(old.from) == after.id(new.from) => continue,
            (Some(old), Some(new)) => Change {
                field: field(&new.label),
                before: Some(before.shown(old.from)),
                after: Some(after.shown(new.from)),
            },
            (Some(old), None) => Change { field: field(&old.label), before: Some(before.shown(old.from)), after: None },
            (None, Some(new)) => Change { field: field(&new.label), before: None, after: Some(after.shown(new.from)) },
            (None, None) => continue,
        };
        changes.push(change);
    }
    changes
}
