//! The compiler: from the text of a program to the graphs it asks for.
//!
//! ```text
//!  text ──► module (imports) ──► resolve (signatures) ──► check (names, kinds) ──► hir::Program
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

#[cfg(any(test, feature = "testing"))]
pub mod testing;

use camino::Utf8Path;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceMap;
use hlb_language::span::Span;

pub use codes::CODES;
pub use fix::{Applied, Fixed, FixedFile, fix};
pub use hir::Program;
pub use image::{Healthcheck, History, ImageConfig};
pub use index::Description;
pub use request::{Export, ExportTo, LocalDir, Request, Socket, Solve};
pub use types::Kind;
pub use world::{
    Command, CommandOutput, FileKind, FrontendCall, FrontendResult, ImageManifest, LayoutImage, LocalOrigin, Platform,
    World, WorldError,
};

/// A program that has been read and checked.
#[derive(Debug)]
pub struct Checked {
    /// Names, kinds and bodies.
    pub program: Program,
    /// The texts that all places point into.
    pub sources: SourceMap,
    /// What is wrong or doubtful, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something of the entry file that can be built by name.
#[derive(Clone, PartialEq, Debug)]
pub struct TargetInfo {
    /// Its name.
    pub name: String,
    /// The kind of its value.
    pub kind: Kind,
    /// The comment above it.
    pub doc: Option<String>,
    /// Whether other files may use it.
    pub exported: bool,
    /// Whether it was bound with `as`.
    pub bound: bool,
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
    targets: &[String],
    options: &Options,
) -> Result<Request, CompileErrors> {
    if checked.has_errors() {
        return Err(CompileErrors(
            checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).cloned().collect(),
        ));
    }
    let default = ["default".to_owned()];
    let targets = if targets.is_empty() { &default } else { targets };
    let mut evaluator = eval::Evaluator::new(world, &checked.program, &checked.sources, options.platform.clone());
    let mut plans = Vec::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for name in targets {
        let value = checked.target(name).and_then(|(target, at)| evaluator.target(name, target, at));
        match value {
            Ok(value) => plans.extend(eval::plan(&value).map(|plan| (name, plan))),
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
    /// Whether anything is wrong, so that the program cannot be compiled.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// What can be built by name: functions and bound names of the entry file that take no arguments, in the order of the
    /// text.
    pub fn targets(&self) -> Vec<TargetInfo> {
        let Some(entry) = self.program.entry() else { return Vec::new() };
        let mut targets: Vec<(Location, TargetInfo)> = Vec::new();
        for (name, symbol) in &entry.scope {
            let (func, bound) = match symbol.target {
                hir::Target::Func(id) => (self.program.func(id), None),
                hir::Target::Bind(id) => {
                    let bound = self.program.bind(id);
                    (bound.and_then(|bound| self.program.func(bound.func)), bound)
                }
                _ => continue,
            };
            let Some(func) = func.filter(|func| func.signature.params.is_empty()) else { continue };
            let kind = bound.map_or(&func.signature.kind, |bound| &bound.kind);
            if kind.is_option() {
                continue;
            }
            let doc = if bound.is_some() { None } else { func.doc.as_ref().map(ToString::to_string) };
            let info = TargetInfo {
                name: name.to_string(),
                kind: kind.clone(),
                doc,
                exported: symbol.exported,
                bound: bound.is_some(),
            };
            targets.push((symbol.at, info));
        }
        targets.sort_by_key(|(at, _)| *at);
        targets.into_iter().map(|(_, info)| info).collect()
    }

    /// The target with a name, and where it is defined.
    fn target(&self, name: &str) -> Result<(hir::Target, Location), Box<Diagnostic>> {
        let Some(entry) = self.program.entry() else {
            let at = Location { source: hlb_language::source::SourceId(0), span: Span::at(0) };
            return Err(Box::new(Diagnostic::error(codes::TARGET, at, "there is no program")));
        };
        let (target, params, at) = match entry.scope.get(name) {
            Some(symbol) => {
                let owner = match symbol.target {
                    hir::Target::Func(id) => Some(id),
                    hir::Target::Bind(id) => self.program.bind(id).map(|bound| bound.func),
                    _ => None,
                };
                match owner.and_then(|id| self.program.func(id)) {
                    Some(func) => (symbol.target, &func.signature.params, symbol.at),
                    None => {
                        let message = format!("`{name}` is an import and not a target");
                        return Err(Box::new(Diagnostic::error(codes::TARGET, symbol.at, message)));
                    }
                }
            }
            None => return Err(Box::new(self.no_target(name, entry))),
        };
        let fixed: Vec<&str> =
            params.iter().filter(|param| !param.variadic).map(|param| param.name.text.as_str()).collect();
        if fixed.is_empty() {
            return Ok((target, at));
        }
        let message = format!("the target `{name}` takes arguments ({}), which cannot be given yet", fixed.join(", "));
        let error = Diagnostic::error(codes::TARGET_ARGUMENTS, at, message)
            .help("write a function without parameters that calls it, and build that");
        Err(Box::new(error))
    }

    fn no_target(&self, name: &str, entry: &hir::Module) -> Diagnostic {
        let at = Location { source: entry.source, span: Span::at(0) };
        let targets = self.targets();
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        let diagnostic =
            Diagnostic::error(codes::TARGET, at, format!("there is no target `{name}` in `{}`", entry.path));
        match suggest::nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => diagnostic.help("define a function without parameters"),
            None => diagnostic.help(format!("choose one of {}", names.join(", "))),
        }
    }
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
