//! The graph of a target, and the steps that a call becomes.
//!
//! Owns which target shows a call, and what is kept of graphs; the graph is the compiler's. Nothing is executed and nothing
//! fetched: a target that needs to is refused with words.

mod reach;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::Utf8Path;
use hlb_compiler::{Checked, CompileErrors, Depth, Options, Step, Steps, TargetCall, World};
use hlb_language::diagnostic::Location;

use crate::analysis::Analysis;
use crate::host::Snapshot;
use crate::world::EditorWorld;

/// So many lines of steps are shown of a call.
const MOST_LINES: usize = 20;
/// So many targets are compiled to find the one whose graph has a call.
const MOST_TARGETS: usize = 3;

/// What is known of the graphs of a file; filled by whoever asks first.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    /// The program with the bodies of all files, where the file imports some.
    whole: OnceLock<Checked>,
    /// By target.
    made: Mutex<BTreeMap<String, Arc<Result<Steps, String>>>>,
}

impl Snapshot {
    /// The steps of a target of a file.
    ///
    /// # Errors
    /// Why there is no graph: mistakes in the program, parameters without values, something that would have to be executed.
    pub fn graph(&self, path: &Utf8Path, target: &str) -> Result<Steps, String> {
        let analysis = self.analysis(path).ok_or_else(|| format!("there is no file `{path}`"))?;
        (*analysis.graph(&self.world_of([path]), target)).clone()
    }
}

impl Analysis {
    /// The steps of a target, or why there are none.
    fn graph(&self, world: &EditorWorld, target: &str) -> Arc<Result<Steps, String>> {
        let known = self.graphs.made.lock().unwrap_or_else(PoisonError::into_inner).get(target).cloned();
        if let Some(known) = known {
            return known;
        }
        // Two that ask at once both compile; nobody waits for a program that takes long.
        let made = Arc::new(self.compile(world, target));
        if made.is_err() {
            // It may be for a lack that is mended outside of the text, such as a directory that is not there.
            return made;
        }
        let mut all = self.graphs.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(target.to_owned()).or_insert(made))
    }

    fn compile(&self, world: &EditorWorld, target: &str) -> Result<Steps, String> {
        let world = &world.afresh();
        let options = Options { platform: world.host(), consent: world.consent() };
        let steps = hlb_compiler::steps(world, self.whole(world), &TargetCall::from(target), &options);
        if let Some(asked) = world.asked().env() {
            return Err(format!(
                "`{target}` looks at the environment variable `{asked}`, which an editor does not know"
            ));
        }
        steps.map_err(|CompileErrors(errors)| {
            let first = errors.first().map_or("it cannot be compiled", |error| error.message.as_str());
            format!("`{target}` has no graph: {first}")
        })
    }

    /// The program with all bodies.
    fn whole(&self, world: &EditorWorld) -> &Checked {
        if self.checked.program.modules.len() == 1 {
            return &self.checked;
        }
        let check = || hlb_compiler::check_texts(world, std::slice::from_ref(self.text()), Depth::All);
        self.graphs.whole.get_or_init(check)
    }

    /// What a call becomes: the LLB of the steps that it asks for itself, in the first target that gets to it.
    pub(crate) fn steps_of(&self, world: &EditorWorld, call: Location) -> Option<String> {
        let source = self.checked.sources.get(call.source)?;
        let place = (source.name().to_owned(), source.position(call.span.start as usize));
        let here = |step: &&Step| step.places.first() == Some(&place);
        for target in reach::targets(&self.checked, call).iter().take(MOST_TARGETS) {
            if let Ok(steps) = &*self.graph(world, target) {
                let found: Vec<&str> = steps.steps.iter().filter(here).map(|step| step.text.as_str()).collect();
                if !found.is_empty() {
                    return Some(cut(&found));
                }
            }
        }
        None
    }
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
