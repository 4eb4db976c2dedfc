//! The command line as clap reads it.
//!
//! Owns names, options and their help texts, nothing else: what a command does is in `commands`.

mod attest;
mod cache;
mod cache_args;
mod debug;
mod editor;
pub(crate) mod given;
mod history;
mod machine;
mod outputs;
mod store;

use camino::Utf8PathBuf;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use hlb_compiler::{Consent, ConsentError};

pub(crate) use attest::AttestArgs;
pub(crate) use cache::{Cache, CacheCommand};
pub(crate) use cache_args::CacheArgs;
pub(crate) use debug::{Debug, FailureArgs, OnFailure};
pub(crate) use editor::{Dap, Lsp};
use given::Given;
pub(crate) use history::{History, Logs, Why};
pub(crate) use machine::{MachineArgs, NetworkMode, Progress};
pub(crate) use outputs::OutputArgs;
pub(crate) use store::{Du, Prune};

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    a step or an export failed; `test`: a test failed; `fmt --check`: a file would change; `diff`: there is a difference
  2    wrong use of the command line
  3    the program, or the LLB, has errors
  4    the environment is unfit: no runc, not root, no usable state directory
  5    something that the program names cannot be had
  6    with `--locked`: hlb.lock lacks something that the program names
  130  interrupted";

const SOLVE_HELP: &str = "Outputs:
  -o DIR                                 files into a directory
  -o type=local,dest=DIR                 the same
  -o type=tar,dest=FILE                  one tar file
  -o type=oci,dest=FILE                  an image as an OCI layout in a tar file
  -o type=docker,name=NAME,dest=FILE     an image as a file for `docker load`
  -o type=docker,name=NAME               an image in the Docker engine
  -o type=image,name=NAME,push=true      an image in a registry
  -o type=image,name=NAME                an image that stays in the state directory, to be pushed later
  dest=-                                 (tar, oci, docker) standard output
Keys of images, as BuildKit has them: compression, compression-level, force-compression, oci-mediatypes, annotation.NAME,
source-date-epoch, rewrite-timestamp, push-by-digest, tar=false; see docs/cli.md.

Nothing of this machine is lent to the steps but what these options name.";

const DEBUG_HELP: &str = "Without a command and without --copy, a shell is opened. What is changed is thrown away at the end, except in \
cache mounts. Secrets and agents are lent anew by --secret and --ssh; what is not lent is left out.";

const DIFF_HELP: &str = "A and B are programs if their names end in `.hlb`, LLB if they are definitions, \
and programs if they are other text; `-` is LLB on standard input.";

const TARGET_HELP: &str = "Parameters of a target are given behind its name, as `hlbc list` shows them:
  hlbc run build --package ./cmd/app --race

What is no option of hlbc belongs to the target before it, or to the first; behind `--` everything does.";

/// Checks, formats and builds `.hlb` files.
#[derive(Debug, Parser)]
#[command(name = "hlbc", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line of this process. Ends it where that cannot be read, or asks for help.
    pub(crate) fn here() -> Self {
        let mut command = Self::command();
        command.build();
        let (own, given) = given::split(std::env::args_os(), &command);
        let mut cli = Self::parse_from(own);
        match &mut cli.command {
            Command::Run(Run { targets, .. }) | Command::Emit(Emit { targets, .. }) => targets.given = given,
            _ => {}
        }
        cli
    }
}

/// What a command line that names a target and gives it some words would say of it.
pub(crate) fn given(target: &str, words: &[String]) -> Given {
    let mut command = Cli::command();
    command.build();
    let own = ["hlbc", "run", "--target", target, "--"].into_iter().map(std::ffi::OsString::from);
    given::split(own.chain(words.iter().map(std::ffi::OsString::from)), &command).1
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build targets
    #[command(after_help = TARGET_HELP)]
    Run(Run),
    /// List what can be built and tested, and what it takes from the command line
    List(List),
    /// Run the tests of a program
    Test(Test),
    /// Report the mistakes of a program without building anything
    Check(Check),
    /// Tell what codes of mistakes mean, such as E0101; without one, list them
    Explain(Explain),
    /// Lay files out in the one way there is
    Fmt(Fmt),
    /// Print what targets will do: their LLB, to read, as a picture or for other tools
    #[command(after_help = TARGET_HELP)]
    Emit(Emit),
    /// Build for BuildKit, which starts this in a container (see docs/frontend.md)
    #[command(hide = true)]
    Frontend,
    /// Print LLB, whoever made it
    Dump(Dump),
    /// Build LLB, whoever made it
    #[command(after_help = SOLVE_HELP)]
    Solve(Solve),
    /// Look around where a step failed, in the files that `--on-failure keep` has kept
    #[command(after_help = DEBUG_HELP)]
    Debug(Debug),
    /// Debug programs for an editor, over standard input and output (see docs/debugger.md)
    Dap(Dap),
    /// Tell what differs between two programs or two definitions, step by step
    #[command(after_help = DIFF_HELP)]
    Diff(Diff),
    /// Look up anew what names in a program stand for, and write it into hlb.lock
    Update(Update),
    /// Copy the modules of others that a program uses into .hlb/vendor
    Vendor(Vendor),
    /// Tell of the modules of a program
    Module(Module),
    /// List the builds that were
    History(History),
    /// Print again what the steps of a build printed
    Logs(Logs),
    /// Tell why the steps of a build ran instead of being found
    Why(Why),
    /// Tell what the state directory takes, and what for
    Du(Du),
    /// Remove what no running build uses from the state directory
    Prune(Prune),
    /// Keep what cache mounts hold elsewhere, and bring it back
    Cache(Cache),
    /// Serve an editor: become `hlb-lsp`, the language server, on standard input and output
    Lsp(Lsp),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The program; otherwise the first `build.hlb` in the working directory or above it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
}

