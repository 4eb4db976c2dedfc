//! `hlbc run`.
//!
//! Owns the order of things: the program first, then the machine, then the build.

use hlb_runtime::Entitlement;

use crate::error::Failure;
use crate::machine::{self, Machine};
use crate::report::Screen;
use crate::world::{OsWorld, Outside};
use crate::{cli, program};

pub(crate) fn run(args: &cli::Run, screen: Screen) -> Result<(), Failure> {
    let config = machine::config(&args.machine)?;
    let file = program::find(&args.program)?;
    let checked = program::check(&OsWorld::quiet(), &file, screen)?;

    let machine = Machine::open(config, &args.machine)?;
    let (handle, images) = (machine.tokio.handle().clone(), Some(machine.runtime.images()));
    let cancel = &machine.cancel;
    let world = OsWorld::open(Outside { handle, cancel: cancel.clone(), images });
    let (targets, platform) = (args.targets.all(), args.platform.platform.as_ref());
    let request = program::compile(&world, &checked, &targets, platform, screen, cancel)?;

    let mut allow = machine::entitlements(&args.allow);
    allow.insert(Entitlement::NetworkHost);
    machine.build(request, allow, &checked.sources, screen)
}
