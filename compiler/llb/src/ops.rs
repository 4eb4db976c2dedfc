//! Makes vertices the way BuildKit's own client does, so that equal programs have equal digests.
//!
//! Owns which bytes and capabilities an op gets. Knows no state that flows from op to op (environment, working
//! directory, user): callers pass what is in force.

mod exec;
mod file;
mod git;
mod layers;
mod source;

pub use exec::{Exec, ExecMount, ExecOutputs, MountKind, Secret, Ssh};
pub use file::{Copy, FileStep, Mode, Owner, UserRef, absolute_path, clean_path, file};
pub use git::{Git, git};
pub use layers::{diff, merge};
pub use source::{Http, Image, Local, LocalOwner, OciLayout, ResolveMode, http, image, local, oci_layout};

use crate::graph::Output;
use crate::pb;

/// Position of `output` in `inputs`, which it joins if it is not there yet; −1 if there is none.
fn input_index(inputs: &mut Vec<Output>, output: Option<&Output>) -> i64 {
    let Some(output) = output else { return -1 };
    let position = inputs.iter().position(|input| input == output).unwrap_or_else(|| {
        inputs.push(output.clone());
        inputs.len() - 1
    });
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn op(inputs: &[Output], platform: Option<pb::Platform>, kind: pb::OpKind) -> pb::Op {
    pb::Op {
        inputs: inputs.iter().map(Output::to_input).collect(),
        op: Some(kind),
        platform,
        constraints: Some(pb::WorkerConstraints::default()),
    }
}