/// A program, and what it takes from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    #[command(flatten)]
    pub(crate) at: FileArgs,
    #[command(flatten)]
    pub(crate) modules: ModuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// How to tell mistakes: in words, or as JSON for other programs (see docs/cli.md)
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = MessageFormat::Text)]
    pub(crate) message_format: MessageFormat,
}

/// What to build.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// What to build, side by side; otherwise `default`
    #[arg(value_name = "TARGET")]
    named: Vec<String>,
    /// The same as TARGET; may be repeated
    #[arg(short, long = "target", value_name = "TARGET")]
    target: Vec<String>,
    /// All of that, and what the targets are given.
    #[arg(skip)]
    pub(crate) given: Given,
}

/// What is taken from elsewhere.
#[derive(Debug, Default, Args)]
pub(crate) struct ModuleArgs {
    /// Refuse names that hlb.lock does not hold
    #[arg(long)]
    pub(crate) locked: bool,
    /// Let a module of others do some kinds of things on this machine, or `all`; may be repeated
    #[arg(long, value_name = "MODULE=KIND,…", value_parser = trust)]
    pub(crate) trust: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformArgs {
    /// The platform that images are taken for, such as linux/arm64; otherwise this machine's
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
}

/// A program that is built on this machine.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    #[command(flatten)]
    pub(crate) failure: FailureArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    /// Let steps do what is refused otherwise; may be repeated. `network.host` is allowed anyway
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) allow: Vec<Allow>,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    /// Tell at the end why steps ran, as `hlbc why` does
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only tests whose names contain this
    #[arg(value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    /// Only the test whose whole name is FILTER
    #[arg(long, requires = "filter")]
    pub(crate) exact: bool,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

impl Test {
    /// Whether a test of this name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        if self.exact { name == self.filter } else { name.contains(&self.filter) }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Warn of more: images without a digest, packages that are downloaded again in each build
    #[arg(long)]
    pub(crate) strict: bool,
    /// End with 3 if there are warnings
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Change the files where a fix is sure to be what was meant, and report the rest
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The codes; case and zeros at the front do not matter
    #[arg(value_name = "CODE")]
    pub(crate) codes: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) program: FileArgs,
    /// What to look up anew, such as `alpine:3.20`, `alpine` or `https://HOST/REPOSITORY#REF`; otherwise everything
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Forget what no target of the program uses
    #[arg(long)]
    pub(crate) prune: bool,
    /// Let a module of others do some kinds of things on this machine, or `all`; may be repeated
    #[arg(long, value_name = "MODULE=KIND,…", value_parser = trust)]
    pub(crate) trust: Vec<String>,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Vendor {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Module {
    #[command(subcommand)]
    pub(crate) command: ModuleCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModuleCommand {
    /// Print the files of a program as they import one another
    Tree(Tree),
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
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
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = EmitFormat::Text)]
    pub(crate) format: EmitFormat,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// Do not look up images: steps then lack the environment, directory and user that their images set
    #[arg(long)]
    pub(crate) no_resolve: bool,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// A definition, such as `hlbc emit --format pb` prints; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = DumpFormat::Json)]
    pub(crate) format: DumpFormat,
}

