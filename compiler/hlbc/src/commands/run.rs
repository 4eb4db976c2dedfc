//! `hlbc run`.
//!
//! Owns that targets are evaluated to one request, which is done, and whose result goes where options say.

use crate::error::Failure;
use crate::machine::Title;
use crate::report::Screen;
use crate::site::Site;
use crate::{cli, output, program};

pub(crate) fn run(args: &cli::Run, screen: Screen) -> Result<(), Failure> {
    let attestations = args.attest.wanted()?;
    output::check(&args.outputs.output, &attestations)?;
    let (site, at_hand) = Site::open(&args.build, screen)?;
    if let Some(checked) = &at_hand {
        args.targets.given.calls(&checked.targets())?;
    }
    let mut machine = site.machine()?;
    machine.attest(site.told(attestations));
    let text = format!("run {}", args.targets.given.shown()).trim_end().to_owned();
    let (building, world) = site.begin(&machine, Title { text, explain: args.explain }, args.outputs.hints())?;
    let called =
        site.complete(at_hand, &world).and_then(|checked| Ok((args.targets.given.calls(&checked.targets())?, checked)));
    let (targets, checked) = match called {
        Ok(called) => called,
        Err(failure) => return Err(building.refuse(failure)),
    };
    building.executor.called(&targets);
    match program::evaluate(&world, &checked, &targets, args.build.platform.platform.as_ref()) {
        Ok(request) => match site.kept.save() {
            Ok(()) => building.finish(request, &args.outputs, &checked.sources, site.screen),
            Err(failure) => Err(building.refuse(failure)),
        },
        Err(errors) => {
            let tell = || program::tell(&errors, &checked, site.screen, &machine.cancel);
            Err(building.give_up(&checked.sources, site.screen, tell))
        }
    }
}
