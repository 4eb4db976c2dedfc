//! The kernel seam: mounts, namespaces, paths that cannot leave a root, the metadata of files.
//!
//! Only this module makes mounts and namespaces; everything above speaks of snapshots and steps.

pub(crate) mod file;
pub(crate) mod mounts;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod root;
pub(crate) mod rootless;
pub(crate) mod xattr;
