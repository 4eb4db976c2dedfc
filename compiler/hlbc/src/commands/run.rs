//! `hlbc run`.
//!
//! Owns the order of things: the program first, then the machine, then the build.

use std::sync::Arc;

use hlb_runtime::Entitlement;

use crate::error::Failure;
use crate::machine::{self, Machine};
use crate::program::Kept;
use crate::report::{Channel, Screen};
use crate::world::Outside;
use crate::{cli, interrupt, program};

pub(crate) fn run(args: &cli::Run, screen: Screen) -> Result<(), Failure> {
    let screen = screen.speaking(args.messages.message_format, Channel::Output);
    let config = machine::config(&args.machine)?;
    let file = program::find(&args.program)?;
    let mode = program::mode(&args.modules);
    let kept = Kept::open(&file, Some(config.root.clone()), mode, &args.modules.trust)?;
    // Before the machine: who has made a mistake wants to know it, whatever the machine lacks.
    let at_hand = program::look(&kept, &file, screen)?;
    if let Some(checked) = &at_hand {
        args.targets.given.calls(&checked.targets())?;
    }

    let machine = Machine::open(config, &args.machine)?;
    let mut allow = machine::entitlements(&args.allow);
    allow.insert(Entitlement::NetworkHost);
    // Evaluation builds, too: for frontends, for modules, for pushes whose digest is asked for, and for what is read of results.
    let building = machine.begin(allow)?;
    let world = kept.open_world(Outside {
        handle: machine.tokio.handle().clone(),
        cancel: machine.cancel.clone(),
        images: Some(machine.runtime.images()),
        executor: Some(Arc::clone(&building.executor)),
        runs: true,
        repositories: kept.repositories.clone(),
    });
    let checked = match at_hand {
        Some(checked) => Ok(checked),
        None => program::check(&kept, &world, &file, screen).and_then(|checked| program::complete(checked, screen)),
    };
    let called = checked.and_then(|checked| Ok((args.targets.given.calls(&checked.targets())?, checked)));
    let (targets, checked) = match called {
        Ok(called) => called,
        Err(failure) => {
            building.abandon();
            return Err(if machine.cancel.is_cancelled() { interrupt::interrupted() } else { failure });
        }
    };
    match program::evaluate(&world, &checked, &targets, args.platform.platform.as_ref()) {
        Ok(request) => match kept.save() {
            Ok(()) => building.finish(request, &checked.sources, screen),
            Err(failure) => {
                building.abandon();
                Err(failure)
            }
        },
        Err(errors) => {
            Err(building
                .give_up(&checked.sources, screen, || program::tell(&errors, &checked, screen, &machine.cancel)))
        }
    }
}
