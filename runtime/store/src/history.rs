//! The rows of builds.
//!
//! Owns the tables `builds`, `build_sources`, `build_steps` and `durations`. Must not know what a step does.
