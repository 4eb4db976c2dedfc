//! What differs between a step and an earlier one.
//!
//! Owns what counts as a difference: what makes their keys differ, and nothing else.

use hlb_llb::compare::{self, Change, Paired};
use hlb_llb::{definition, pb};
use hlb_store::{KeyId, StructureRow};

use super::SourcePart;
use crate::solver::key;
use crate::solver::structure::{self, KeptInput, Parts, Place, Structure};

/// The distance that a field makes. Fewer than four inputs that are others are nearer.
pub(super) const FIELD: usize = 10;

/// A step of this build or of an earlier one, with all that is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) key: Option<KeyId>,
    pub(crate) vertex: String,
    pub(crate) map: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) op: pb::Op,
    pub(crate) parts: Parts,
}

/// How a step differs from an earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct Difference {
    /// Fields of the definition.
    pub(super) fields: Vec<Change>,
    /// What the source stood for then and now.
    pub(super) base: Option<(SourcePart, SourcePart)>,
    /// Inputs that are not what they were.
    pub(super) inputs: Vec<InputDifference>,
    /// The keys differ and nothing says why.
    pub(super) unexplained: bool,
}

/// An input that is not what it was.
#[derive(Clone, Debug)]
pub(super) struct InputDifference {
    pub(super) was: KeptInput,
    pub(super) is: KeptInput,
    /// Whether the content of both was looked at.
    pub(super) by_content: bool,
}

impl Known {
    /// A step of this build.
    pub(crate) fn now(structure: &Structure, place: Place) -> Self {
        Self {
            key: structure.key.clone(),
            vertex: structure.vertex.to_string(),
            map: structure.map.clone(),
            kind: structure::kind(&structure.op).to_owned(),
            name: structure.name.clone(),
            place: place.text,
            op: structure.op.clone(),
            parts: structure.parts(place.lines),
        }
    }

    /// A step of an earlier build; `None` if it was kept in another form.
    pub(super) fn then(row: &StructureRow) -> Option<Self> {
        let kept = &row.structure;
        Some(Self {
            key: kept.key.clone(),
            vertex: kept.vertex.clone(),
            map: kept.map.clone(),
            kind: kept.kind.clone(),
            name: kept.name.clone(),
            place: kept.place.clone(),
            op: definition::decode_op(&kept.vertex.parse().ok()?, &kept.op).ok()?,
            parts: Parts::read(&kept.parts)?,
        })
    }

    fn is_local(&self) -> bool {
        matches!(self.parts.source, Some(SourcePart::Local { .. }))
    }
}

impl Difference {
    /// Whether nothing differs.
    pub(super) fn is_none(&self) -> bool {
        self.fields.is_empty() && self.base.is_none() && self.inputs.is_empty() && !self.unexplained
    }

    /// How far apart both are: fields of a step count more than what it reads, and that more if it goes by another name.
    pub(super) fn distance(&self) -> usize {
        let own = self.fields.len() + usize::from(self.base.is_some()) + usize::from(self.unexplained);
        let renamed = self.inputs.iter().filter(|input| input.was.name != input.is.name).count();
        own * FIELD + self.inputs.len() * 3 + renamed * 2
    }

    /// Whether most fields of both are others.
    pub(super) fn is_most_of(&self, now: &Known, then: &Known) -> bool {
        let total = || compare::field_count(&now.op).max(compare::field_count(&then.op));
        self.fields.len() > 1 && self.fields.len() * 2 > total()
    }

    /// How many characters of fields are others, and how many there are.
    pub(super) fn size(&self) -> (usize, usize) {
        let mut size = (0, 0);
        for change in &self.fields {
            let [was, is] = [&change.before, &change.after].map(|text| text.as_deref().unwrap_or_default().as_bytes());
            let longest = was.len().max(is.len());
            let head = was.iter().zip(is).take_while(|(was, is)| was == is).count();
            let rest = was.len().min(is.len()) - head;
            let tail = was.iter().rev().zip(is.iter().rev()).take(rest).take_while(|(was, is)| was == is).count();
            size = (size.0 + longest - head - tail, size.1 + longest);
        }
        size
    }
}

