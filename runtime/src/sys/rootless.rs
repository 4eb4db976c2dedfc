//! Running without root: user namespaces.
//!
//! Owns which ids this process may use, and how it becomes their root.
