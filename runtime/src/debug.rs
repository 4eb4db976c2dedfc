//! Looking into a step that failed.
//!
//! Owns the process that is started in its files; nothing of it is kept or found again.
