//! `hlbc check`.
//!
//! Owns that nothing is run and nothing built for it. Modules of others are part of the program, so those that are not at hand
//! are fetched.

use camino::Utf8Path;
use hlb_compiler::Checked;

use crate::cli::{self, ModuleArgs};
use crate::error::{Failure, Kind};
use crate::interrupt;
use crate::program::{self, Kept};
use crate::report::{Channel, Screen};
use crate::world::Outside;

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let file = program::find(&args.program.at)?;
    let kept = opened(&file, &args.program.modules)?;
    let mut checked = read(&kept, &file, args.fix, screen)?;
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

/// What is kept of a program.
///
/// # Errors
/// If a file of it cannot be used.
pub(super) fn opened(file: &Utf8Path, modules: &ModuleArgs) -> Result<Kept, Failure> {
    Kept::open(file, program::state(), program::mode(modules), &modules.trust)
}

/// A program with all of its modules that can be had without building.
///
/// # Errors
/// If it has errors; they have been told.
pub(super) fn checked(kept: &Kept, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    let checked = read(kept, file, false, screen)?;
    // What is doubtful has nothing to do with the question.
    if checked.has_errors() { program::judge(checked, screen) } else { Ok(checked) }
}

/// Checks a program. What is wrong with it is not told yet.
fn read(kept: &Kept, file: &Utf8Path, fix: bool, screen: Screen) -> Result<Checked, Failure> {
    let world = kept.quiet();
    let checked = if fix { program::fix(&world, file, screen)? } else { hlb_compiler::check(&world, file) };
    let checked = kept.judged(checked);
    if checked.has_errors() || checked.absent().is_empty() {
        return Ok(checked);
    }
    let (tokio, cancel) = interrupt::start()?;
    let (handle, repositories) = (tokio.handle().clone(), kept.repositories.clone());
    let outside =
        Outside { handle, cancel: cancel.clone().into(), images: None, executor: None, runs: false, repositories };
    let checked = kept.judged(hlb_compiler::check(&kept.open_world(outside), file));
    if cancel.is_cancelled() { Err(interrupt::interrupted()) } else { Ok(checked) }
}
