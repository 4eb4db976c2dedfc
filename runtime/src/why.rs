//! Why steps ran, and by what they were found.
//!
//! ```text
//!   steps of a build ──► nearest earlier step of each ──► what differs ──► causes, followed to the step where they begin
//! ```
//!
//! Owns the explanations and their order. What is said is compared with what is recorded of earlier builds; where that does not
//! say why, no cause is made up. How explanations look is a caller's.

mod cause;
mod differ;
mod nearest;

use std::collections::{HashMap, HashSet};

use hlb_llb::{definition, pb};
use hlb_store::{BuildRow, KeyId, LastStep, MetaError, NewBuild, Outcome, StepRow, Store};
use serde::{Deserialize, Serialize};

pub use cause::{Cause, FileChanges, Gone, SourcePart, Unfinished};
pub(crate) use differ::Known;

use crate::error::{ErrorKind, SolveError};
use crate::ops::content;
use crate::solver::structure::KeptInput;
use crate::state::State;
use differ::{InputDifference, differ};
use nearest::{Earlier, Near};

/// Builds that are looked through for what was used last.
const RECENT: u32 = 20;
/// Steps through which a difference is followed back.
const DEEPEST: usize = 64;
/// Builds in the same directory whose steps may have become those of this one.
const FORMER: u32 = 3;

/// By what a step was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Match {
    /// By its definition: the content of what it reads did not count.
    Definition,
    /// By the content of some of its inputs.
    Content {
        /// Which.
        inputs: Vec<usize>,
    },
    /// An image under another digest, by its layers.
    ImageLayers,
    /// What it takes in has not changed since it was taken in last.
    Unchanged,
}

/// Why a step ran, or by what it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// By what it was found, if it was.
    pub found: Option<Match>,
    /// The build that made what was found, if that is known.
    pub made_by: Option<i64>,
    /// Why it ran: the first is the cause, the others would have been enough, too. Empty if it was found.
    pub causes: Vec<Cause>,
    /// The definition of the step in which it began, if that is another one.
    pub root: Option<String>,
    /// The build whose step it was compared with, if there was one.
    pub compared: Option<i64>,
}

/// A build and why its steps ran.
#[derive(Clone, Debug)]
pub struct Why {
    /// The build.
    pub build: BuildRow,
    /// Its steps in the order of their numbers. Without an explanation are those of which nothing is known, such as frontends.
    pub steps: Vec<(StepRow, Option<Explanation>)>,
    /// Where the steps that ran were written.
    pub sources: Vec<pb::Source>,
}

/// A step that is to be explained.
pub(crate) struct Subject {
    pub(crate) vertex: String,
    /// Whether it ran.
    pub(crate) ran: bool,
    /// By what it was found.
    pub(crate) how: Option<Match>,
    /// What is known of it, if that is of interest: not where nothing ran.
    pub(crate) known: Option<Known>,
}

impl State {
    /// Why the steps of a build ran, of the newest one that has ended if none is named. `None` if there is no such build.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be read.
    pub fn why(&self, number: Option<i64>) -> Result<Option<Why>, SolveError> {
        let build = match number {
            Some(number) => self.build(number)?,
            // What runs has nothing to tell yet.
            None => self.builds(RECENT)?.into_iter().find(|build| build.outcome != Outcome::Running),
        };
        let Some(build) = build else { return Ok(None) };
        let steps = self.steps(&build)?.into_iter();
        let read = |text: &String| serde_json::from_str(text).ok();
        let steps = steps.map(|step| (step.explanation.as_ref().and_then(read), step)).map(|(why, step)| (step, why));
        let sources = self.store.history().sources(build.id);
        let sources = sources.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        let sources = sources.iter().filter_map(|bytes| definition::decode_source(bytes).ok()).collect();
        Ok(Some(Why { steps: steps.collect(), build, sources }))
    }
}

/// Explains the steps of a build, in the order of their numbers: inputs come before their readers, as they began before them.
pub(crate) fn explain(
    store: &Store,
    begun: &NewBuild,
    subjects: &[Subject],
) -> Result<Vec<Option<Explanation>>, MetaError> {
    let mut explainer = Explainer::new(store, begun, subjects)?;
    for (number, subject) in (1..).zip(subjects) {
        let explanation = match &subject.known {
            _ if !subject.ran => {
                subject.how.clone().map(|how| Explanation { found: Some(how), ..Explanation::default() })
            }
            Some(now) => Some(explainer.ran(now, number, subject.how.is_some())?),
            None => None,
        };
        explainer.done.push(explanation);
    }
    Ok(explainer.done)
}

