//! Taking away what is not used.
//!
//! Owns which things go first, and that they go whole and only while nobody uses them. What is worth keeping is said by callers.
