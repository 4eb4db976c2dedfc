//! The rows of failed steps that were kept.
//!
//! Owns the tables `failures` and `failure_layers`. Must not know what an op is.
