//! The config that travels with a filesystem: what `env`, `entrypoint`, `label` and the like leave for the image.
//!
//! Owns `ImageConfig`, a plain mirror of the fields of an OCI image config that HLB can set. Knows no JSON: whoever talks to
//! registries converts.

use std::collections::{BTreeMap, BTreeSet};

/// The part of an OCI image config that HLB reads and writes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImageConfig {
    /// CPU architecture; empty means that of the build.
    pub architecture: String,
    /// CPU variant.
    pub variant: String,
    /// Operating system; empty means that of the build.
    pub os: String,
    /// `KEY=value`, in order; a later entry for a key wins.
    pub env: Vec<String>,
    /// Working directory; empty means `/`.
    pub working_dir: String,
    /// User, or `user:group`; empty means root.
    pub user: String,
    /// Program and first arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `80/tcp`, …
    pub exposed_ports: BTreeSet<String>,
    /// Mount points of volumes.
    pub volumes: BTreeSet<String>,
    /// The signal that stops a container.
    pub stop_signal: String,
    /// What was done, oldest first; entries of the base image come first.
    pub history: Vec<History>,
}

/// One entry of an image's history. Its time is the zero time and its comment `hlb.v0` where HLB made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// Such as `RUN make`.
    pub created_by: String,
    /// Free text.
    pub comment: String,
    /// Whether the entry made no layer.
    pub empty_layer: bool,
    /// Creation time in RFC 3339; empty for the zero time.
    pub created: String,
}
