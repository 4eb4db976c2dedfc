//! The config that travels with a filesystem: what `env`, `entrypoint`, `label` and the like leave for the image.
//!
//! Owns `ImageConfig`, a plain mirror of the fields of an OCI image config that HLB can set. Knows no JSON: whoever talks to
//! registries converts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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
    /// What `RUN` in Dockerfiles built on the image runs its command with.
    pub shell: Vec<String>,
    /// What Dockerfiles built on the image do first.
    pub on_build: Vec<String>,
    /// How a container is found to be well.
    pub healthcheck: Option<Healthcheck>,
    /// The author.
    pub author: String,
    /// What was done, oldest first; entries of the base image come first.
    pub history: Vec<History>,
    /// The config of the base image as JSON: what this type has no field for is kept from there.
    pub base: Option<Arc<str>>,
}

/// How a container is found to be well. A time or number of 0 stands for the default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", program, argument…]` or `["CMD-SHELL", script]`.
    pub test: Vec<String>,
    /// Time between two checks.
    pub interval: Duration,
    /// Time after which a check counts as failed.
    pub timeout: Duration,
    /// Time at the start in which failures do not count.
    pub start_period: Duration,
    /// Time between two checks in the start period.
    pub start_interval: Duration,
    /// Failures in a row after which the container counts as unwell.
    pub retries: u32,
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
