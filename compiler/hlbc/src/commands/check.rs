//! `hlbc check`.
//!
//! Owns that nothing is run and nothing built for it. Modules of others are part of the program, so those that are not at hand
//! are fetched.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::Checked;

use crate::cli;
use crate::error::Failure;
use crate::interrupt;
use crate::program::{self, Kept};
use crate::report::Screen;
use crate::world::Outside;

pub(crate) fn check(args: &cli::Check, screen: Screen) -> Result<(), Failure> {
    let (file, kept) = opened(args)?;
    checked(&kept, &file, screen).map(drop)
}

/// The program, and what is kept of it.
///
/// # Errors
/// If there is no program, or a file of it cannot be used.
pub(super) fn opened(args: &cli::Check) -> Result<(Utf8PathBuf, Kept), Failure> {
    let file = program::find(&args.program)?;
    let kept = Kept::open(&file, program::state(), program::mode(&args.modules), &args.modules.trust)?;
    Ok((file, kept))
}

/// A program that has been checked, with all of its modules that can be had without building.
///
/// # Errors
/// If it has errors; they have been told.
pub(super) fn checked(kept: &Kept, file: &Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    if let Some(checked) = program::look(kept, file, screen)? {
        return Ok(checked);
    }
    let (tokio, cancel) = interrupt::start()?;
    let (handle, repositories) = (tokio.handle().clone(), kept.repositories.clone());
    let outside = Outside { handle, cancel: cancel.clone(), images: None, executor: None, runs: false, repositories };
    let checked = program::check(kept, &kept.open_world(outside), file, screen);
    if cancel.is_cancelled() { Err(interrupt::interrupted()) } else { checked }
}
