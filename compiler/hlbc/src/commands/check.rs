//! `hlbc check`.
//!
//! Owns that nothing is run and nothing fetched for it.

use crate::error::{Failure, Kind};
use crate::report::{Channel, Screen};
use crate::world::OsWorld;
use crate::{cli, program};

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let (file, world) = (program::find(&args.program)?, OsWorld::quiet());
    let mut checked =
        if args.fix { program::fix(&world, &file, screen)? } else { hlb_compiler::check(&world, &file) };
    if args.strict {
        checked.diagnostics.extend(checked.strict());
    }
    let checked = program::judge(checked, screen)?;
    if args.deny_warnings && !checked.diagnostics.is_empty() {
        screen.more(&checked.diagnostics);
        return Err(Failure::told(Kind::Program));
    }
    Ok(())
}
