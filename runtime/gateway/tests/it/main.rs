//! Both ends of the protocol, speaking with each other.
//!
//! Owns the one test binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

mod host;

mod calls;
