//! `hlbc logs`.
//!
//! Owns which logs are printed, and in what form.
