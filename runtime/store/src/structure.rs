//! The rows of structures: what the steps of earlier builds were made of.
//!
//! Owns the table `structures` and the ways to look in it. Must not know what their parts mean.
