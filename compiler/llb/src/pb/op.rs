//! `Op` and the kinds of op that are neither processes nor file operations.
//!
//! Owns wire shapes only.

use std::collections::BTreeMap;

use super::{Definition, ExecOp, FileOp};

/// A vertex of the build graph. Its digest is the SHA-256 of its encoded bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Op {
    /// What it reads: outputs of other ops. The op's own fields refer to these by position.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<Input>,
    /// What it is built for.
    #[prost(message, optional, tag = "10")]
    pub platform: Option<Platform>,
    /// Which workers may run it.
    #[prost(message, optional, tag = "11")]
    pub constraints: Option<WorkerConstraints>,
    /// What it does; absent only in the terminal op, which merely names the requested output.
    #[prost(oneof = "OpKind", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub op: Option<OpKind>,
}

/// The kinds of op.
#[expect(
    clippy::large_enum_variant,
    reason = "most ops of a graph are the largest kind, and boxes would be in every match"
)]
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum OpKind {
    /// Runs a process.
    #[prost(message, tag = "2")]
    Exec(ExecOp),
    /// Fetches something.
    #[prost(message, tag = "3")]
    Source(SourceOp),
    /// Changes files without a process.
    #[prost(message, tag = "4")]
    File(FileOp),
    /// Solves a definition that lies in a file of an input.
    #[prost(message, tag = "5")]
    Build(BuildOp),
    /// Lays inputs over each other.
    #[prost(message, tag = "6")]
    Merge(MergeOp),
    /// The changes from one input to another.
    #[prost(message, tag = "7")]
    Diff(DiffOp),
    /// Hands inputs on, once all are done.
    #[prost(message, tag = "8")]
    Passthrough(PassthroughOp),
}

/// Operating system and processor.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Platform {
    /// Processor, such as `amd64`.
    #[prost(string, tag = "1")]
    pub architecture: String,
    /// Operating system, such as `linux`.
    #[prost(string, tag = "2")]
    pub os: String,
    /// Variant of the processor, such as `v7`.
    #[prost(string, tag = "3")]
    pub variant: String,
    /// Version of the operating system (Windows).
    #[prost(string, tag = "4")]
    pub os_version: String,
    /// Required features of the operating system (Windows).
    #[prost(string, repeated, tag = "5")]
    pub os_features: Vec<String>,
}

/// An output of another op.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Input {
    /// Digest of the encoded bytes of the op.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Which of its outputs.
    #[prost(int64, tag = "2")]
    pub index: i64,
}

/// Fetches an image, a repository, a file or a directory.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceOp {
    /// `scheme://what`.
    #[prost(string, tag = "1")]
    pub identifier: String,
    /// Details; the names depend on the scheme.
    #[prost(btree_map = "string, string", tag = "2")]
    pub attrs: BTreeMap<String, String>,
}

/// Solves a nested definition.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildOp {
    /// Input that holds the builder; −1 stands for LLB itself and is the only value solvers accept.
    #[prost(int64, tag = "1")]
    pub builder: i64,
    /// Inputs of the nested build by name.
    #[prost(btree_map = "string, message", tag = "2")]
    pub inputs: BTreeMap<String, BuildInput>,
    /// The definition, when it is not read from an input.
    #[prost(message, optional, tag = "3")]
    pub def: Option<Definition>,
    /// Details, such as the file name of the definition.
    #[prost(btree_map = "string, string", tag = "4")]
    pub attrs: BTreeMap<String, String>,
}

/// An input of a nested build.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct BuildInput {
    /// Position in the inputs of the op.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Lays inputs over each other, later ones on top.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeOp {
    /// From the lowest up.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<MergeInput>,
}

/// An input of a merge.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MergeInput {
    /// Position in the inputs of the op.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The changes that turn `lower` into `upper`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiffOp {
    /// What to start from.
    #[prost(message, optional, tag = "1")]
    pub lower: Option<LowerDiffInput>,
    /// What to arrive at.
    #[prost(message, optional, tag = "2")]
    pub upper: Option<UpperDiffInput>,
}

/// Where a diff starts.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct LowerDiffInput {
    /// Position in the inputs of the op; −1 is the empty file system.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Where a diff ends.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct UpperDiffInput {
    /// Position in the inputs of the op; −1 is the empty file system.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Hands inputs on; inputs that are no output are waited for.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PassthroughOp {
    /// What tells it from others.
    #[prost(string, tag = "1")]
    pub id: String,
    /// For each output the position of the input it equals.
    #[prost(int64, repeated, tag = "2")]
    pub outputs: Vec<i64>,
}

/// Which workers may run an op.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WorkerConstraints {
    /// Filters in containerd's syntax.
    #[prost(string, repeated, tag = "1")]
    pub filter: Vec<String>,
}
