//! `hlbc version`.
//!
//! Owns its one line.

use crate::error::Failure;

pub(crate) fn version() -> Result<(), Failure> {
    super::print(format!("hlbc {}\n", env!("CARGO_PKG_VERSION")).as_bytes())
}
