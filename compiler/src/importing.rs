//! From the expression behind `from` to what it gives.
//!
//! Owns the evaluation of imports: the expression becomes the body of a function in a copy of its file, which is checked and
//! evaluated as any other.

use std::sync::Arc;

use ecow::EcoString;
use hlb_language::ast::{self, Decl, Expr, Stmt};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceMap;

use crate::check::Depth;
use crate::check::Outcome;
use crate::consent::Consent;
use crate::emit::Emitter;
use crate::eval::value::Value;
use crate::eval::{self, Evaluator};
use crate::hir::{ModuleId, Program, Target};
use crate::module::{Imported, Loaded};
use crate::request::Request;
use crate::world::{Platform, World, WorldError};
use crate::{check, codes, resolve};

/// No name of a program has a space in it.
const NAME: &str = "an import";

/// What an import's expression gives.
///
/// # Errors
/// If it has mistakes, or cannot be evaluated.
pub(crate) fn evaluate(
    world: &dyn World,
    loaded: &Loaded,
    module: ModuleId,
    expr: &Expr,
) -> Result<Imported, Box<Diagnostic>> {
    let Some(source) = loaded.files.get(module.0).map(|file| file.source) else {
        let at = Location { source: loaded.builtin.0, span: expr.span() };
        return Err(Box::new(Diagnostic::error(codes::IMPORT, at, "there is no such file")));
    };
    let at = Location { source, span: expr.span() };
    let kinds: &[&str] = if matches!(expr, Expr::String(_)) { &["string"] } else { &["fs", "string"] };
    let mut first = None;
    let consent = world.consent();
    for kind in kinds {
        match as_kind(loaded, module, expr, kind, at, &consent) {
            Ok(program) => return run(world, &program, &loaded.sources, module, at),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Box::new(Diagnostic::error(codes::IMPORT, at, "this gives no module"))))
}

/// The program with a function that gives the expression's value.
fn as_kind(
    loaded: &Loaded,
    module: ModuleId,
    expr: &Expr,
    kind: &str,
    at: Location,
    consent: &Consent,
) -> Result<Program, Box<Diagnostic>> {
    let mut files = loaded.files.clone();
    if let Some(file) = files.get_mut(module.0) {
        Arc::make_mut(&mut file.tree).decls.push(function(expr, kind));
    }
    let with = Loaded {
        files,
        entries: loaded.entries,
        sources: loaded.sources.clone(),
        builtin: loaded.builtin,
        namespaces: loaded.namespaces.clone(),
    };
    // Mistakes elsewhere are told when the whole program is checked.
    let mut diagnostics = Vec::new();
    let declared = resolve::declare(&with, &mut diagnostics);
    let Outcome { program, refused, .. } = check::check(&with, declared, Depth::All, consent, &mut diagnostics);
    diagnostics.extend(refused);
    let here = |it: &Diagnostic| {
        let place = it.primary.at;
        place.source == at.source && place.span.start >= at.span.start && place.span.end <= at.span.end
    };
    match diagnostics.into_iter().find(|it| it.is_error() && here(it)) {
        Some(error) => Err(Box::new(error)),
        None => Ok(program),
    }
}

fn function(expr: &Expr, kind: &str) -> Decl {
    let span = expr.span();
    let ident = |text: &str| ast::Ident { span, text: EcoString::from(text) };
    let stmt = match expr {
        Expr::Call(call) => Stmt::Call(Box::new(ast::CallStmt {
            span,
            doc: None,
            callee: call.callee.clone(),
            parens: call.args.as_ref().map(|(parens, _)| *parens),
            args: call.args.iter().flat_map(|(_, args)| args).cloned().collect(),
            with: None,
            bind: None,
        })),
        Expr::Func(literal) if literal.kind.text == kind => {
            return Decl::Func(Box::new(declaration(span, ident(kind), ident(NAME), literal.body.clone())));
        }
        expr => Stmt::Expr(ast::ExprStmt { span, expr: expr.clone() }),
    };
    Decl::Func(Box::new(declaration(span, ident(kind), ident(NAME), ast::Block { span, stmts: vec![stmt] })))
}

fn declaration(span: hlb_language::span::Span, kind: ast::Ident, name: ast::Ident, body: ast::Block) -> ast::FuncDecl {
    ast::FuncDecl {
        span,
        doc: None,
        export: None,
        result: ast::TypeExpr::Name(kind),
        name,
        type_params: Vec::new(),
        params: Vec::new(),
        options: None,
        binds: None,
        body: Some(body),
    }
}

fn run(
    world: &dyn World,
    program: &Program,
    sources: &SourceMap,
    module: ModuleId,
    at: Location,
) -> Result<Imported, Box<Diagnostic>> {
    let nothing = || Box::new(Diagnostic::error(codes::IMPORT, at, "this gives no module"));
    let target = program.module(module).and_then(|module| module.scope.get(NAME)).map(|symbol| symbol.target);
    let Some(target @ Target::Func(_)) = target else { return Err(nothing()) };
    // Whatever this machine is, containers are Linux.
    let platform = Platform { os: "linux".into(), ..world.host() };
    let mut evaluator = Evaluator::new(world, program, sources, platform);
    evaluator.consent = world.consent();
    let value = match evaluator.target(NAME, target, at, Vec::new()) {
        Ok(value) => value,
        // What this world does not do is no mistake of the program.
        Err(error) if world.fetches() => return Err(error),
        Err(_) => {
            let refused = WorldError::Refused { action: "evaluating an import".to_owned() };
            return Err(Box::new(crate::module::absent(&text(sources, at), at, refused)));
        }
    };
    if let Value::Text(text) = &value {
        return Ok(Imported::Text(text.to_string()));
    }
    let plan = eval::plan(&value).ok_or_else(nothing)?;
    match Emitter::new(&evaluator).request(&plan, NAME) {
        Request::Solve(solve) => Ok(Imported::Fs(solve)),
        _ => Err(nothing()),
    }
}

/// The text of an expression in one line.
fn text(sources: &SourceMap, at: Location) -> String {
    let text = sources.get(at.source).map_or("", |source| source.slice(at.span));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
