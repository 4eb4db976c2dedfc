//! What a solver says while it works.
//!
//! Owns the events that every way of running LLB sends, and that every way of showing progress reads.

use std::time::SystemTime;

use crate::digest::Digest;

/// Something that happened in a solve.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The vertices of a graph became known, inputs before users.
    Graph(Vec<VertexInfo>),
    /// Work on a vertex began.
    Started {
        /// Which.
        vertex: Digest,
        /// When.
        at: SystemTime,
    },
    /// A vertex was found in the cache; no work was done for it.
    Cached {
        /// Which.
        vertex: Digest,
        /// When.
        at: SystemTime,
    },
    /// Work on a vertex ended.
    Completed {
        /// Which.
        vertex: Digest,
        /// When.
        at: SystemTime,
        /// Why it failed; `None` if it succeeded.
        error: Option<String>,
    },
    /// A vertex printed something. Not cut at lines.
    Log {
        /// Which.
        vertex: Digest,
        /// Where it printed.
        stream: Stream,
        /// What.
        data: Vec<u8>,
    },
    /// A measured part of a vertex's work, such as the download of one layer.
    Progress {
        /// Which.
        vertex: Digest,
        /// Name of the part, unique in the vertex.
        name: String,
        /// Units done.
        current: u64,
        /// Units in all, where known.
        total: Option<u64>,
    },
    /// Something is not as the user wants it, and the build goes on.
    Warning {
        /// What, why and what to do, as a sentence without a full stop.
        text: String,
    },
}

/// A vertex as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VertexInfo {
    /// Digest of its op.
    pub digest: Digest,
    /// Name for people.
    pub name: String,
    /// Digests of the ops it reads.
    pub inputs: Vec<Digest>,
}

/// An output stream of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
