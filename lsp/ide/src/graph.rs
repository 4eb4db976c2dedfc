//! The graph of a target, and the steps that a call becomes.
//!
//! Owns which target shows a call, and what is kept of graphs; the graph is the compiler's. Nothing is executed and nothing
//! fetched: a target that needs to is refused with words.

mod reach;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use hlb_compiler::{Checked, CompileErrors, Depth, Options, Step, Steps, TargetCall, World};
use hlb_language::diagnostic::Location;

use crate::analysis::Analysis;
use crate::host::Snapshot;
use crate::world::{EditorWorld, Known};

/// So many lines of steps are shown of a call.
const MOST_LINES: usize = 20;
/// So many targets are compiled to find the one whose graph has a call.
const MOST_TARGETS: usize = 3;

/// An editor shows no graph of a program that evaluates more calls than this: nobody would read it, and whoever asks waits.
const MOST_CALLS: usize = 2_000;

/// What is known of the graphs of a file; filled by whoever asks first.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    /// The program with the bodies of all files, where the file imports some.
    whole: Mutex<Option<Known<Checked>>>,
    /// By target.
    made: Mutex<BTreeMap<String, Made>>,
}

/// The steps of a target.
#[derive(Debug)]
struct Made {
    steps: Known<Steps>,
    /// The program that they were made of, if it is not that of the file alone.
    of: Option<Arc<Checked>>,
}

impl Snapshot {
    /// The steps of a target of a file.
    ///
    /// # Errors
    /// Why there is no graph: mistakes in the program, parameters without values, something that would have to be executed.
    pub fn graph(&self, path: &Utf8Path, target: &str) -> Result<Steps, String> {
        let analysis = self.analysis(path).ok_or_else(|| format!("there is no file `{path}`"))?;
        analysis.graph(&self.world_of([path]), target).map(Arc::unwrap_or_clone)
    }
}

impl Analysis {
    /// The steps of a target, or why there are none. Two that ask at once may both make them; nobody waits for the other.
    fn graph(&self, world: &EditorWorld, target: &str) -> Result<Arc<Steps>, String> {
        let of = self.whole(world);
        let same = |made: &&Made| match (&made.of, &of) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let mut made = self.graphs.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(target).filter(same).filter(|made| made.steps.holds(world)) {
            return Ok(Arc::clone(&known.steps.found));
        }
        drop(made);
        // Why there are none is not kept: it may be for a lack that is mended outside of the text, such as a missing directory.
        let steps = compile(of.as_deref().unwrap_or(&self.checked), &world.afresh(), target)?;
        let found = Arc::clone(&steps.found);
        made = self.graphs.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(target.to_owned(), Made { steps, of });
        Ok(found)
    }

    /// The program with all bodies, if the file imports others.
    fn whole(&self, world: &EditorWorld) -> Option<Arc<Checked>> {
        if self.checked.program.modules.len() == 1 {
            return None;
        }
        let known = self.graphs.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.holds(world)) {
            return Some(Arc::clone(&known.found));
        }
        drop(known);
        let world = world.afresh();
        let checked = hlb_compiler::check_texts(&world, std::slice::from_ref(self.text()), Depth::All);
        let known = Known::new(checked, &world);
        let found = Arc::clone(&known.found);
        *self.graphs.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Some(found)
    }

    /// What a call becomes: the LLB of the steps that it asks for itself, in the first target that gets to it.
    pub(crate) fn steps_of(&self, world: &EditorWorld, call: Location) -> Option<String> {
        let source = self.checked.sources.get(call.source)?;
        let place = (source.name().to_owned(), source.position(call.span.start as usize));
        let here = |step: &&Step| step.places.first() == Some(&place);
        for target in reach::targets(&self.checked, call).iter().take(MOST_TARGETS) {
            if let Ok(steps) = self.graph(world, target) {
                let found: Vec<&str> = steps.steps.iter().filter(here).map(|step| step.text.as_str()).collect();
                if !found.is_empty() {
                    return Some(cut(&found));
                }
            }
        }
        None
    }
}

/// The steps of a target, made by a world that was asked nothing yet.
fn compile(checked: &Checked, world: &EditorWorld, target: &str) -> Result<Known<Steps>, String> {
    let options = Options { platform: world.host(), consent: world.consent(), calls: Some(MOST_CALLS) };
    let steps = hlb_compiler::steps(world, checked, &TargetCall::from(target), &options);
    if let Some(asked) = world.asked().env() {
        return Err(format!("`{target}` looks at the environment variable `{asked}`, which an editor does not know"));
    }
    let steps = steps.map_err(|CompileErrors(errors)| {
        let first = errors.first().map_or("it cannot be compiled", |error| error.message.as_str());
        format!("`{target}` has no graph: {first}")
    })?;
    Ok(Known::new(steps, world))
}

/// The first lines of steps.
fn cut(steps: &[&str]) -> String {
    let lines: Vec<&str> = steps.iter().flat_map(|step| step.lines()).collect();
    let shown = if lines.len() > MOST_LINES { MOST_LINES - 1 } else { lines.len() };
    let mut text = lines.iter().take(shown).copied().collect::<Vec<_>>().join("\n");
    if shown < lines.len() {
        text.push_str(&format!("\n… {} more lines", lines.len() - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cut_to_what_can_be_shown() {
        assert_eq!(cut(&["#1 a\n   b\n", "#2 c\n"]), "#1 a\n   b\n#2 c");
        let long = "x\n".repeat(25);
        let shown = cut(&[&long]);
        assert_eq!((shown.lines().count(), shown.lines().last()), (MOST_LINES, Some("… 6 more lines")));
        assert_eq!(cut(&[&"x\n".repeat(20)]).lines().last(), Some("x"));
    }
}