struct Explainer<'a> {
    store: &'a Store,
    earlier: Earlier<'a>,
    by_vertex: HashMap<&'a str, (usize, &'a Subject)>,
    done: Vec<Option<Explanation>>,
}

impl<'a> Explainer<'a> {
    fn new(store: &'a Store, begun: &NewBuild, subjects: &'a [Subject]) -> Result<Self, MetaError> {
        let found = subjects.iter().filter(|subject| !subject.ran).filter_map(|subject| subject.known.as_ref());
        let used: HashSet<&str> = found.filter_map(|known| known.key.as_ref()).map(KeyId::as_str).collect();
        let by_vertex: HashMap<&str, (usize, &Subject)> =
            subjects.iter().enumerate().map(|(at, subject)| (subject.vertex.as_str(), (at, subject))).collect();
        let vertices: HashSet<&str> = by_vertex.keys().copied().collect();
        let (mut last_uses, mut numbers) = (HashMap::new(), HashMap::new());
        let mut vanished: HashMap<String, Vec<LastStep>> = HashMap::new();
        // Nobody asks if nothing ran.
        if subjects.iter().any(|subject| subject.ran) {
            last_uses = store.history().last_uses(RECENT)?;
            let mut last = store.history().last_steps(&begun.directory, FORMER)?;
            last.sort_by_key(|step| step.build);
            numbers.extend(last.iter().map(|step| (step.structure, step.number)));
            last.retain(|step| !vertices.contains(step.vertex.as_str()));
            last.sort_by_key(|step| step.number);
            last.into_iter().for_each(|step| vanished.entry(step.kind.clone()).or_default().push(step));
        }
        let earlier = Earlier { store, before: begun.started_at, used, vertices, last_uses, numbers, vanished };
        Ok(Self { store, earlier, by_vertex, done: Vec::with_capacity(subjects.len()) })
    }

    /// Why a step ran. `found` says that its result was there all the same.
    fn ran(&self, now: &Known, number: u32, found: bool) -> Result<Explanation, MetaError> {
        if now.parts.ignore_cache {
            return Ok(Explanation { causes: vec![Cause::IgnoreCache], ..Explanation::default() });
        }
        let lacking = now.parts.inputs.iter().filter(|input| input.keys.is_empty() && input.content.is_none());
        let mut causes: Vec<Cause> = lacking.map(|input| Cause::NoContentKey { input: input.name.clone() }).collect();
        if let Some(SourcePart::Local { changes: Some(changes), .. }) = &now.parts.source {
            causes.push(Cause::Files { input: None, changes: Some(changes.clone()) });
            return Ok(Explanation { causes, ..Explanation::default() });
        }
        let near = self.earlier.nearest(now, number)?;
        match &near {
            None if causes.is_empty() => causes.push(Cause::First),
            None => {}
            Some(near) if near.difference.is_none() && found => causes.push(Cause::Looked),
            Some(near) if near.difference.is_none() => causes.extend(self.lost(now, near)?),
            Some(near) => self.differences(near, &mut causes)?,
        }
        let root = match causes.first() {
            Some(Cause::Input { vertex, .. }) => Some(self.root(vertex)),
            _ => None,
        };
        Ok(Explanation { causes, root, compared: near.map(|near| near.row.build), ..Explanation::default() })
    }

    /// Why there is no result of a step of which there was one that was the same.
    fn lost(&self, now: &Known, near: &Near) -> Result<Option<Cause>, MetaError> {
        let build = near.row.build;
        let unfinished = |how| Some(Cause::NotFinished { build, how });
        let gone = |how, at| Some(Cause::Gone { how, at });
        let at = Some(near.row.lost_at);
        Ok(match near.row.structure.lost.as_str() {
            "failed" => unfinished(Unfinished::Failed),
            "cancelled" => unfinished(Unfinished::Cancelled),
            "died" => unfinished(Unfinished::Died),
            "pruned" => gone(Gone::Pruned, at),
            "damaged" => gone(Gone::Damaged, at),
            "unsynced" => gone(Gone::Unsynced, at),
            // That it cannot be kept is said already.
            _ if now.parts.inputs.iter().any(|input| input.keys.is_empty() && input.content.is_none()) => None,
            _ if near.known.parts.ignore_cache => Some(Cause::NotKept { build }),
            _ => match &near.known.key {
                Some(key) if now.key.as_ref() != Some(key) && !self.store.cache().records(key)?.is_empty() => {
                    Some(Cause::OtherOutput)
                }
                _ => gone(Gone::Unknown, None),
            },
        })
    }

