//! Why steps ran, laid out.
//!
//! Owns the order and the places in the program. What the causes are, and what each is called, is the runtime's.

use std::fmt::Write as _;
use std::time::SystemTime;

use hlb_llb::draw::printable;
use hlb_runtime::{Cause, Explanation, Gone, Match, Outcome, StepRow, StepState, Why};
use serde_json::{Value, json};

use crate::commands::history;
use crate::failure::point_at_op;
use crate::report::Scene;

/// Characters of a name that are shown.
const NAME: usize = 100;
/// Steps that are named in one sentence.
const NAMED: usize = 4;
/// More steps that are new are not drawn one by one.
const NEW: usize = 3;

/// How much is told, and how.
pub(crate) struct Look {
    /// All steps and all causes.
    pub(crate) verbose: bool,
    /// One step only.
    pub(crate) step: Option<u32>,
    pub(crate) colour: bool,
    pub(crate) now: SystemTime,
}

/// Why the steps of a build ran, to read.
pub(crate) fn text(why: &Why, look: &Look) -> String {
    let mut out = String::new();
    if look.step.is_none() {
        let _ = writeln!(out, "{}\n", headline(why, look.now));
    }
    let shown = |row: &StepRow| look.step.is_none_or(|step| step == row.number);
    let ran = why.steps.iter().filter(|(row, _)| row.state != StepState::Cached && shown(row));
    let is_new = |explanation: &Explanation| explanation.causes.as_slice() == [Cause::First];
    let is_crowd = ran.clone().filter_map(|(_, it)| it.as_ref()).filter(|it| is_new(it)).count() > NEW;
    let (mut followers, mut new): (Vec<&StepRow>, Vec<&StepRow>) = (Vec::new(), Vec::new());
    for (row, explanation) in ran {
        match explanation {
            Some(explanation) if !look.verbose && is_follower(explanation) => followers.push(row),
            Some(explanation) if !look.verbose && is_crowd && is_new(explanation) => new.push(row),
            Some(explanation) => scene(&mut out, why, row, explanation, look),
            None if look.verbose && is_open(row) => {
                let _ =
                    writeln!(out, "note: #{} `{}` has not ended: it is not known why it ran\n", row.number, name(row));
            }
            None if look.verbose => {
                let _ = writeln!(out, "note: #{} `{}` is no step that could be found\n", row.number, name(row));
            }
            None => {}
        }
    }
    if !followers.is_empty() {
        let reads = if followers.len() == 1 { "it reads" } else { "they read" };
        let _ = writeln!(out, "{} ran because {reads} what ran: {}\n", steps(followers.len()), names(&followers));
    }
    if !new.is_empty() {
        let _ = writeln!(out, "{} ran because nothing like them was built before: {}\n", steps(new.len()), names(&new));
    }
    let found: Vec<_> = why
        .steps
        .iter()
        .filter(|(row, _)| row.state == StepState::Cached && shown(row))
        .filter_map(|(row, explanation)| Some((row, explanation.as_ref()?)))
        .collect();
    if look.verbose {
        for (row, explanation) in &found {
            let made = explanation.made_by.map(|build| format!(", made by build {build}")).unwrap_or_default();
            let _ = writeln!(out, "#{} {}  found {}{made}", row.number, name(row), how(explanation.found.as_ref()));
        }
    } else if !found.is_empty() {
        let _ = writeln!(out, "{}", totals(&found));
    }
    format!("{}\n", out.trim_end())
}

/// The same for programs.
pub(crate) fn json(why: &Why, step: Option<u32>) -> Value {
    let steps = why.steps.iter().filter(|(row, _)| step.is_none_or(|step| step == row.number));
    let steps = steps.map(|(row, explanation)| {
        let words = explanation.iter().flat_map(|it| &it.causes).map(ToString::to_string);
        json!({
            "number": row.number,
            "name": row.name,
            "vertex": row.vertex,
            "state": row.state.word(),
            "micros": row.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            "error": row.error,
            "explanation": explanation,
            "words": words.collect::<Vec<_>>(),
        })
    });
    json!({ "build": history::as_json(&why.build), "steps": steps.collect::<Vec<_>>() })
}

fn headline(why: &Why, now: SystemTime) -> String {
    let ran = why.steps.iter().filter(|(row, _)| row.state != StepState::Cached).count();
    let total = why.steps.len();
    let what = match (ran, total) {
        // Of these only the steps are noted that have begun.
        _ if matches!(why.build.outcome, Outcome::Running | Outcome::Died) => format!("{} began to run", steps(total)),
        (0, _) => "nothing ran, all was found".to_owned(),
        (ran, total) if ran == total => format!("all of its {} ran", steps(total)),
        (ran, total) => format!("{ran} of {} ran", steps(total)),
    };
    let (title, when) = (printable(&why.build.begun.title), ago(why.build.begun.started_at, now));
    format!("build {}, `hlbc {title}`, {when}: {what}", why.build.id)
}

