//! What a step is made of, to tell later why it ran.
//!
//! Owns the facts that are kept of a step beside its key, which is only a digest of them, and the form in which they are kept.
//! What they mean is said in `crate::why`.

use hlb_llb::{Digest, pb};
use hlb_store::{KeyId, NewStructure};
use serde::{Deserialize, Serialize};

use crate::ops::content::list_name;
use crate::solver::cache_map::CacheMap;
use crate::solver::key::{self, ContentRequest};
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

/// The version of the form in which parts are kept.
const FORMAT: u32 = 1;

/// A step and what it reads.
#[derive(Clone, Debug)]
pub(crate) struct Structure {
    /// The key of its result, unless that is good for this session only.
    pub(crate) key: Option<KeyId>,
    /// The digest of its definition.
    pub(crate) vertex: Digest,
    /// Its own part of the key.
    pub(crate) map: String,
    /// Its op.
    pub(crate) op: pb::Op,
    /// Its name for people.
    pub(crate) name: String,
    /// Whether it was told to run in any case.
    pub(crate) ignore_cache: bool,
    pub(crate) inputs: Vec<InputPart>,
    /// What it was found to be, if it is a source.
    pub(crate) source: Option<SourcePart>,
}

/// What a step reads of another.
#[derive(Clone, Debug)]
pub(crate) struct InputPart {
    /// The name of the other for people.
    pub(crate) name: String,
    /// The digest of its definition.
    pub(crate) vertex: Digest,
    /// Which of its outputs.
    pub(crate) output: usize,
    /// The keys of that output which follow from definitions, as far as they are known.
    pub(crate) keys: Vec<KeyId>,
    /// Digest of the paths that are read, if that is not everything.
    pub(crate) selector: Option<Digest>,
    /// Digest of the content of these, if it was looked at.
    pub(crate) content: Option<Digest>,
}

/// Where a step was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file and the text of the line, so that a line that is put in above does not move it. Empty if that is not known.
    pub(crate) text: String,
    /// The files and the numbers of the line and of the lines of the calls around it, so that another text does not move it, and
    /// steps of one function that is called twice are told apart.
    pub(crate) lines: String,
}

/// What is kept of a step beside what can be searched for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parts {
    /// The version of this form.
    pub(crate) v: u32,
    pub(crate) ignore_cache: bool,
    /// As in [`Place`].
    pub(crate) lines: String,
    pub(crate) inputs: Vec<KeptInput>,
    pub(crate) source: Option<SourcePart>,
}

/// What is kept of an input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptInput {
    pub(crate) name: String,
    pub(crate) vertex: String,
    pub(crate) output: usize,
    pub(crate) keys: Vec<String>,
    pub(crate) selector: Option<String>,
    pub(crate) content: Option<String>,
    /// What the list of files is called that `content` is of.
    pub(crate) list: Option<String>,
}

/// What a vertex is made of.
pub(crate) fn of(vertex: &Vertex, map: &CacheMap, key: Option<&KeyId>, inputs: Vec<InputPart>) -> Structure {
    Structure {
        key: key.cloned(),
        vertex: vertex.digest.clone(),
        map: map.digest().to_owned(),
        op: vertex.op.clone(),
        name: vertex.name.clone(),
        ignore_cache: vertex.ignore_cache,
        inputs,
        source: map.source.as_ref().map(|found| found.part()),
    }
}

impl Structure {
    /// The form in which it is kept. `lost` says why there is no result of it.
    pub(crate) fn kept(&self, place: Place, made: bool, lost: &str) -> NewStructure {
        let parts = self.parts(place.lines);
        NewStructure {
            key: self.key.clone(),
            vertex: self.vertex.to_string(),
            map: self.map.clone(),
            kind: kind(&self.op).to_owned(),
            name: self.name.clone(),
            place: place.text,
            op: hlb_llb::encode_op(&self.op),
            // A map with texts as keys always has a JSON form.
            parts: serde_json::to_string(&parts).unwrap_or_default(),
            made,
            lost: lost.to_owned(),
        }
    }

    pub(crate) fn parts(&self, lines: String) -> Parts {
        let requests = requests(&self.op);
        let input = |(at, input): (usize, &InputPart)| KeptInput {
            name: input.name.clone(),
            vertex: input.vertex.to_string(),
            output: input.output,
            keys: input.keys.iter().map(ToString::to_string).collect(),
            selector: input.selector.as_ref().map(ToString::to_string),
            content: input.content.as_ref().map(ToString::to_string),
            list: input
                .content
                .as_ref()
                .zip(requests.get(at).and_then(Option::as_ref))
                .map(|(it, of)| list_name(it, of)),
        };
        Parts {
            v: FORMAT,
            ignore_cache: self.ignore_cache,
            lines,
            inputs: self.inputs.iter().enumerate().map(input).collect(),
            source: self.source.clone(),
        }
    }
}

impl Parts {
    /// Reads parts that were kept. Those of another form say nothing.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|parts| parts.v == FORMAT)
    }
}

/// What sort of step an op is.
pub(crate) fn kind(op: &pb::Op) -> &'static str {
    match &op.op {
        None => "",
        Some(pb::OpKind::Exec(_)) => "exec",
        Some(pb::OpKind::File(_)) => "file",
        Some(pb::OpKind::Merge(_)) => "merge",
        Some(pb::OpKind::Diff(_)) => "diff",
        Some(pb::OpKind::Build(_)) => "build",
        Some(pb::OpKind::Passthrough(_)) => "passthrough",
        Some(pb::OpKind::Source(source)) => {
            match source.identifier.split_once("://").map_or("", |(scheme, _)| scheme) {
                "local" => "source.local",
                "git" => "source.git",
                "http" | "https" => "source.http",
                "docker-image" | "oci-layout" => "source.image",
                _ => "source.blob",
            }
        }
    }
}

/// What of the content of its inputs counts for an op.
fn requests(op: &pb::Op) -> Vec<Option<ContentRequest>> {
    let inputs = op.inputs.len();
    let key = match &op.op {
        Some(pb::OpKind::Exec(exec)) => key::exec(exec, op.platform.as_ref(), inputs),
        Some(pb::OpKind::File(file)) => key::file(file, inputs),
        _ => return Vec::new(),
    };
    key.map(|key| key.deps.into_iter().map(|dep| dep.content).collect()).unwrap_or_default()
}
