//! Builds inside of builds.
//!
//! Owns where the nested definition is.

use std::collections::BTreeMap;

use crate::caps::Cap;
use crate::graph::{Annotations, NewVertex, Output};
use crate::pb;

/// Solves a definition that a file of `source` holds.
#[derive(Clone, Debug)]
pub struct Build {
    /// What holds the file.
    pub source: Output,
    /// Path of the file; empty is the solver's default, `buildkit.llb.definition`.
    pub filename: String,
    /// What it is built for.
    pub platform: pb::Platform,
}

/// The input that holds the definition; solvers look at no other.
pub(crate) const DEFINITION_INPUT: &str = "buildkit.llb.definition";

/// Stands for LLB itself as the builder, and is the only one that solvers accept.
const LLB_BUILDER: i64 = -1;

/// The result of the nested definition.
pub fn build(build: Build, annotations: Annotations) -> Output {
    let Build { source, filename, platform } = build;
    let attrs = (!filename.is_empty()).then(|| ("llbbuild.filename".to_owned(), filename));
    let kind = pb::OpKind::Build(pb::BuildOp {
        builder: LLB_BUILDER,
        inputs: BTreeMap::from([(DEFINITION_INPUT.to_owned(), pb::BuildInput { input: 0 })]),
        def: None,
        attrs: attrs.into_iter().collect(),
    });
    // Whether or not a file is named.
    let caps = Cap::SourceBuildopLlbfilename.into();
    let vertex =
        NewVertex { kind, inputs: vec![source], listed: None, platform: Some(platform), caps, annotations }.build();
    vertex.output(0)
}
