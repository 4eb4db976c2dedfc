//! `hlbc history`.
//!
//! Owns the table of builds.
