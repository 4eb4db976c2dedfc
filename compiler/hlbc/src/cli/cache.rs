//! Options of the command about what cache mounts keep, `cache`.
//!
//! Owns their names and help texts.

use clap::{Args, Subcommand};
use hlb_runtime::{CachePlace, CacheSource};

use super::store::StateArgs;
use crate::shared;

#[derive(Debug, Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Keep the directories of cache mounts elsewhere
    Save(Save),
    /// Bring the directories of cache mounts back; they replace what is there
    Restore(Restore),
    /// List the cache mounts of this machine, or those that are kept elsewhere
    List(ListMounts),
}

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Which, by the ids that programs give them; otherwise all
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Where to
    #[arg(long, value_name = "NAME|type=registry,ref=NAME|type=local,dest=DIR", value_parser = shared::place)]
    pub(crate) to: CachePlace,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Which, by the ids that programs give them; otherwise all that are kept
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Where from; may be repeated, and the first that can be read counts
    #[arg(long, required = true, value_name = "NAME|type=registry,ref=NAME|type=local,src=DIR", value_parser = shared::source)]
    pub(crate) from: Vec<CacheSource>,
    /// Only where there is nothing
    #[arg(long)]
    pub(crate) if_empty: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListMounts {
    /// List what is kept there instead
    #[arg(long, value_name = "NAME|type=registry,ref=NAME|type=local,src=DIR", value_parser = shared::source)]
    pub(crate) from: Option<CacheSource>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
