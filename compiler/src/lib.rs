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

mod consent;
mod image;
mod remote;
mod request;
mod world;

mod codes;
pub mod explain;
mod fix;
mod graphs;

mod cycle;
pub mod debug;
mod deep;
mod effects;
mod path;
pub mod probe;
mod suggest;
mod types;

mod check;
pub mod hir;
mod importing;
mod index;
mod module;
mod resolve;

mod builtins;
mod emit;
mod eval;
mod lint;
mod steps;
mod target;
mod test;
mod text;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::sync::Arc;

use camino::Utf8Path;
use hlb_language::diagnostic::{Diagnostic, Severity};
use hlb_language::source::SourceMap;

pub use builtins::duration;
pub use check::Depth;
pub use codes::CODES;
pub use consent::{Consent, ConsentError, refusal, trust_flag};
pub use effects::{Effect, Effects};
pub use fix::{Applied, Fixed, FixedFile, fix};
pub use graphs::{Wanted, destination, wanted};
pub use hir::Program;
pub use image::{Healthcheck, History, ImageConfig};
pub use index::Description;
pub use remote::{
    FoundModule, ImportTree, ImportedFile, Lent, ModuleFiles, ModuleFrom, ModuleKind, ModuleRequest, Origin, Pin,
    PinRequest, RemoteModule,
};
pub use request::{Content, Export, ExportTo, LocalDir, Request, Socket, Solve, Variant};
pub use steps::{Step, Steps, steps};
pub use suggest::nearest;
pub use target::{ParameterInfo, TargetCall, TargetInfo};
pub use test::{TestOutcome, test};
pub use text::Text;
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
    /// The files, as they import one another.
    pub imports: ImportTree,
    /// What is wrong or doubtful, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
    /// Those of them that are about consent to what modules of others do.
    refused: Vec<Diagnostic>,
}

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The platform of everything that does not name one.
    pub platform: Platform,
    /// What modules of others may do on the machine that compiles.
    pub consent: Consent,
    /// How many calls are evaluated at most, where somebody waits and would not for long. No program evaluates more than a million.
    pub calls: Option<usize>,
}

/// Why a program cannot be compiled; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileErrors(pub Vec<Diagnostic>);

/// Reads and checks the program in a file.
pub fn check(world: &dyn World, entry: &Utf8Path) -> Checked {
    match world.text(entry) {
        Ok(text) => check_texts(world, &[text], Depth::All),
        Err(error) => run_check(world, Err((entry, error)), Depth::All).0,
    }
}

/// Checks a program whose text is at hand: an editor's buffer, or standard input. `name` says where it would be.
pub fn check_text(world: &dyn World, name: &Utf8Path, text: String) -> Checked {
    check_texts(world, &[Arc::new(Text::new(name.as_str(), text))], Depth::All)
}

/// Checks some files, each named by its path, as one program. The first is its entry.
pub fn check_texts(world: &dyn World, entries: &[Arc<Text>], depth: Depth) -> Checked {
    run_check(world, Ok(entries), depth).0
}

fn run_check(
    world: &dyn World,
    entries: Result<&[Arc<Text>], module::Unread<'_>>,
    depth: Depth,
) -> (Checked, Option<probe::Place>) {
    let mut diagnostics = Vec::new();
    let mut evaluate =
        |loaded: &module::Loaded, file: hir::ModuleId, expr: &_| importing::evaluate(world, loaded, file, expr);
    let loaded = module::load(world, entries, depth, &mut evaluate, &mut diagnostics);
    let declared = resolve::declare(&loaded, &mut diagnostics);
    let outcome = check::check(&loaded, declared, depth, &world.consent(), &mut diagnostics);
    let check::Outcome { mut program, refused, place } = outcome;
    program.sort_references();
    diagnostics.extend(refused.iter().cloned());
    lint::quiet(&mut diagnostics);
    lint::lint(&program, &mut diagnostics);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at.source, diagnostic.primary.at.span, diagnostic.code));
    diagnostics.dedup();
    // What could be better in modules of others is not for the client to mend.
    diagnostics.retain(|it| it.is_error() || loaded.is_clients(it.primary.at.source));
    let imports = loaded.tree();
    (Checked { program, sources: loaded.sources, imports, diagnostics, refused }, place)
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
    checked.complete()?;
    let default = [TargetCall::from("default")];
    let targets = if targets.is_empty() { &default } else { targets };
    let mut evaluator = checked.evaluator(world, options);
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
    /// Lets go of the bodies of functions and of all values, of which editors have no use: names, types, references and
    /// diagnostics stay. Such a program cannot be compiled.
    pub fn forget_bodies(&mut self) {
        let program = &mut self.program;
        for func in &mut program.funcs {
            (func.defaults, func.body) = (Vec::new(), None);
        }
        program.constants.iter_mut().for_each(|constant| constant.value = None);
        program.records.iter_mut().for_each(|record| record.defaults = Vec::new());
        program.tests.iter_mut().for_each(|test| test.body.stmts = Vec::new());
        program.lambdas = Vec::new();
    }

    /// The same for those who want to know what there is and evaluate nothing: consent to what modules of others do is not needed.
    #[must_use]
    pub fn unjudged(mut self) -> Self {
        let refused = std::mem::take(&mut self.refused);
        self.diagnostics.retain(|it| !refused.contains(it));
        self
    }

    /// The program's errors, if it has some; else the modules that are not at hand, if there are some.
    pub(crate) fn complete(&self) -> Result<(), CompileErrors> {
        let mut errors: Vec<Diagnostic> = self.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
        if errors.is_empty() {
            errors = self.absent();
        }
        if errors.is_empty() { Ok(()) } else { Err(CompileErrors(errors)) }
    }

    pub(crate) fn evaluator<'p>(&'p self, world: &'p dyn World, options: &Options) -> eval::Evaluator<'p> {
        let mut evaluator = eval::Evaluator::new(world, &self.program, &self.sources, options.platform.clone());
        evaluator.consent = options.consent.clone();
        evaluator.limit_calls(options.calls);
        evaluator
    }

    /// Whether anything is wrong, so that the program cannot be compiled.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Modules that the world did not fetch while the program was checked, as errors. What is used of them is not known, so the
    /// program cannot be compiled.
    pub fn absent(&self) -> Vec<Diagnostic> {
        let absent = self.diagnostics.iter().filter(|it| it.code == codes::MODULE_ABSENT);
        absent.map(|it| Diagnostic { severity: Severity::Error, ..it.clone() }).collect()
    }

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
    checked.complete()?;
    let mut evaluator = checked.evaluator(world, options);
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
