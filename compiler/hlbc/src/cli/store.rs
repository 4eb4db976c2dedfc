//! Options of the commands about the state directory: `du` and `prune`.
//!
//! Owns their names and help texts.
