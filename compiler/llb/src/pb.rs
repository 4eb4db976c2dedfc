//! The wire types of LLB: what BuildKit's `pb` package says, in protobuf, field by field.
//!
//! Owns names, numbers and types of every message, complete, whether or not this project uses a field yet. Knows nothing
//! about what a valid graph is (`definition`), nor in which order bytes must be written (`canonical`): do not encode
//! these types with prost's own `encode` where a digest depends on it.

mod capabilities;
mod definition;
mod exec;
mod file;
mod op;
mod ranges;

/// Bytes that are cheap to clone.
pub use prost::bytes::Bytes;

pub use capabilities::Capabilities;
pub use definition::{
    Definition, ExportCache, LinuxResources, Location, Locations, OpMetadata, Position, ProgressGroup, Range, Source,
    SourceInfo,
};
pub use exec::{
    CacheOpt, CacheSharingOpt, CdiDevice, ExecOp, HostIp, Meta, Mount, MountContentCache, MountType, NetMode, ProxyEnv,
    SecretEnv, SecretOpt, SecurityMode, SshOpt, TmpfsOpt, Ulimit,
};
pub use file::{
    ChownOpt, FileAction, FileActionCopy, FileActionKind, FileActionMkDir, FileActionMkFile, FileActionRm,
    FileActionSymlink, FileOp, NamedUserOpt, User, UserOpt,
};
pub use op::{
    BuildInput, BuildOp, DiffOp, Input, LowerDiffInput, MergeInput, MergeOp, Op, OpKind, PassthroughOp, Platform,
    SourceOp, UpperDiffInput, WorkerConstraints,
};
pub use ranges::Ranges;
