//! Claims of steps: equal steps run once, whoever needs them.
//!
//! Owns the name of a step by what it does and reads, and the waiting for whoever makes it.
