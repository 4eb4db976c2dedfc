//! Options about where a result goes, shared by the commands that have one.
//!
//! Owns their names and help texts.

use camino::Utf8PathBuf;
use clap::Args;
use hlb_runtime::Hints;

use crate::output::{self, Output};

/// Where a result goes.
#[derive(Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// Write the result out; may be repeated (see `hlbc solve --help` for the types). Without it the result stays in the state
    /// directory
    #[arg(short, long, value_name = "DIR|type=TYPE,…", value_parser = output::parse)]
    pub(crate) output: Vec<Output>,
    /// A file that is told as JSON what was written out: digests, names
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<Utf8PathBuf>,
}

impl OutputArgs {
    /// What has to be kept of a build to tell of it.
    pub(crate) fn hints(&self) -> Hints {
        Hints { trace: self.metadata_file.is_some(), ..Hints::default() }
    }
}
