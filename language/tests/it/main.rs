//! The one integration binary of the crate. Each module checks one boundary with many small inputs.

mod conformance;
mod errors;
mod formatting;
mod mutations;
mod show;
mod totality;
