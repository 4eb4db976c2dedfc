//! Snapshots: layers on disk in the format of overlayfs.

#![cfg_attr(not(test), expect(dead_code, reason = "the image source that unpacks layers is not there yet"))]

pub(crate) mod apply;
mod archive;
mod compression;
mod node;
mod stack;
pub(crate) mod whiteout;
