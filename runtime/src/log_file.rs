//! What steps printed, in files.
//!
//! Owns the format of those files, and that no secret of a step gets into one.
