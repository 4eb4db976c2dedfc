//! Options about the machine that builds, shared by all commands that do.
//!
//! Owns their names and help texts.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

/// How to build on this machine.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// The state directory; otherwise HLBC_ROOT, /var/lib/hlbc for root, $XDG_STATE_HOME/hlbc for others
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<Utf8PathBuf>,
    /// How many steps may run at a time; otherwise as many as there are processors, but at least 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// What runs the steps: runc, crun, or a path of one of them; otherwise HLBC_RUNC, or runc
    #[arg(long, value_name = "runc|crun|PATH", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) oci_runtime: Option<String>,
    /// What steps see of the network that ask for nothing special; otherwise what hlbc.toml says, or host
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) network: Option<NetworkMode>,
    /// Ask nobody for images, repositories and files: what is not here from earlier builds is missing; also HLBC_OFFLINE=1
    #[arg(long)]
    pub(crate) offline: bool,
    /// What to say on standard error while building
    #[arg(long, value_enum, default_value_t = Progress::Plain)]
    pub(crate) progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum NetworkMode {
    /// The network of this machine
    Host,
    /// One of their own, which leads out but not to this machine
    Isolated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Progress {
    /// Each step with its log, as it happens
    Plain,
    /// Nothing but errors
    Quiet,
}
