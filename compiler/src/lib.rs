//! The compiler: from the text of a program to the graphs it asks for.
//!
//! ```text
//!  text ──► module (imports) ──► resolve (signatures) ──► check (names, types) ──► hir::Program
//!                                                                                     │
//!  World: files, environment, commands, image configs ───────────────────► eval ◄─────┘
//!                                                                            │
//!                                     Request: definitions, exports ◄── emit ┘
//! ```
//!
//! [`check`] never fails: it gives a program and what is to be said of it. [`compile`] evaluates targets of a program
//! without errors. This crate does no I/O but through [`World`], and knows no clock, no threads and no environment.

mod image;
mod request;
mod world;

mod codes;
pub mod explain;
mod fix;

mod cycle;
mod deep;
mod effects;
mod path;
mod suggest;
mod types;

mod check;
pub mod hir;
mod index;
mod module;
mod resolve;

mod builtins;
mod emit;
mod eval;
mod lint;
mod target;
mod test;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

use camino::Utf8Path;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::SourceMap;

pub use codes::CODES;
pub use effects::{Effect, Effects};
pub use fix::{Applied, Fixed, FixedFile, fix};
pub use hir::Program;
pub use image::{Healthcheck, History, ImageConfig};
pub use index::Description;
pub use request::{Content, Export, ExportTo, LocalDir, Request, Socket, Solve, Variant};
pub use target::{ParameterInfo, TargetCall, TargetInfo};
pub use test::{TestOutcome, test};
pub use types::{FuncType, Type};
pub use world::{
    Command, CommandOutput, FileKind, FrontendCall, FrontendResult, ImageManifest, LayoutImage, LocalOrigin, MAX_TEXT,
    Platform, ReadAnswer, ReadRequest, Reading, World, WorldError,
};

/// A program that has been read and checked.
#[derive(Debug)]
pub struct Checked {
    /// Names, types and bodies.
    pub program: Program,
    /// The texts that all places point into.
    pub sources: SourceMap,
    /// What is wrong or doubtful, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
}

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The platform of everything that does not name one.
    pub platform: Platform,
}

/// Why a program cannot be compiled; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileErrors(pub Vec<Diagnostic>);

/// Reads and checks the program in a file.
pub fn check(world: &dyn World, entry: &Utf8Path) -> Checked {
    run_check(world, entry, None)
}

/// Checks a program whose text is at hand: an editor's buffer, or standard input. `name` says where it would be.
pub fn check_text(world: &dyn World, name: &Utf8Path, text: String) -> Checked {
    run_check(world, name, Some(text))
}

fn run_check(world: &dyn World, entry: &Utf8Path, text: Option<String>) -> Checked {
    let mut diagnostics = Vec::new();
    let loaded = module::load(world, entry, text, &mut diagnostics);
    let declared = resolve::declare(&loaded, &mut diagnostics);
    let program = check::check(&loaded, declared, &mut diagnostics);
    lint::lint(&program, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at.source, diagnostic.primary.at.span, diagnostic.code));
    diagnostics.dedup();
    Checked { program, sources: loaded.sources, diagnostics }
}

/// Evaluates targets of a checked program, `default` if none is named, all beside one another.
///
/// # Errors
/// The program's errors if it has some; else one error for each target that cannot be evaluated.
pub fn compile(
    world: &dyn World,
    checked: &Checked,
    targets: &[TargetCall],
    options: &Options,
) -> Result<Request, CompileErrors> {
    checked.without_errors()?;
    let default = [TargetCall::from("default")];
    let targets = if targets.is_empty() { &default } else { targets };
    let mut evaluator = eval::Evaluator::new(world, &checked.program, &checked.sources, options.platform.clone());
    let mut plans = Vec::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for call in targets {
        match checked.build(&mut evaluator, call) {
            Ok((value, _)) => plans.extend(eval::plan(&value).map(|plan| (&call.name, plan))),
            Err(error) if errors.contains(&error) => {}
            Err(error) => errors.push(*error),
        }
    }
    if !errors.is_empty() {
        return Err(CompileErrors(errors));
    }
    let mut emitter = emit::Emitter::new(&evaluator);
    Ok(Request::parallel(plans.iter().map(|(name, plan)| emitter.request(plan, name)).collect()))
}

impl Checked {
    /// The program's errors, if it has some.
    pub(crate) fn without_errors(&self) -> Result<(), CompileErrors> {
        let errors: Vec<Diagnostic> = self.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
        if errors.is_empty() { Ok(()) } else { Err(CompileErrors(errors)) }
    }

    /// Whether anything is wrong, so that the program cannot be compiled.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl Checked {
    /// The value of a target, and its type.
    fn build<'p>(
        &'p self,
        evaluator: &mut eval::Evaluator<'p>,
        call: &TargetCall,
    ) -> Result<(eval::value::Value, Type), Box<Diagnostic>> {
        let found = self.target(&call.name)?;
        let args = self.given(evaluator, &found, call)?;
        let value = evaluator.target(&call.name, found.target, found.at, args)?;
        Ok((value, found.ty))
    }
}

/// The value of a target, as it would be written in a program.
///
/// # Errors
/// As for [`compile`].
pub fn evaluate(
    world: &dyn World,
    checked: &Checked,
    target: &TargetCall,
    options: &Options,
) -> Result<String, CompileErrors> {
    checked.without_errors()?;
    let mut evaluator = eval::Evaluator::new(world, &checked.program, &checked.sources, options.platform.clone());
    let (value, ty) = checked.build(&mut evaluator, target).map_err(|error| CompileErrors(vec![*error]))?;
    Ok(eval::show::literal(&checked.program, &value, &ty))
}

impl std::fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", error.code.0, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileErrors {}
