//! Telling why a build failed, with the place in the program that asked for the failed step.
//!
//! Owns the way back from an op to the `.hlb` line by the source map in the LLB, and the words around it. Draws nothing itself:
//! `report` and `error` do.

use hlb_language::source::SourceMap;
use hlb_llb::pb;
use hlb_runtime::{ErrorKind, SolveError};

use crate::error::{Failure, Kind, harmless};
use crate::execute::Broken;
use crate::progress::Ended;
use crate::report::{Scene, Screen};

/// Tells a failed request on standard error.
pub(crate) fn tell(broken: &Broken, sources: &SourceMap, ended: &Ended, screen: Screen) -> Failure {
    let error = &broken.error;
    let kind = kind(error.kind());
    let mut scene = Scene::error(harmless(&headline(error)));
    let mut placed = false;
    if let Some(vertex) = error.vertex() {
        placed = point_at_op(&mut scene, broken.source.as_ref(), vertex.as_str());
    } else if let Some(at) = broken.export
        && let Some(source) = sources.get(at.source)
    {
        let file = scene.file(source.name(), source.text().to_owned());
        scene.point(file, at.span.range(), "this export");
        placed = true;
    }
    let tail = error.vertex().map(|vertex| ended.tail(vertex)).unwrap_or_default();
    if !placed && tail.is_empty() && error.failure().is_none() {
        let mut failure = Failure::new(kind, headline(error));
        if let Some(cause) = causes(error) {
            failure = failure.because(cause);
        }
        if let Some(help) = help(error) {
            failure = failure.help(help);
        }
        return failure;
    }
    if let Some(cause) = causes(error) {
        scene.note(harmless(&format!("because {cause}")));
    }
    if error.exit_code().is_some() {
        scene.note(match tail.as_slice() {
            [] => "it printed nothing".to_owned(),
            lines => format!("the last it printed:\n  {}", lines.join("\n  ")),
        });
    }
    if let Some((build, _)) = error.failure() {
        scene.note(format!("kept: `hlbc debug {build}` opens it"));
    }
    if let Some(help) = help(error) {
        scene.note(format!("help: {help}"));
    }
    screen.scene(&scene);
    Failure::told(kind)
}

/// The exit code's kind for the solver's.
pub(crate) fn kind(kind: ErrorKind) -> Kind {
    match kind {
        ErrorKind::Step | ErrorKind::Internal => Kind::Build,
        ErrorKind::Source => Kind::Missing,
        ErrorKind::Environment => Kind::Environment,
        ErrorKind::Definition => Kind::Program,
        ErrorKind::Cancelled => Kind::Interrupted,
    }
}

/// A failure of the solver that has no place in a program.
pub(crate) fn plain(error: &SolveError) -> Failure {
    let failure = Failure::new(kind(error.kind()), error.to_string());
    let failure = match causes(error) {
        Some(cause) => failure.because(cause),
        None => failure,
    };
    match help(error) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// What has failed, in one line.
pub(crate) fn headline(error: &SolveError) -> String {
    match (error.exit_code(), error.vertex_name()) {
        (Some(code), Some(name)) => format!("`{name}` ended with exit code {code}"),
        _ if error.kind() == ErrorKind::Internal => format!("{error} (this is a mistake in hlbc)"),
        _ => error.to_string(),
    }
}

fn help(error: &SolveError) -> Option<String> {
    if let Some(entitlement) = error.entitlement() {
        return Some(format!("run hlbc with `--allow {}` if you trust the program", entitlement.name()));
    }
    if error.lacks_ids() {
        let ids = "`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`, by root, adds some, and the package \
                   `uidmap` has what gives them out; or run the same command with `sudo`";
        return Some(ids.into());
    }
    if error.is_full() {
        return Some("free some space, or run `hlbc prune`".to_owned());
    }
    Some(
        match (error.kind(), error.exit_code()) {
            (ErrorKind::Internal, _) => "report it with the program and the command that led here",
            (_, Some(126)) => "make the file executable, or start it with its interpreter",
            (_, Some(127)) => "install the command in the image: it was not found there",
            (_, Some(137)) => "give the step or the machine more memory: the process was killed",
            (ErrorKind::Source, None) => "mend the program, or the way to what it names; what came before is cached",
            (_, Some(_)) => "mend what the log shows and run hlbc again; the steps before this one are cached",
            _ => return None,
        }
        .to_owned(),
    )
}

/// What stands behind an error, in one line. An exit code needs no cause.
pub(crate) fn causes(error: &SolveError) -> Option<String> {
    if error.exit_code().is_some() {
        return None;
    }
    let mut words: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if words.last().is_none_or(|last| !last.contains(&text)) && !error.to_string().contains(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    (!words.is_empty()).then(|| words.join(": "))
}

/// Points at the call that made an op and at the calls around it. Says whether there was anything to point at.
pub(crate) fn point_at_op(scene: &mut Scene, source: Option<&pb::Source>, digest: &str) -> bool {
    let Some(source) = source else { return false };
    let Some(locations) = source.locations.get(digest) else { return false };
    let mut files = std::collections::BTreeMap::new();
    let mut seen = Vec::new();
    for location in locations.locations.iter() {
        let Some(info) = usize::try_from(location.source_index).ok().and_then(|at| source.infos.get(at)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&info.data);
        for range in &location.ranges {
            let start = range.start.and_then(|it| offset(&text, it));
            let end = range.end.and_then(|it| offset(&text, it));
            let Some((start, end)) = start.zip(end).filter(|(start, end)| start <= end) else { continue };
            if seen.contains(&(location.source_index, start)) {
                continue;
            }
            let file = *files
                .entry(location.source_index)
                .or_insert_with(|| scene.file(&info.filename, text.clone().into_owned()));
            scene.point(file, start..end, if seen.is_empty() { "this step" } else { "called here" });
            seen.push((location.source_index, start));
        }
    }
    !seen.is_empty()
}

/// The byte offset of a place. HLB counts columns from 1, in characters.
fn offset(text: &str, at: pb::Position) -> Option<usize> {
    let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(at.character).ok()?.saturating_sub(1);
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number == line {
            let within = content.char_indices().nth(column).map_or(content.trim_end().len(), |(at, _)| at);
            return Some(start + within);
        }
        start += content.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_line_and_character() {
        let text = "fs a() {\n\träum \"x\"\n}\n";
        let at = |line, character| offset(text, pb::Position { line, character });
        assert_eq!(at(1, 1), Some(0));
        assert_eq!(at(2, 2), Some(10));
        assert_eq!(at(2, 6), Some(15));
        assert_eq!(at(2, 99), Some(19));
        assert_eq!(at(9, 1), None);
        assert_eq!(at(0, 1), None);
        assert_eq!(at(-1, -1), None);
    }
}
