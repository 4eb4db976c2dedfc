//! `hlbc du`.
//!
//! Owns the table of what the state directory holds.
