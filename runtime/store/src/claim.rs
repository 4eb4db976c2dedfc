//! Claims: which steps are being made, so that no two processes make the same.
//!
//! Owns the lock files of claims; a holder that dies gives its claim back. Must not know what a step is.
