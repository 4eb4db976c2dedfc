//! `hlbc emit`.
//!
//! Owns which form goes where; the forms themselves are those of `hlb-llb`.

use std::io::IsTerminal;

use camino::Utf8Path;
use hlb_compiler::{Request, TargetCall, Wanted, wanted};
use hlb_llb::{draw, dump, encode_definition, pb};
use hlb_modules::Mode;
use hlb_registry::Images;

use crate::cli::given::Given;
use crate::cli::{self, EmitFormat};
use crate::config::Places;
use crate::definition;
use crate::error::{Failure, Kind};
use crate::graphs::Graphs;
use crate::program::Kept;
use crate::report::{Channel, Screen};
use crate::world::Outside;
use crate::{interrupt, program};

pub(crate) fn emit(args: &cli::Emit, screen: Screen) -> Result<(), Failure> {
    if args.format == EmitFormat::Pb && std::io::stdout().is_terminal() {
        return Err(Failure::new(Kind::Usage, "`pb` is binary, and standard output is a terminal")
            .help("write it to a file with `> FILE`, build it with `| hlbc solve`, or choose `--format text`"));
    }
    let screen = screen.speaking(args.messages.message_format, Channel::Error);
    let file = program::find(&args.program.at)?;
    let (given, platform) = (&args.targets.given, args.platform.platform.as_ref());
    let what = Compiling { file: &file, given, platform, no_resolve: args.no_resolve, save: true };
    let (targets, request) = compile(&what, &args.program.modules, screen)?;
    let wanted = wanted(request);
    match args.format {
        EmitFormat::Text => super::print(draw::text(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Dot => super::print(draw::dot(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Mermaid => super::print(draw::mermaid(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Json => super::print(json(&wanted)?.as_bytes()),
        EmitFormat::Pb => super::print(&pb(&wanted, &targets)?),
    }
}

/// A program that is compiled and not built.
pub(super) struct Compiling<'a> {
    pub(super) file: &'a Utf8Path,
    pub(super) given: &'a Given,
    pub(super) platform: Option<&'a cli::Platform>,
    /// Nothing leaves the machine: images are not looked up, nor are names that are not locked.
    pub(super) no_resolve: bool,
    /// Whether what was learnt of names is written down.
    pub(super) save: bool,
}

/// Compiles targets of a program without building anything.
///
/// # Errors
/// If it has mistakes, or what it names cannot be had.
pub(super) fn compile(
    what: &Compiling<'_>,
    args: &cli::ModuleArgs,
    screen: Screen,
) -> Result<(Vec<TargetCall>, Request), Failure> {
    let mode = if what.no_resolve && !args.locked { Mode::Keep } else { program::mode(args) };
    let kept = Kept::open(what.file, program::state(), mode, &args.trust)?;
    let at_hand = program::look(&kept, what.file, screen)?;
    let (tokio, cancel) = interrupt::start()?;
    let images = if what.no_resolve { None } else { Some(Images::new(Places::here().registries()?)) };
    let world = kept.open_world(Outside {
        handle: tokio.handle().clone(),
        cancel: cancel.clone().into(),
        images: images.as_ref(),
        executor: None,
        runs: true,
        repositories: kept.repositories.clone(),
    });
    let checked = match at_hand {
        Some(checked) => checked,
        None => program::complete(program::check(&kept, &world, what.file, screen)?, screen)?,
    };
    let targets = what.given.calls(&checked.targets())?;
    let request = program::compile(&world, &checked, &targets, what.platform, screen, &cancel)?;
    if what.save {
        kept.save()?;
    }
    Ok((targets, request))
}

/// One op a line, graph after graph; each ends with its terminal op.
fn json(wanted: &[Wanted]) -> Result<String, Failure> {
    let line =
        |it: &Wanted| dump::dump(&it.definition).map_err(|error| definition::broken("the LLB of the program", &error));
    wanted.iter().map(line).collect()
}

fn pb(wanted: &[Wanted], targets: &[TargetCall]) -> Result<Vec<u8>, Failure> {
    match wanted {
        [] => Ok(encode_definition(&nothing())),
        [one] if one.definition.def.is_empty() => Ok(encode_definition(&nothing())),
        [one] => Ok(encode_definition(&one.definition)),
        all => {
            let names: Vec<String> = targets.iter().map(|target| format!("`{}`", target.name)).collect();
            let (names, ask) = (names.join(", "), if names.len() == 1 { "asks" } else { "ask" });
            Err(Failure::new(Kind::Usage, format!("{names} {ask} for {} graphs, and `pb` holds one", all.len()))
                .help("name one of the targets that are called, or choose another `--format`"))
        }
    }
}

/// The empty file system. Its shortest form is no bytes at all, which is also what a command that failed leaves in a pipe.
fn nothing() -> pb::Definition {
    pb::Definition { source: Some(pb::Source::default()), ..pb::Definition::default() }
}
