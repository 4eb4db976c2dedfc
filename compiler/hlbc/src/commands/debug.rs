//! `hlbc debug`.
//!
//! Owns what is told of a step that was kept, and the way into it.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use hlb_compiler::Socket;
use hlb_runtime::{ErrorKind, FailedStep, SolveError};

use crate::cli;
use crate::deliver::Lendings;
use crate::error::{Failure, Kind, harmless};
use crate::failure;
use crate::interrupt;
use crate::machine::{self, Machine};
use crate::report::Screen;

pub(crate) fn debug(args: &cli::Debug, screen: Screen) -> Result<(), Failure> {
    let config = machine::config(&args.machine)?;
    let machine = Machine::open(config, &args.machine)?;
    let step = machine.runtime.failed_step(args.build, args.step).map_err(|error| unkept(&error))?;
    if let Some([path, to]) = args.copy.as_deref() {
        let (path, to) = (path.as_std_path(), to.as_std_path());
        let copied = machine.tokio.block_on(machine.runtime.copy_failed(&step, path, to, &machine.cancel));
        return copied.map_err(|error| ended(&machine, &error));
    }
    let secrets = args.secret.iter().cloned().collect();
    let sockets = args.ssh.iter().map(|(id, paths)| (id.clone(), Socket::Agent(paths.clone()))).collect();
    let lent = Lendings::new(&BTreeMap::new(), &BTreeMap::new(), &secrets, &sockets);
    let command = Some(args.command.clone()).filter(|command| !command.is_empty());
    visit(&machine, &step, lent, command, screen)
}

/// Opens a shell in a step that was kept.
///
/// # Errors
/// If that cannot be done.
pub(crate) fn open(
    machine: &Machine,
    (build, step): (i64, u32),
    lent: Lendings,
    screen: Screen,
) -> Result<(), Failure> {
    let step = machine.runtime.failed_step(Some(build), Some(step)).map_err(|error| unkept(&error))?;
    visit(machine, &step, lent, None, screen)
}

/// The kind of the terminal that this process has, if people sit before it.
pub(crate) fn terminal() -> Option<String> {
    let people = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    people.then(|| std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()))
}

fn visit(
    machine: &Machine,
    step: &FailedStep,
    lent: Lendings,
    command: Option<Vec<String>>,
    screen: Screen,
) -> Result<(), Failure> {
    let given = command.is_some();
    let request = lent.debug(command, terminal());
    let (secrets, agents) = step.missing(&request);
    let mut told = String::new();
    if !given {
        let (number, build) = (step.number(), step.build());
        let args = harmless(&step.args().join(" "));
        told = format!("step {number} of build {build}, where `{args}` failed; what is changed here is thrown away\n");
    }
    for (ids, what, option) in [(secrets, "secret", "secret ID=FILE"), (agents, "SSH agent or socket", "ssh ID")] {
        for id in ids {
            told.push_str(&harmless(&format!("the {what} `{id}` is left out: lend it with `--{option}`\n")));
        }
    }
    screen.write(told.as_bytes());
    let code = machine.tokio.block_on(machine.runtime.debug(step, request, &machine.cancel));
    match code.map_err(|error| ended(machine, &error))? {
        0 => Ok(()),
        // Whoever leaves a shell has seen what was in it.
        _ if !given => Ok(()),
        code => Err(Failure::new(Kind::Build, format!("the command ended with exit code {code}"))),
    }
}

fn unkept(error: &SolveError) -> Failure {
    let failure = failure::plain(error);
    if error.kind() == ErrorKind::Source {
        return Failure::new(Kind::Missing, error.to_string()).help("run the build again with `--on-failure keep`");
    }
    failure
}

fn ended(machine: &Machine, error: &SolveError) -> Failure {
    if machine.cancel.is_cancelled() {
        return interrupt::interrupted();
    }
    match error.kind() {
        // There is no program that could be mended.
        ErrorKind::Source => Failure::new(Kind::Missing, error.to_string()),
        _ => failure::plain(error),
    }
}
