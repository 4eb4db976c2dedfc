//! What the vertices of a graph do.
//!
//! One module for each kind of op and source. They work on mounted trees and plain directories; which snapshot is mounted
//! where is the solver's.

pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod local;
