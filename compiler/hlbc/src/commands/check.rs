//! `hlbc check`.
//!
//! Owns that nothing is run and nothing fetched for it.

use crate::error::Failure;
use crate::report::{Channel, Screen};
use crate::world::OsWorld;
use crate::{cli, program};

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let (file, world) = (program::find(&args.program)?, OsWorld::quiet());
    let checked = if args.fix { program::fix(&world, &file, screen) } else { program::check(&world, &file, screen) };
    checked.map(drop)
}
