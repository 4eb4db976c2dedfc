//! Taking unused things out of the state directory.
//!
//! Owns when that is done, by which policy, and what kinds of things callers can tell apart. How is `hlb_store`'s.
