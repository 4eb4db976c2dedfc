//! Names of vertices, for people.
//!
//! Owns wording only.

use super::LoadedVertex;
use crate::graph::CUSTOM_NAME;
use crate::pb;

/// Names made of other names can double with each vertex, so they end somewhere.
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
    let side = |position| input_name(position).map_or_else(|| "scratch".to_owned(), |name| format!("({name})"));
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
            let mut name = "merge (".to_owned();
            for (position, input) in merge.inputs.iter().enumerate() {
                if name.len() > LONGEST_COMPOSITE {
                    break;
                }
                name.push_str(if position > 0 { ", " } else { "" });
                name.push_str(input_name(input.input).unwrap_or("scratch"));
            }
            name.push(')');
            cut(name)
        }
        Some(pb::OpKind::Diff(diff)) => {
            let lower = side(diff.lower.map_or(-1, |lower| lower.input));
            let upper = side(diff.upper.map_or(-1, |upper| upper.input));
            cut(format!("diff {lower} -> {upper}"))
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

fn cut(mut name: String) -> String {
    if name.len() > LONGEST_COMPOSITE {
        let end = (0..=LONGEST_COMPOSITE).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name.truncate(end);
        name.push('…');
    }
    name
}