/// How a step differs from an earlier one of the same kind.
pub(super) fn differ(now: &Known, then: &Known) -> Difference {
    let pairs = compare::paired_inputs(&then.op, &now.op);
    let inputs = || pairs.iter().filter_map(|pair| paired(pair, now, then));
    // What is read by other names counts, unless it is the same content all the same.
    let renamed = inputs().any(|(was, is)| was.selector != is.selector && !same_content(was, is));
    let mut difference = Difference::default();
    for (was, is) in inputs() {
        let same_keys = was.keys.iter().any(|key| is.keys.contains(key));
        if !same_keys && !same_content(was, is) {
            let by_content = was.content.is_some() && is.content.is_some();
            difference.inputs.push(InputDifference { was: was.clone(), is: is.clone(), by_content });
        }
    }
    if now.map == then.map && !renamed {
        return difference;
    }
    let same = |at: usize, after: bool| {
        let pair = pairs.iter().find(|pair| at == if after { pair.after } else { pair.before });
        pair.and_then(|pair| paired(pair, now, then)).is_some_and(|(was, is)| same_content(was, is))
    };
    let (before, after) = (relevant(&then.op, &|at| same(at, false)), relevant(&now.op, &|at| same(at, true)));
    difference.fields = compare::ops(&before, &after, (&names(then), &names(now)));
    if let Some((was, is)) = then.parts.source.as_ref().zip(now.parts.source.as_ref()).filter(|(was, is)| !was.is(is)) {
        difference.base = Some((was.clone(), is.clone()));
    }
    // The key of a local directory is another in each session.
    difference.unexplained = difference.fields.is_empty() && difference.base.is_none() && !now.is_local();
    difference
}

fn paired<'k>(pair: &Paired, now: &'k Known, then: &'k Known) -> Option<(&'k KeptInput, &'k KeptInput)> {
    Some((then.parts.inputs.get(pair.before)?, now.parts.inputs.get(pair.after)?))
}

fn same_content(was: &KeptInput, is: &KeptInput) -> bool {
    was.content.is_some() && was.content == is.content
}

/// A name for each input of the op.
fn names(known: &Known) -> Vec<String> {
    let name = |at: usize| known.parts.inputs.get(at).map(|input| input.name.clone()).unwrap_or_default();
    (0..known.op.inputs.len()).map(name).collect()
}

/// An op with nothing but what counts in its key. `same` says of which inputs the content is what it is in the other op.
fn relevant(op: &pb::Op, same: &dyn Fn(usize) -> bool) -> pb::Op {
    let mut relevant = pb::Op { constraints: None, ..op.clone() };
    let has_platform = match &mut relevant.op {
        Some(pb::OpKind::Exec(exec)) => {
            *exec = key::relevant_exec(exec);
            for mount in &mut exec.mounts {
                if usize::try_from(mount.input).is_ok_and(same) {
                    mount.selector.clear();
                }
            }
            true
        }
        Some(pb::OpKind::File(file)) => {
            for action in &mut file.actions {
                if let Some(pb::FileActionKind::Copy(copy)) = &mut action.action
                    && usize::try_from(action.secondary_input).is_ok_and(same)
                {
                    copy.src = key::base_name(&copy.src);
                }
            }
            false
        }
        Some(pb::OpKind::Source(source)) => {
            source.attrs.retain(|name, _| counts(name));
            true
        }
        _ => false,
    };
    if !has_platform {
        relevant.platform = None;
    }
    relevant
}

/// Whether an attribute of a source makes a difference to what it gives.
fn counts(attribute: &str) -> bool {
    const ALL: [&str; 11] = [
        "local.includepattern",
        "local.excludepatterns",
        "local.followpaths",
        "image.layerlimit",
        "oci.layerlimit",
        "git.keepgitdir",
        "git.skipsubmodules",
        "git.mtime",
        "http.filename",
        "http.perm",
        "http.authheadersecret",
    ];
    ALL.contains(&attribute) || matches!(attribute, "http.uid" | "http.gid") || attribute.starts_with("http.header.")
}