/// Whether nothing is known of how a step ended.
fn is_open(row: &StepRow) -> bool {
    matches!(row.state, StepState::Running | StepState::Died)
}

/// Whether a step ran only because another did.
fn is_follower(explanation: &Explanation) -> bool {
    !explanation.causes.is_empty() && explanation.causes.iter().all(|cause| matches!(cause, Cause::Input { .. }))
}

fn scene(out: &mut String, why: &Why, row: &StepRow, explanation: &Explanation, look: &Look) {
    let did = match row.state {
        StepState::Failed => "ran and failed",
        StepState::Cancelled => "ran and was cancelled",
        StepState::Died => "ran when hlbc was killed",
        _ => "ran",
    };
    let mut causes = explanation.causes.iter();
    let first = causes.next().map(|cause| words(cause, look.now));
    let first = first.unwrap_or_else(|| "nothing that is known says why".to_owned());
    let mut scene = Scene::note_of(format!("#{} `{}` {did}: {first}", row.number, name(row)));
    for source in &why.sources {
        if point_at_op(&mut scene, Some(source), &row.vertex) {
            break;
        }
    }
    if look.verbose {
        causes.for_each(|cause| scene.note(format!("also: {}", words(cause, look.now))));
        if let Some((root, cause)) = root(why, explanation, &row.vertex) {
            scene.note(format!("it began with #{} `{}`: {cause}", root.number, name(root)));
        }
        if let Some(build) = explanation.compared {
            scene.note(format!("compared with a step of build {build}"));
        }
    }
    out.push_str(&scene.render(look.colour));
    out.push_str("\n\n");
}

/// The step in which it began, and why that ran.
fn root<'w>(why: &'w Why, explanation: &Explanation, own: &str) -> Option<(&'w StepRow, &'w Cause)> {
    let root = explanation.root.as_deref().filter(|root| *root != own)?;
    let (row, explanation) = why.steps.iter().find(|(row, _)| row.vertex == root)?;
    Some((row, explanation.as_ref()?.causes.first()?))
}

fn words(cause: &Cause, now: SystemTime) -> String {
    match cause {
        Cause::Gone { how: Gone::Pruned | Gone::Damaged | Gone::Unsynced, at: Some(at) } => {
            format!("{cause} {}", ago(*at, now))
        }
        cause => cause.to_string(),
    }
}

fn totals(found: &[(&StepRow, &Explanation)]) -> String {
    let count = |wanted: fn(&Match) -> bool| {
        found.iter().filter(|(_, explanation)| explanation.found.as_ref().is_some_and(wanted)).count()
    };
    let counts = [
        (count(|how| matches!(how, Match::Definition)), "by definition"),
        (count(|how| matches!(how, Match::Content { .. })), "by content"),
        (count(|how| matches!(how, Match::ImageLayers)), "by layers"),
        (count(|how| matches!(how, Match::Unchanged)), "unchanged"),
    ];
    let parts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}")).collect();
    let verb = if found.len() == 1 { "was" } else { "were" };
    format!("{} {verb} found: {} (`hlbc why -v` lists them)", steps(found.len()), parts.join(", "))
}

fn how(found: Option<&Match>) -> String {
    match found {
        Some(Match::Definition) => "by its definition".to_owned(),
        Some(Match::Content { inputs }) if inputs.len() > 1 => "by the content of what it reads".to_owned(),
        Some(Match::Content { .. }) => "by the content that it reads".to_owned(),
        Some(Match::ImageLayers) => "by its layers".to_owned(),
        Some(Match::Unchanged) => "unchanged".to_owned(),
        _ => "in the cache".to_owned(),
    }
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}

/// Some steps in a sentence.
fn names(rows: &[&StepRow]) -> String {
    let named: Vec<String> = rows.iter().take(NAMED).map(|row| format!("`{}`", name(row))).collect();
    match rows.len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The name of a step in one line of a length that fits.
fn name(row: &StepRow) -> String {
    let name = printable(&row.name.split_whitespace().collect::<Vec<_>>().join(" "));
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name,
    }
}

/// How long ago something was.
fn ago(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_told_in_the_largest_unit() {
        let check = |seconds: u64, expected: &str| {
            assert_eq!(ago(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        };
        check(0, "just now");
        check(60, "1 minute ago");
        check(7_199, "1 hour ago");
        check(200_000, "2 days ago");
    }
}
