//! `hlbc module`.
//!
//! Owns which of its commands is called; the form of the tree is that of `hlb-modules`.

use super::check;
use crate::cli::{self, ModuleCommand};
use crate::error::Failure;
use crate::program;
use crate::report::Screen;

pub(crate) fn module(args: &cli::Module, screen: Screen) -> Result<(), Failure> {
    match &args.command {
        ModuleCommand::Tree(args) => {
            let file = program::find(&args.program.at)?;
            let kept = check::opened(&file, &args.program.modules)?.inspecting();
            let checked = check::checked(&kept, &file, screen)?;
            super::print(hlb_modules::show(&checked.imports).as_bytes())
        }
    }
}
