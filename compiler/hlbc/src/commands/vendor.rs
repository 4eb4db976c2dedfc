//! `hlbc vendor`.
//!
//! Owns that only programs whose modules have to be built need a machine that can build.

use hlb_compiler::Checked;
use hlb_runtime::{Entitlement, Hints};

use crate::error::{Failure, Kind};
use crate::machine::{self, Machine, Title};
use crate::program::{self, Kept};
use crate::report::Screen;
use crate::world::Outside;
use crate::{cli, config, interrupt};

pub(crate) fn vendor(args: &cli::Vendor, screen: Screen) -> Result<(), Failure> {
    let config = machine::config(&args.machine)?;
    let file = program::find(&args.program.at)?;
    let mode = program::mode(&args.program.modules);
    // Copies are written anew, whatever has become of those that are there.
    let kept = Kept::afresh(&file, Some(config.root.clone()), mode, &args.program.modules.trust)?.inspecting();
    let checked = match program::look(&kept, &file, screen)? {
        Some(checked) => checked,
        None => match Machine::open(config, &args.machine) {
            Ok(machine) => built(&kept, &file, &machine, screen)?,
            // Who cannot build here can still have what only has to be fetched.
            Err(_) if !config::is_superuser() => fetched(&kept, &file, screen)?,
            Err(unfit) => return Err(unfit),
        },
    };
    kept.save()?;
    let places = hlb_modules::Places::of(&file, None);
    let modules = checked.imports.remotes();
    let copied = hlb_modules::Vendor::write(&places.vendor, &modules)
        .map_err(|error| Failure::new(Kind::Environment, "cannot write the copies of modules").because(error))?;
    let lines: String = copied.iter().map(|name| format!("{}\n", places.vendor.join(name))).collect();
    super::print(lines.as_bytes())
}

/// Checks the program with all that this machine can get and build.
fn built(kept: &Kept, file: &camino::Utf8Path, machine: &Machine, screen: Screen) -> Result<Checked, Failure> {
    let title = Title { text: "vendor".to_owned(), explain: false };
    let building = machine.begin([Entitlement::NetworkHost].into(), title, None, Hints::default())?;
    let checked = program::check(kept, &kept.open_world(building.outside(kept)), file, screen);
    building.abandon(checked.is_ok());
    if machine.cancel.is_cancelled() {
        return Err(interrupt::interrupted());
    }
    program::complete(checked?, screen)
}

/// Checks the program with all that this machine can get.
fn fetched(kept: &Kept, file: &camino::Utf8Path, screen: Screen) -> Result<Checked, Failure> {
    let (tokio, cancel) = interrupt::start()?;
    let (handle, repositories) = (tokio.handle().clone(), kept.repositories.clone());
    let outside =
        Outside { handle, cancel: cancel.clone().into(), images: None, executor: None, runs: true, repositories };
    let checked = program::check(kept, &kept.open_world(outside), file, screen);
    if cancel.is_cancelled() {
        return Err(interrupt::interrupted());
    }
    program::complete(checked?, screen)
}
