//! `hlbc diff`.
//!
//! Owns how programs and LLB are told apart.

use camino::Utf8Path;
use hlb_llb::compare;
use hlb_llb::pb;
use prost::Message;

use super::emit;
use crate::cli::given::Given;
use crate::cli::{self, DiffFormat};
use crate::definition;
use crate::error::{Failure, Kind};
use crate::graphs::Graphs;
use crate::report::Screen;

pub(crate) fn diff(args: &cli::Diff, screen: Screen) -> Result<(), Failure> {
    if args.before == "-" && args.after == "-" {
        return Err(
            Failure::new(Kind::Usage, "standard input can be only one of both").help("name a file for the other")
        );
    }
    let (before, after) = (graphs(&args.before, args, screen)?, graphs(&args.after, args, screen)?);
    let (before, after) = (before.plan(), after.plan());
    let comparison = compare::compare_plans(&before, &after);
    let text = match args.format {
        DiffFormat::Text => compare::text(&comparison, &before, &after),
        DiffFormat::Json => compare::json(&comparison, &before, &after),
    };
    super::print(text.as_bytes())?;
    if comparison.is_same() { Ok(()) } else { Err(Failure::told(Kind::Build)) }
}

/// The graphs of a program or of a definition, whichever the file holds.
fn graphs(file: &Utf8Path, args: &cli::Diff, screen: Screen) -> Result<Graphs, Failure> {
    if file.extension() == Some("hlb") {
        if let Err(error) = std::fs::metadata(file) {
            let failure = Failure::new(Kind::Usage, format!("cannot read the program `{file}`"));
            return Err(failure.because(error).help("check the name"));
        }
        return program(file, args, screen);
    }
    let (name, bytes) = definition::read_bytes(Some(file))?;
    let is_text = file != "-" && !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok();
    match definition::decode(&name, &bytes) {
        Ok(definition) if !is_text || has_ops(&definition) => Graphs::of(&name, definition),
        Err(failure) if !is_text => Err(failure),
        _ => program(file, args, screen),
    }
}

/// Whether there are ops. A text can be a message by chance, but what it holds is no op then.
fn has_ops(definition: &pb::Definition) -> bool {
    !definition.def.is_empty() && definition.def.iter().all(|bytes| pb::Op::decode(&**bytes).is_ok())
}

fn program(file: &Utf8Path, args: &cli::Diff, screen: Screen) -> Result<Graphs, Failure> {
    let (given, platform) = (Given::names(&args.target), args.platform.platform.as_ref());
    let what = emit::Compiling { file, given: &given, platform, no_resolve: args.no_resolve, save: false };
    let (_, request) = emit::compile(&what, &cli::ModuleArgs::default(), screen)?;
    Graphs::load(hlb_compiler::wanted(request))
}
