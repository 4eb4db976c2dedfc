//! `hlbc why`.
//!
//! Owns which build is looked at. The causes are the runtime's, the words `reason`'s.

use std::time::SystemTime;

use hlb_runtime::{State, Why};

use crate::error::{Failure, Kind};
use crate::report::{Screen, colour};
use crate::{cli, failure, reason, state};

pub(crate) fn why(args: &cli::Why, screen: Screen) -> Result<(), Failure> {
    let state = state::open(args.state.root.as_deref(), screen)?;
    let why = known(&state, args.build)?;
    if let Some(step) = args.step {
        super::logs::check_step(&why.build, why.steps.iter().map(|(row, _)| row.number), step)?;
    }
    let text = if args.json {
        format!("{}\n", reason::json(&why, args.step))
    } else {
        let look = reason::Look {
            verbose: args.verbose || args.step.is_some(),
            step: args.step,
            colour: colour(&std::io::stdout()),
            now: SystemTime::now(),
        };
        reason::text(&why, &look)
    };
    super::print(text.as_bytes())
}

fn known(state: &State, build: Option<i64>) -> Result<Why, Failure> {
    match (state.why(build).map_err(|error| failure::plain(&error))?, build) {
        (Some(why), _) => Ok(why),
        (None, Some(build)) => Err(super::history::unknown(build)),
        (None, None) => Err(Failure::new(Kind::Missing, "there is no build yet").help("run `hlbc run` first")),
    }
}
