//! `hlbc check`.
//!
//! Owns that nothing is run and nothing fetched for it.

use crate::cli;
use crate::error::Failure;
use crate::program;
use crate::report::Screen;
use crate::world::OsWorld;

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let file = program::find(&args.program)?;
    program::check(&OsWorld::quiet(), &file, screen).map(drop)
}
