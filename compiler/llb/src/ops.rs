//! Makes vertices the way BuildKit's own client does, so that equal programs have equal digests.
//!
//! Owns which bytes and capabilities an op gets. Knows no state that flows from op to op (environment, working
//! directory, user): callers pass what is in force.

mod build;
mod exec;
mod file;
mod git;
mod inputs;
mod layers;
mod passthrough;
mod source;

pub(crate) use build::DEFINITION_INPUT;
pub use build::{Build, build};
pub use exec::{Exec, ExecMount, ExecOutputs, MountKind, Secret, Ssh};
pub use file::{Copy, FileStep, Mode, Owner, UserRef, absolute_path, clean_path, file};
pub use git::{Git, GitBundle, GitSignature, git};
pub use layers::{diff, merge};
pub use passthrough::{PassthroughInput, passthrough};
pub use source::{
    Blob, FileInfo, Http, HttpSignature, Image, LayoutBlob, Local, LocalOwner, OciLayout, ResolveMode, http, image,
    image_blob, layout_blob, local, oci_layout,
};
