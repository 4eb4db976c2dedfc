//! `hlbc emit`.
//!
//! Owns which form goes where; the forms themselves are those of `hlb-llb`.

use std::io::IsTerminal;

use hlb_compiler::Request;
use hlb_llb::{draw, dump, encode_definition, pb};
use hlb_registry::Images;

use crate::cli::{self, EmitFormat};
use crate::config::Places;
use crate::definition;
use crate::error::{Failure, Kind};
use crate::graphs::{self, Graphs, Wanted};
use crate::report::{Channel, Screen};
use crate::world::{OsWorld, Outside};
use crate::{interrupt, program};

pub(crate) fn emit(args: &cli::Emit, screen: Screen) -> Result<(), Failure> {
    if args.format == EmitFormat::Pb && std::io::stdout().is_terminal() {
        return Err(Failure::new(Kind::Usage, "`pb` is binary, and standard output is a terminal")
            .help("write it to a file with `> FILE`, build it with `| hlbc solve`, or choose `--format text`"));
    }
    let screen = screen.speaking(args.messages.message_format, Channel::Error);
    let file = program::find(&args.program)?;
    let (targets, platform) = (args.targets.all(), args.platform.platform.as_ref());
    let request = compile(&file, &targets, platform, args.no_resolve, screen)?;
    let wanted = graphs::wanted(request);
    match args.format {
        EmitFormat::Text => super::print(draw::text(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Dot => super::print(draw::dot(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Mermaid => super::print(draw::mermaid(&Graphs::load(wanted)?.plan()).as_bytes()),
        EmitFormat::Json => super::print(json(&wanted)?.as_bytes()),
        EmitFormat::Pb => super::print(&pb(&wanted, &targets)?),
    }
}

/// Compiles targets of a program without building anything.
///
/// # Errors
/// If it has mistakes, or what it names cannot be had.
pub(super) fn compile(
    file: &camino::Utf8Path,
    targets: &[String],
    platform: Option<&cli::Platform>,
    no_resolve: bool,
    screen: Screen,
) -> Result<Request, Failure> {
    let checked = program::check(&OsWorld::quiet(), file, screen)?;
    let (tokio, cancel) = interrupt::start()?;
    let images = if no_resolve { None } else { Some(Images::new(Places::here().registries()?)) };
    let handle = tokio.handle().clone();
    let world = OsWorld::open(Outside { handle, cancel: cancel.clone(), images: images.as_ref(), executor: None });
    program::compile(&world, &checked, targets, platform, screen, &cancel)
}

/// One op a line, graph after graph; each ends with its terminal op.
fn json(wanted: &[Wanted]) -> Result<String, Failure> {
    let line =
        |it: &Wanted| dump::dump(&it.definition).map_err(|error| definition::broken("the LLB of the program", &error));
    wanted.iter().map(line).collect()
}

fn pb(wanted: &[Wanted], targets: &[String]) -> Result<Vec<u8>, Failure> {
    match wanted {
        [] => Ok(encode_definition(&nothing())),
        [one] if one.definition.def.is_empty() => Ok(encode_definition(&nothing())),
        [one] => Ok(encode_definition(&one.definition)),
        all => {
            let names: Vec<String> = targets.iter().map(|target| format!("`{target}`")).collect();
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
