//! `hlbc debug`.
//!
//! Owns what is told of a step that was kept, and the way into it.
