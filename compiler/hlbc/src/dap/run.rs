//! One run of a program: from its text to its end.
//!
//! Owns what has to be there before it is stepped through, and what is recorded of it. Stepping is in `session`.

use std::sync::Arc;

use hlb_compiler::Checked;
use hlb_compiler::debug::trace;
use hlb_modules::Mode;
use hlb_runtime::Outcome;
use serde_json::json;

use super::build::Builder;
use super::session::{ERRORS, FAILED, Program, Session};
use super::wire::Request;
use super::{Adapter, Ended, Ground, Launch, When};
use crate::program::{self, Kept};
use crate::world::{Ending, OsWorld, Outside};
use crate::{cli, config};

/// Runs a program until the client has enough of it. `asked` is the request that it came with, unless it is run again.
pub(super) fn run(adapter: &mut Adapter, ground: &Ground, launch: &Launch, asked: Option<&Request>) -> Ended {
    opened(adapter, ground, launch, asked).unwrap_or_else(|why| {
        adapter.fail(asked, &why);
        Ended::Refused
    })
}

/// # Errors
/// Why there is nothing to run.
fn opened(adapter: &mut Adapter, ground: &Ground, launch: &Launch, asked: Option<&Request>) -> Result<Ended, String> {
    let root = config::Places::here().root(launch.root.as_deref()).map_err(|failure| failure.words())?;
    let root = std::path::absolute(root).map_err(|error| error.to_string())?;
    let kept = Kept::open(&launch.file, Some(root), Mode::Record, &[]).map_err(|failure| failure.words())?;
    let title = format!("debug {}", launch.target);
    let builder = ground.machine().map(|machine| Builder::new(machine, &adapter.client, title)).transpose()?;
    adapter.waiting.begin(ground.cancel());
    let waiting = adapter.waiting.clone();
    let world = kept.open_world(Outside {
        handle: ground.handle(),
        // A pause ends what is waited for, and not what is waited for later.
        cancel: Ending::Each(Box::new(move || waiting.current())),
        images: Some(ground.images()),
        executor: builder.as_ref().map(|builder| Arc::clone(&builder.executor)),
        runs: true,
        repositories: kept.repositories.clone(),
    });
    let done = evaluated(adapter, ground, launch, asked, (&kept, &world, builder.as_ref()));
    drop(world);
    // Of what was built before it was refused, too, there is an end in the history.
    let outcome = if matches!(done, Ok((_, true))) { Outcome::Done } else { Outcome::Failed };
    if let Some(builder) = builder
        && let Err(failure) = builder.end(outcome)
    {
        adapter.client.say("stderr", &failure.words());
    }
    done.map(|(ended, _)| ended)
}

/// Gives how it has ended, and whether all has been done.
///
/// # Errors
/// Why there is nothing to run.
fn evaluated(
    adapter: &mut Adapter,
    ground: &Ground,
    launch: &Launch,
    asked: Option<&Request>,
    (kept, world, builder): (&Kept, &OsWorld<'_>, Option<&Builder<'_>>),
) -> Result<(Ended, bool), String> {
    let client = adapter.client.clone();
    let checked = hlb_compiler::check(world, &launch.file);
    let absent = checked.absent();
    for diagnostic in checked.diagnostics.iter().chain(&absent) {
        adapter.tell(&checked, diagnostic);
    }
    if checked.has_errors() || !absent.is_empty() {
        return Err(format!("`{}` has errors; the debug console shows them", launch.file));
    }
    let program = Program { world, call: called(launch, &checked)?, options: program::options(world, None) };
    match asked {
        Some(asked) => {
            client.reply(asked, json!({}));
            client.event("initialized", json!({}));
            if let Some(ended) = adapter.configured(&checked) {
                return Ok((ended, true));
            }
        }
        None => drop(adapter.points.resolve(&checked)),
    }
    if launch.build != When::Never && !ground.why().is_empty() {
        client.say("important", &format!("nothing is built, and there are no files to see: {}", ground.why()));
    }
    let cancel = adapter.waiting.begin(ground.cancel());
    let trace = match trace(world, &checked, &program.call, &program.options) {
        Ok(trace) => trace,
        Err(errors) => {
            let code = if cancel.is_cancelled() { FAILED } else { ERRORS };
            errors.0.iter().for_each(|error| adapter.tell(&checked, error));
            client.event("exited", json!({"exitCode": code}));
            client.event("terminated", json!({}));
            return Ok((adapter.over(&checked), false));
        }
    };
    if let Err(failure) = kept.save() {
        client.say("stderr", &failure.words());
    }
    let mut session = Session::new(adapter, ground, launch, &checked, program, builder, trace);
    let ended = session.serve(&cancel);
    let is_done = session.is_done();
    Ok((ended, is_done))
}

/// What is called, from the words that it is given.
///
/// # Errors
/// If there is no such target, or the words are not for it.
fn called(launch: &Launch, checked: &Checked) -> Result<hlb_compiler::TargetCall, String> {
    let targets = checked.targets();
    let mut calls = cli::given(&launch.target, &launch.args).calls(&targets).map_err(|failure| failure.words())?;
    let call = calls.pop().filter(|_| calls.is_empty());
    let call = call.ok_or("one target is debugged, and `args` name another")?;
    if targets.iter().any(|target| target.name == call.name) {
        return Ok(call);
    }
    let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    Err(format!("there is no target `{}` in `{}`; there are `{}`", call.name, launch.file, known.join("`, `")))
}
