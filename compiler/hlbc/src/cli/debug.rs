//! Options of the command that looks into failed steps: `debug`.
//!
//! Owns their names and help texts.
