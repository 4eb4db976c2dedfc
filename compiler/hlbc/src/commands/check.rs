//! `hlbc check`.
//!
//! Owns that nothing is run and nothing fetched for it.

use crate::error::Failure;
use crate::report::{Channel, Screen};
use crate::world::OsWorld;
use crate::{cli, program};

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let file = program::find(&args.program)?;
    program::check(&OsWorld::quiet(), &file, screen).map(drop)
}
