//! `hlbc` in the place of a Dockerfile frontend: `docker build` and `buildctl` build `.hlb` files.
//!
//! ```text
//!  options ──► Wanted      program, context: Place ──► GatewayWorld ──► check, compile ──► changes ──► Answer
//! ```
//!
//! Owns the way from what a client of BuildKit asks for to a result that BuildKit can make. The protocol is `hlb-gateway`'s.

mod changes;
mod look;
mod place;
mod subrequest;
mod wanted;
mod world;

#[cfg(test)]
mod tests;

use camino::Utf8Path;
use hlb_compiler::{
    Checked, CompileErrors, Consent, ImageConfig, Options, Platform, Request, Solve, World as _, WorldError,
};
use hlb_gateway::client::{Answer, CallError, Gateway, Invocation, Part};
use hlb_gateway::{Excerpt, Failure};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::SourceMap;
use hlb_llb::{Digest, pb};
use tokio::runtime::Handle;

use crate::{image, report};
use changes::Changes;
use wanted::Wanted;
use world::GatewayWorld;

/// Answers one invocation. Waits, so it must not be called on a thread of the runtime.
///
/// # Errors
/// What is to be told to the client.
pub(crate) fn answer(gateway: &Gateway, invocation: &Invocation, handle: &Handle) -> Result<Answer, Failure> {
    let wanted = Wanted::read(invocation)?;
    let places = handle.block_on(place::find(gateway, invocation, &wanted))?;
    let platforms = wanted.platforms(gateway, invocation);
    let own = own_platform(gateway, invocation);
    let world = GatewayWorld::new(gateway, handle, &wanted, &places, invocation.session.clone(), own);
    let file = Utf8Path::new(&wanted.filename);
    let text = world.read_text(file).map_err(|error| match error {
        WorldError::NotFound { .. } => {
            Failure::request(format!("there is no program `{file}` in what the client sent: name it with `--file`"))
        }
        error => Failure::new(format!("cannot read the program `{file}`: {error}")),
    })?;
    let checked = hlb_compiler::check_text(&world, file, text);
    if let Some(subrequest) = &wanted.subrequest {
        return subrequest::answer(subrequest, &checked).map(Answer::Words);
    }
    if checked.has_errors() {
        return Err(told(&checked.sources, &checked.diagnostics));
    }
    let mut parts = Vec::new();
    for platform in &platforms {
        let solve = compile(&world, &checked, &wanted, platform)?;
        let changes = Changes { wanted: &wanted, context: &places.context };
        let definition = changes.apply(solve.definition)?;
        let reference = handle.block_on(gateway.solve(&definition, false)).map_err(failed)?;
        if parts.is_empty() {
            warn(gateway, handle, &checked, &definition);
        }
        let config = image::to_json(&labelled(solve.image, &wanted));
        parts.push(Part { platform: place::wire(platform), reference, config });
    }
    Ok(match parts.pop() {
        Some(one) if parts.is_empty() && !wanted.multi_platform => Answer::One(Box::new(one)),
        last => Answer::Platforms(parts.into_iter().chain(last).collect()),
    })
}

/// The platform of the worker that builds, which is where `hlbc` runs too.
fn own_platform(gateway: &Gateway, invocation: &Invocation) -> Platform {
    let known = invocation.platforms.first().or_else(|| gateway.platforms().first());
    known.map_or_else(
        || {
            let host = hlb_registry::Platform::host();
            Platform { os: host.os.into(), architecture: host.architecture.into(), variant: host.variant.into() }
        },
        |known| Platform {
            os: known.os.as_str().into(),
            architecture: known.architecture.as_str().into(),
            variant: known.variant.as_str().into(),
        },
    )
}

/// The one graph that a target asks for.
fn compile(world: &GatewayWorld, checked: &Checked, wanted: &Wanted, platform: &Platform) -> Result<Solve, Failure> {
    let options = Options { platform: platform.clone(), consent: Consent::none(), calls: None };
    let request = hlb_compiler::compile(world, checked, &[wanted.target.as_str().into()], &options);
    let solve = match request.map_err(|CompileErrors(errors)| told(&checked.sources, &errors))? {
        Request::Solve(solve) => *solve,
        Request::Nil => return Err(Failure::request(format!("the target `{}` builds nothing", wanted.target))),
        Request::Parallel(_) | Request::Sequential(_) => {
            return Err(Failure::request(format!(
                "the target `{}` makes several results, and a frontend gives one: name one of those it calls with `--target`",
                wanted.target
            )));
        }
    };
    match solve.writes() {
        Some(error) => Err(told(&checked.sources, &[error])),
        None => Ok(solve),
    }
}

/// Errors of the program, drawn; clients show the lines of the first as they do for other frontends.
fn told(sources: &SourceMap, errors: &[Diagnostic]) -> Failure {
    let mut errors: Vec<Diagnostic> = errors.to_vec();
    let (sure, doubtful): (Vec<_>, Vec<_>) = errors.drain(..).partition(Diagnostic::is_error);
    let excerpt = sure.first().and_then(|error| excerpt(sources, error));
    let all: Vec<Diagnostic> = sure.into_iter().chain(doubtful).collect();
    Failure::new(report::plain(sources, &all)).at(excerpt)
}

fn excerpt(sources: &SourceMap, error: &Diagnostic) -> Option<Excerpt> {
    let at = error.primary.at;
    // What is wrong with a file as a whole is at no place in it.
    let source = sources.get(at.source).filter(|_| !at.span.range().is_empty())?;
    let point = |offset: u32| {
        let place = source.position(offset as usize);
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        Some(pb::Position { line: number(place.line), character: number(place.column) })
    };
    let info = pb::SourceInfo {
        filename: source.name().to_owned(),
        data: source.text().as_bytes().to_vec(),
        definition: None,
        language: "HLB".to_owned(),
    };
    Some(Excerpt { source: info, ranges: vec![pb::Range { start: point(at.span.start), end: point(at.span.end) }] })
}

/// Shows what is doubtful, each once. A client that does not want to hear it builds all the same.
fn warn(gateway: &Gateway, handle: &Handle, checked: &Checked, definition: &pb::Definition) {
    let terminal = definition.def.len().checked_sub(2).and_then(|at| definition.def.get(at));
    let Some(vertex) = terminal.map(|bytes| Digest::of(bytes).to_string()) else { return };
    for warning in &checked.diagnostics {
        let detail: Vec<String> =
            report::plain(&checked.sources, std::slice::from_ref(warning)).lines().map(str::to_owned).collect();
        let _ = handle.block_on(gateway.warn(&vertex, &warning.message, &detail));
    }
}

fn labelled(mut image: ImageConfig, wanted: &Wanted) -> ImageConfig {
    image.labels.extend(wanted.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
    image
}

/// What the solver said, for the client.
fn failed(error: CallError) -> Failure {
    Failure::new(error.to_string())
}
