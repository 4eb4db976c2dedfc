//! `Definition`: the ops of a graph, and what is said about them without being part of their digests.
//!
//! Owns wire shapes only.

use std::collections::BTreeMap;

/// A graph as it is sent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Definition {
    /// The encoded ops; the last is the terminal op. The bytes are kept as they came: digests are theirs.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub def: Vec<Vec<u8>>,
    /// What is said about each op, by digest.
    #[prost(btree_map = "string, message", tag = "2")]
    pub metadata: BTreeMap<String, OpMetadata>,
    /// Where the ops come from.
    #[prost(message, optional, tag = "3")]
    pub source: Option<Source>,
}

/// What is said about an op. What few ops have stands behind a pointer: there is one of these for each op.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadata {
    /// Whether it is done even if its result is known.
    #[prost(bool, tag = "1")]
    pub ignore_cache: bool,
    /// For people; `llb.customname` is the name to show.
    #[prost(btree_map = "string, string", tag = "2")]
    pub description: BTreeMap<String, String>,
    /// Whether its result goes into exported caches.
    #[prost(message, optional, tag = "4")]
    pub export_cache: Option<ExportCache>,
    /// What a solver must be able to do.
    #[prost(btree_map = "string, bool", tag = "5")]
    pub caps: BTreeMap<String, bool>,
    /// Under which heading its progress is shown.
    #[prost(message, optional, boxed, tag = "6")]
    pub progress_group: Option<Box<ProgressGroup>>,
    /// Limits for its processes.
    #[prost(message, optional, boxed, tag = "7")]
    pub linux_resources: Option<Box<LinuxResources>>,
}

/// Whether a result goes into exported caches.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ExportCache {
    /// Whether.
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// A heading for progress.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ProgressGroup {
    /// What tells it from others.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Text.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether it is shown only if nothing else is known about the op.
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

/// Limits of a control group; 0 and empty are no limit.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LinuxResources {
    /// Memory in bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Memory and swap in bytes.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Weight among others.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// Period of the quota in microseconds.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds in each period.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// Processors it may use, such as `0-3`.
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// Memory nodes it may use.
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// Where ops come from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Source {
    /// Places of each op, by digest.
    #[prost(btree_map = "string, message", tag = "1")]
    pub locations: BTreeMap<String, Locations>,
    /// The files that places are in.
    #[prost(message, repeated, tag = "2")]
    pub infos: Vec<SourceInfo>,
}

/// Places of an op.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Locations {
    /// The places.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<Location>,
}

/// A source file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceInfo {
    /// Name.
    #[prost(string, tag = "1")]
    pub filename: String,
    /// Content.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// A graph that yields the file.
    #[prost(message, optional, tag = "3")]
    pub definition: Option<super::Definition>,
    /// Language, by the name that syntax highlighters use.
    #[prost(string, tag = "4")]
    pub language: String,
}

/// A place in a source file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    /// Position in `Source::infos`.
    #[prost(int32, tag = "1")]
    pub source_index: i32,
    /// Parts of the file.
    #[prost(message, repeated, tag = "2")]
    pub ranges: Vec<Range>,
}

/// A part of a source file.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Range {
    /// Where it starts.
    #[prost(message, optional, tag = "1")]
    pub start: Option<Position>,
    /// Where it ends.
    #[prost(message, optional, tag = "2")]
    pub end: Option<Position>,
}

/// A point in a source file.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Position {
    /// Line, from 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// Column, from 0.
    #[prost(int32, tag = "2")]
    pub character: i32,
}
