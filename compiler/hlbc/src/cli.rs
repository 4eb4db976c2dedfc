//! The command line as clap reads it.
//!
//! Owns names, options and their help texts, nothing else: what a command does is in `commands`.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    a step or an export failed; `fmt --check`: a file would change
  2    wrong use of the command line
  3    the program has errors
  4    the environment is unfit: no runc, not root, no usable state directory
  5    something that the program names cannot be had
  130  interrupted";

/// Checks, formats and builds `.hlb` files.
#[derive(Debug, Parser)]
#[command(name = "hlbc", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build targets
    Run(Run),
    /// Report the mistakes of a program without building anything
    Check(Check),
    /// Lay files out in the one way there is
    Fmt(Fmt),
    /// Print the LLB of a target
    Emit(Emit),
    /// Build for BuildKit, which starts this in a container (see docs/frontend.md)
    #[command(hide = true)]
    Frontend,
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    /// The program; otherwise the first `build.hlb` in the working directory or above it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// What to build, side by side
    #[arg(value_name = "TARGET", default_value = "default")]
    pub(crate) targets: Vec<String>,
    /// The state directory; otherwise HLBC_ROOT, /var/lib/hlbc for root, $XDG_STATE_HOME/hlbc for others
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<Utf8PathBuf>,
    /// The platform that images are taken for, such as linux/arm64; otherwise this machine's
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
    /// How many steps may run at a time; otherwise as many as there are processors, but at least 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// What to say on standard error while building
    #[arg(long, value_enum, default_value_t = Progress::Plain)]
    pub(crate) progress: Progress,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Write nothing; name the files that would change and end with 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
    /// Files, directories with all `.hlb` files below them, or `-` for standard input to standard output
    #[arg(value_name = "FILES", default_value = ".")]
    pub(crate) files: Vec<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Emit {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// The target
    #[arg(value_name = "TARGET", default_value = "default")]
    pub(crate) target: String,
    /// The form of the output
    #[arg(long, value_enum)]
    pub(crate) format: EmitFormat,
    /// The platform that images are taken for, such as linux/arm64; otherwise this machine's
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
    /// Do not look up images: steps then lack the environment, directory and user that their images set
    #[arg(long)]
    pub(crate) no_resolve: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Progress {
    /// Each step with its log, as it happens
    Plain,
    /// Nothing but errors
    Quiet,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EmitFormat {
    /// The binary definition that `buildctl build` reads
    Pb,
    /// One op a line, with its digest
    Json,
}

/// A platform of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) variant: String,
}

fn platform(text: &str) -> Result<Platform, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (os, architecture, variant) = match parts.as_slice() {
        [os, architecture] => (*os, *architecture, ""),
        [os, architecture, variant] if !variant.is_empty() => (*os, *architecture, *variant),
        _ => return Err("write it as `linux/amd64`".to_owned()),
    };
    if os.is_empty() || architecture.is_empty() {
        return Err("write it as `linux/amd64`".to_owned());
    }
    Ok(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn platforms_have_two_or_three_parts() {
        assert_eq!(platform("linux/arm/v7").unwrap().variant, "v7");
        for wrong in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/arm/", ""] {
            assert!(platform(wrong).is_err(), "{wrong}");
        }
    }
}