/// A directory that a definition is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenDir {
    /// The name that it has in the definition.
    pub(crate) name: String,
    pub(crate) path: Utf8PathBuf,
    /// The file that says what of it is left out.
    pub(crate) ignore: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Solve {
    /// A definition, such as `hlbc emit --format pb` prints; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
    /// A directory for the `local://NAME` sources of the definition, without what a file such as `.dockerignore` selects; may
    /// be repeated
    #[arg(long, value_name = "NAME=DIR[,ignore=FILE]", value_parser = given_dir)]
    pub(crate) local: Vec<GivenDir>,
    /// An OCI layout, or an archive of images, for the sources of the definition that name this store; may be repeated
    #[arg(long, visible_alias = "oci-layout", value_name = "NAME=PATH", value_parser = pair)]
    pub(crate) layout: Vec<(String, Utf8PathBuf)>,
    /// A file for the secret ID; may be repeated
    #[arg(long, value_name = "ID=FILE", value_parser = pair)]
    pub(crate) secret: Vec<(String, Utf8PathBuf)>,
    /// The SSH agent ID: the one of SSH_AUTH_SOCK, that behind a socket, or one that holds the keys of some files; may be
    /// repeated
    #[arg(long, value_name = "ID[=SOCKET|KEY,KEY…]", value_parser = agent)]
    pub(crate) ssh: Vec<(String, Vec<Utf8PathBuf>)>,
    /// Let steps do what is refused otherwise; may be repeated
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) allow: Vec<Allow>,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
    #[command(flatten)]
    pub(crate) failure: FailureArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// The platform that image outputs are labelled with, such as linux/arm64; otherwise this machine's
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// What was
    #[arg(value_name = "A")]
    pub(crate) before: Utf8PathBuf,
    /// What is
    #[arg(value_name = "B")]
    pub(crate) after: Utf8PathBuf,
    /// What to build of programs; may be repeated, otherwise `default`
    #[arg(short, long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub(crate) format: DiffFormat,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// Do not look up the images of programs
    #[arg(long)]
    pub(crate) no_resolve: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum MessageFormat {
    /// To read
    Text,
    /// One JSON object a line
    Json,
}

/// What steps may do only if they are let.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Allow {
    /// Use the network of the machine
    #[value(name = "network.host")]
    NetworkHost,
    /// Run with all privileges
    #[value(name = "security.insecure")]
    SecurityInsecure,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EmitFormat {
    /// A numbered list of steps, to read
    Text,
    /// The binary definition that `hlbc solve` and `buildctl build` read
    Pb,
    /// One op a line, as `buildctl debug dump-llb` prints it
    Json,
    /// A picture for Graphviz
    Dot,
    /// A picture for Mermaid, which GitHub and GitLab draw in Markdown
    Mermaid,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum DumpFormat {
    /// One op a line, as `buildctl debug dump-llb` prints it
    Json,
    /// A numbered list of steps, to read
    Text,
    /// A picture for Graphviz
    Dot,
    /// A picture for Mermaid, which GitHub and GitLab draw in Markdown
    Mermaid,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum DiffFormat {
    /// To read
    Text,
    /// One JSON object
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

fn trust(text: &str) -> Result<String, ConsentError> {
    Consent::none().add(text).map(|()| text.to_owned())
}

fn pair(text: &str) -> Result<(String, Utf8PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("write it as `NAME=PATH`".to_owned()),
    }
}

fn given_dir(text: &str) -> Result<GivenDir, String> {
    let (text, ignore) = match text.split_once(",ignore=") {
        Some((text, file)) if !file.is_empty() => (text, Some(file.into())),
        Some(_) => return Err("write it as `NAME=DIR,ignore=FILE`".to_owned()),
        None => (text, None),
    };
    let (name, path) = pair(text)?;
    Ok(GivenDir { name, path, ignore })
}

fn agent(text: &str) -> Result<(String, Vec<Utf8PathBuf>), String> {
    let (id, paths) = text.split_once('=').unwrap_or((text, ""));
    if id.is_empty() || id.contains('/') {
        return Err("write it as `default`, or as `ID=SOCKET` or `ID=KEY,KEY`".to_owned());
    }
    Ok((id.to_owned(), paths.split(',').filter(|path| !path.is_empty()).map(Utf8PathBuf::from).collect()))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn pairs_have_a_name_and_a_path() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".into())));
        for wrong in ["a", "=b", "a=", ""] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn directories_may_have_an_ignore_file() {
        let given = |ignore: Option<&str>| GivenDir {
            name: "a".to_owned(),
            path: "b,c".into(),
            ignore: ignore.map(Utf8PathBuf::from),
        };
        assert_eq!(given_dir("a=b,c"), Ok(given(None)));
        assert_eq!(given_dir("a=b,c,ignore=x,y"), Ok(given(Some("x,y"))));
        for wrong in ["a", "a=b,ignore=", "a,ignore=x", "=b,ignore=x"] {
            assert!(given_dir(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn agents_are_the_running_one_or_are_named() {
        assert_eq!(agent("default"), Ok(("default".to_owned(), Vec::new())));
        assert_eq!(agent("git=/a,/b"), Ok(("git".to_owned(), vec!["/a".into(), "/b".into()])));
        for wrong in ["", "=/a", "/tmp/socket"] {
            assert!(agent(wrong).is_err(), "{wrong}");
        }
    }
}
