//! Options of the commands about builds that were: `history`, `logs` and `why`.
//!
//! Owns their names and help texts.

use clap::Args;

use super::store::StateArgs;

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The build; otherwise the last one
    #[arg(value_name = "BUILD", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) build: Option<i64>,
    /// Only this step, by its number in the progress of the build
    #[arg(value_name = "STEP", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) step: Option<u32>,
    /// Tell of all steps, also of those that were found, and of all that differs
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many builds, the newest first
    #[arg(short, long, value_name = "N", default_value_t = 20)]
    pub(crate) number: u32,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The build, by its number in `hlbc history`
    #[arg(value_name = "BUILD", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) build: i64,
    /// The step, by its number in the progress of the build; otherwise all, each under a line with its name
    #[arg(value_name = "STEP", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) step: Option<u32>,
    /// Put in front of each line when it was printed, in seconds from the beginning of the build
    #[arg(long)]
    pub(crate) timestamps: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