    fn differences(&self, near: &Near, causes: &mut Vec<Cause>) -> Result<(), MetaError> {
        let difference = &near.difference;
        for change in &difference.fields {
            let (was, is) = (change.before.clone(), change.after.clone());
            causes.push(Cause::Field { field: change.field.clone(), was, is });
        }
        causes.extend(difference.base.clone().map(|(was, is)| Cause::Base { was, is }));
        for input in &difference.inputs {
            // That it counts by its definition is said already.
            if !input.is.keys.is_empty() || input.is.content.is_some() {
                self.input(input, causes)?;
            }
        }
        if difference.unexplained {
            causes.push(Cause::Definition);
        }
        Ok(())
    }

    fn input(&self, difference: &InputDifference, causes: &mut Vec<Cause>) -> Result<(), MetaError> {
        let InputDifference { was, is, by_content } = difference;
        let subject = self.by_vertex.get(is.vertex.as_str()).map(|(_, subject)| *subject);
        let is_local = subject.and_then(|it| it.known.as_ref()).is_some_and(|known| known.kind == "source.local");
        let ran = subject.is_some_and(|subject| subject.ran);
        if ran && !(is_local && *by_content) {
            causes.push(Cause::Input { input: is.name.clone(), vertex: is.vertex.clone() });
        }
        if *by_content {
            causes.push(Cause::Files { input: Some(is.name.clone()), changes: self.files(was, is)? });
        } else if !ran {
            let because = if was.name == is.name { self.because(was, is)? } else { None };
            causes.push(Cause::InputOther { was: was.name.clone(), is: is.name.clone(), because });
        }
        Ok(())
    }

    fn files(&self, was: &KeptInput, is: &KeptInput) -> Result<Option<FileChanges>, MetaError> {
        match was.list.as_ref().zip(is.list.as_ref()) {
            Some((was, is)) => Ok(content::changes(self.store, was, is)?.filter(|changes| !changes.is_empty())),
            None => Ok(None),
        }
    }

    /// Why an input that was found is another than the one before: where it first differs, and how.
    fn because(&self, was: &KeptInput, is: &KeptInput) -> Result<Option<(String, Box<Cause>)>, MetaError> {
        let (mut was, mut is) = (was.clone(), is.clone());
        for _ in 0..DEEPEST {
            let Some(now) = self.by_vertex.get(is.vertex.as_str()).and_then(|(_, subject)| subject.known.as_ref())
            else {
                return Ok(None);
            };
            let mut then = None;
            for key in &was.keys {
                then = self.store.structures().of(&KeyId::from(key.as_str()))?.as_ref().and_then(Known::then);
                if then.is_some() {
                    break;
                }
            }
            let Some(then) = then.filter(|then| then.kind == now.kind) else { return Ok(None) };
            let difference = differ(now, &then);
            let said = |cause: Cause| Ok(Some((now.name.clone(), Box::new(cause))));
            if let Some(change) = difference.fields.into_iter().next() {
                return said(Cause::Field { field: change.field, was: change.before, is: change.after });
            }
            if let Some((was, is)) = difference.base {
                return said(Cause::Base { was, is });
            }
            let Some(input) = difference.inputs.into_iter().next() else { return Ok(None) };
            if input.by_content {
                return said(Cause::Files { changes: self.files(&input.was, &input.is)?, input: Some(input.is.name) });
            }
            (was, is) = (input.was, input.is);
        }
        Ok(None)
    }

    /// The step in which it began that a step ran.
    fn root(&self, vertex: &str) -> String {
        let explained = self.by_vertex.get(vertex).and_then(|(at, _)| self.done.get(*at)?.as_ref());
        explained.and_then(|explanation| explanation.root.clone()).unwrap_or_else(|| vertex.to_owned())
    }
}
