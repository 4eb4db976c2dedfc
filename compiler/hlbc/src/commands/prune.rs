//! `hlbc prune`.
//!
//! Owns the words for what was taken away.
