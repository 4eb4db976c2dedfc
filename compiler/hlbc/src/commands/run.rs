//! `hlbc run`.
//!
//! Owns the order of things: the program first, then the machine, then the build.

use std::sync::Arc;

use hlb_runtime::Entitlement;

use crate::error::Failure;
use crate::machine::{self, Machine};
use crate::report::{Channel, Screen};
use crate::world::{OsWorld, Outside};
use crate::{cli, program};

pub(crate) fn run(args: &cli::Run, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let config = machine::config(&args.machine)?;
    let file = program::find(&args.program)?;
    let checked = program::check(&OsWorld::quiet(), &file, screen)?;

    let machine = Machine::open(config, &args.machine)?;
    let mut allow = machine::entitlements(&args.allow);
    allow.insert(Entitlement::NetworkHost);
    // Evaluation builds, too: for frontends, for pushes whose digest is asked for, and for what is read of results.
    let building = machine.begin(allow)?;
    let world = OsWorld::open(Outside {
        handle: machine.tokio.handle().clone(),
        cancel: machine.cancel.clone(),
        images: Some(machine.runtime.images()),
        executor: Some(Arc::clone(&building.executor)),
    });
    let (targets, platform) = (args.targets.all(), args.platform.platform.as_ref());
    match program::evaluate(&world, &checked, &targets, platform) {
        Ok(request) => building.finish(request, &checked.sources, screen),
        Err(errors) => {
            Err(building
                .give_up(&checked.sources, screen, || program::tell(&errors, &checked, screen, &machine.cancel)))
        }
    }
}
