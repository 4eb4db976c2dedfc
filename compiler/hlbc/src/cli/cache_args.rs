//! Options of the commands that build about shared caches.
//!
//! Owns their names and help texts.

use clap::Args;
use hlb_runtime::CacheSource;

use crate::shared::{self, Target};

/// Shared caches of a build.
#[derive(Debug, Default, Args)]
pub(crate) struct CacheArgs {
    /// Look for results in a shared cache, too, in BuildKit's form; may be repeated
    #[arg(long, value_name = "NAME|type=TYPE,…", value_parser = shared::source)]
    pub(crate) cache_from: Vec<CacheSource>,
    /// Write results into a shared cache; may be repeated
    #[arg(long, value_name = "NAME|type=TYPE,…", value_parser = shared::target)]
    pub(crate) cache_to: Vec<Target>,
}
