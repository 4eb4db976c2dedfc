//! The state directory for commands that do not build.
//!
//! Owns as whom it is opened, and telling what had to be done about it.

use camino::Utf8Path;
use hlb_runtime::State;

use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::{failure, machine};

/// Opens the state directory: the one that an option names, or that of this user. Must be called before the first thread starts.
///
/// # Errors
/// If it cannot be read or written.
pub(crate) fn open(option: Option<&Utf8Path>, screen: Screen) -> Result<State, Failure> {
    let root = std::path::absolute(Places::here().root(option)?)
        .map_err(|error| Failure::new(Kind::Environment, "the working directory is gone").because(error))?;
    machine::become_root()?;
    let state = State::open(&root).map_err(|error| failure::plain(&error))?;
    for notice in state.notices() {
        screen.write(format!("warning: {notice}\n").as_bytes());
    }
    Ok(state)
}
