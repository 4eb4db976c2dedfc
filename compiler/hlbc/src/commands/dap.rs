//! `hlbc dap`.

use crate::error::Failure;
use crate::{cli, dap};

pub(crate) fn dap(args: &cli::Dap) -> Result<(), Failure> {
    match &args.enter {
        Some(directory) => dap::enter(directory, args.root.as_deref()),
        None => dap::serve(),
    }
}
