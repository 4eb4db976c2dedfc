//! The one integration binary of the crate. Each module checks one boundary with many small inputs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod conformance;
mod errors;
mod formatting;
mod mutations;
mod programs;
mod show;
mod slips;
mod tokens;
mod totality;
mod walk;
