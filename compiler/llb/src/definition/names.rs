//! Names of vertices, for people.
//!
//! Owns wording only.

use super::LoadedVertex;
use crate::graph::CUSTOM_NAME;
use crate::pb;

/// Bytes of a name made of other names, without the sign that it was cut.
const LONGEST_COMPOSITE: usize = 1000;

/// The name that the client wants, or one that says what the op does. `vertices` are those that `inputs` mean.
pub(super) fn vertex_name(
    op: &pb::Op,
    metadata: &pb::OpMetadata,
    inputs: &[(usize, usize)],
    vertices: &[LoadedVertex],
) -> String {
    if let Some(name) = metadata.description.get(CUSTOM_NAME).filter(|name| !name.is_empty()) {
        return name.clone();
    }
    let input_name = |position: i64| {
        usize::try_from(position)
            .ok()
            .and_then(|position| inputs.get(position))
            .and_then(|(vertex, _)| vertices.get(*vertex))
            .map(|vertex| vertex.name.as_str())
    };
    let side = |name: &mut Composite, position| match input_name(position) {
        Some(input) => ["(", input, ")"].into_iter().for_each(|part| name.push(part)),
        None => name.push("scratch"),
    };
    match &op.op {
        None => "unknown".to_owned(),
        Some(pb::OpKind::Source(source)) => source.identifier.clone(),
        Some(pb::OpKind::Exec(exec)) => exec.meta.as_ref().map(|meta| meta.args.join(" ")).unwrap_or_default(),
        Some(pb::OpKind::File(file)) => {
            let actions = file.actions.iter().filter_map(|action| action.action.as_ref());
            actions.map(action_name).collect::<Vec<_>>().join(", ")
        }
        Some(pb::OpKind::Build(_)) => "build".to_owned(),
        Some(pb::OpKind::Merge(merge)) => {
            let mut name = Composite::new("merge (");
            for (position, input) in merge.inputs.iter().enumerate() {
                if name.full {
                    break;
                }
                name.push(if position > 0 { ", " } else { "" });
                name.push(input_name(input.input).unwrap_or("scratch"));
            }
            name.push(")");
            name.text
        }
        Some(pb::OpKind::Diff(diff)) => {
            let mut name = Composite::new("diff ");
            side(&mut name, diff.lower.map_or(-1, |lower| lower.input));
            name.push(" -> ");
            side(&mut name, diff.upper.map_or(-1, |upper| upper.input));
            name.text
        }
        Some(pb::OpKind::Passthrough(pass)) => format!("passthrough {}", pass.id),
    }
}

fn action_name(action: &pb::FileActionKind) -> String {
    match action {
        pb::FileActionKind::Mkdir(dir) => format!("mkdir {}", dir.path),
        pb::FileActionKind::Mkfile(file) => format!("mkfile {}", file.path),
        pb::FileActionKind::Symlink(link) => format!("symlink {} -> {}", link.newpath, link.oldpath),
        pb::FileActionKind::Rm(rm) => format!("rm {}", rm.path),
        pb::FileActionKind::Copy(copy) => format!("copy {} {}", copy.src, copy.dest),
    }
}

/// A name made of other names. These can be long or double with each vertex, so it ends somewhere and never holds more.
struct Composite {
    text: String,
    full: bool,
}

impl Composite {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), full: false }
    }

    fn push(&mut self, part: &str) {
        let room = LONGEST_COMPOSITE.saturating_sub(self.text.len());
        if self.full {
        } else if part.len() <= room {
            self.text.push_str(part);
        } else {
            self.text.extend(part.get(..part.floor_char_boundary(room)));
            self.text.push('…');
            self.full = true;
        }
    }
}
