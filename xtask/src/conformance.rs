//! Runs conformance cases by name, for who writes one or wants to see what differs.
//!
//! Must not know what a case is: the suite reads its wishes from the environment.

use crate::{Result, host, nextest};
use std::process::Command;

/// Runs the cases whose names contain `name`, or all; with `write`, what both engines agree on becomes what is expected.
///
/// # Errors
/// When a case fails.
pub(crate) fn conformance(name: Option<&str>, write: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(host::repository()).args(["nextest", "run", "-p", "hlb-conformance", "--success-output=final"]);
    command.env("HLB_CONFORMANCE_NAME", name.unwrap_or_default());
    if write {
        command.env("HLB_CONFORMANCE_WRITE", "1");
    }
    nextest::as_root(&mut command)?;
    host::run(&mut command)
}
