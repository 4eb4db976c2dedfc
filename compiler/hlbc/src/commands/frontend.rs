//! `hlbc frontend`.
//!
//! Owns the process that BuildKit starts in a container: its connection, and what is told to whom when it goes wrong.

use hlb_gateway::Failure as Answered;
use hlb_gateway::client::{Gateway, Invocation};

use crate::error::{Failure, Kind};
use crate::{frontend, interrupt};

pub(crate) fn frontend() -> Result<(), Failure> {
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let Some(invocation) = Invocation::read(environment) else {
        return Err(Failure::new(Kind::Usage, "this command is started by BuildKit, and BuildKit has not started it")
            .help("build with `docker build`, as docs/frontend.md says, or with `hlbc run`"));
    };
    let (tokio, cancel) = interrupt::start()?;
    let done = std::thread::scope(|scope| {
        // The compiler waits for answers, which a thread of the runtime must not do.
        let working = scope.spawn(|| answer(&invocation, tokio.handle()));
        working
            .join()
            .unwrap_or_else(|_| Err(Failure::new(Kind::Build, "the compiler panicked (this is a mistake in hlbc)")))
    });
    // A read of standard input that nobody will answer must not keep the process.
    tokio.shutdown_background();
    if cancel.is_cancelled() { Err(interrupt::interrupted()) } else { done }
}

fn answer(invocation: &Invocation, handle: &tokio::runtime::Handle) -> Result<(), Failure> {
    let unspoken = |error| Failure::new(Kind::Environment, "the solver does not answer").because(error);
    let gateway = handle.block_on(Gateway::stdio()).map_err(unspoken)?;
    // A panic would be an exit code without a word.
    let answered =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| frontend::answer(&gateway, invocation, handle)));
    let answered = answered.unwrap_or_else(|_| {
        Err(Answered::new("the compiler panicked: this is a mistake in hlbc, report it with the program"))
    });
    match answered {
        Ok(answer) => handle.block_on(gateway.finish(&answer)).map_err(unspoken),
        Err(failure) => handle.block_on(gateway.fail(&failure)).map_err(unspoken),
    }
}
