//! The runtime from the outside.

mod solve;
