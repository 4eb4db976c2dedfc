//! What is noted of a build until its end.
//!
//! Owns the numbers and the states of steps, the same that progress shows, and what becomes of the notes at the end. That not
//! everything can be written is no reason for a build to fail: it is said once, and the build goes on.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hlb_llb::status::{Status, Stream, VertexInfo};
use hlb_llb::{Digest, definition, pb};
use hlb_store::{Ended, KeyId, Made, MetaError, NewBuild, NewStructure, Outcome, StepRow, StepState, Store};

use super::journal::{self, Journal};
use crate::log_file::scrub::{Held, Secrets};
use crate::log_file::{self, LogWriter};
use crate::ops::content;
use crate::solver::structure::{Parts, Place, Structure};
use crate::why::{self, Known, Match, Subject};

/// How many builds pass before lists of files are forgotten that no step has.
const TIDY: i64 = 16;

/// A build while it runs.
#[derive(Default)]
pub(super) struct Recording {
    id: Option<i64>,
    /// It has ended: what comes now is too late.
    over: bool,
    /// It cannot be written, which has been told.
    broken: bool,
    vertices: HashMap<Digest, VertexInfo>,
    numbers: HashMap<Digest, usize>,
    steps: Vec<Step>,
    /// Steps that are about to run.
    begun: HashMap<Digest, Structure>,
    sources: Vec<pb::Source>,
    secrets: Secrets,
    logs: HashMap<Digest, Log>,
    journal: Option<Journal>,
}

struct Step {
    vertex: Digest,
    state: State,
    started: Option<SystemTime>,
    took: Option<Duration>,
    error: Option<String>,
    structure: Option<Structure>,
    how: Option<Match>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Something was heard of it.
    Known,
    Running,
    Ended(StepState),
}

/// The log of a step that runs.
#[derive(Default)]
struct Log {
    writer: Option<LogWriter>,
    stdout: Held,
    stderr: Held,
}

impl Recording {
    pub(super) fn id(&self) -> Option<i64> {
        self.id
    }

    /// What is left of it when it has ended.
    pub(super) fn keep_id(&mut self, id: Option<i64>) {
        (self.id, self.over) = (id, true);
    }

    pub(super) fn add_source(&mut self, source: &pb::Source) {
        if !self.sources.contains(source) {
            self.sources.push(source.clone());
        }
    }

    pub(super) fn add_secret(&mut self, path: &Path) {
        self.secrets.add_file(path);
    }

    /// The number of a step, from 1.
    pub(super) fn number_of(&self, vertex: &Digest) -> Option<u32> {
        u32::try_from(self.numbers.get(vertex)? + 1).ok()
    }

    /// Gives a step the next number unless it has one; whether it had none.
    pub(super) fn number(&mut self, vertex: &Digest) -> bool {
        if self.over || self.numbers.contains_key(vertex) {
            return false;
        }
        self.numbers.insert(vertex.clone(), self.steps.len());
        self.steps.push(Step {
            vertex: vertex.clone(),
            state: State::Known,
            started: None,
            took: None,
            error: None,
            structure: None,
            how: None,
        });
        true
    }

    fn step(&mut self, vertex: &Digest) -> Option<&mut Step> {
        self.steps.get_mut(*self.numbers.get(vertex)?)
    }

    /// Notes an event.
    pub(super) fn see(&mut self, store: &Store, begun: &NewBuild, status: &Status) {
        match status {
            Status::Graph(vertices) => {
                let known = vertices.iter().map(|info| (info.digest.clone(), info.clone()));
                self.vertices.extend(known);
            }
            Status::Started { vertex, at } => {
                self.number(vertex);
                let structure = self.begun.remove(vertex);
                let Some(step) = self.step(vertex) else { return };
                // One that is made again, as what it had made was damaged, counts from now on.
                (step.started, step.took) = (Some(*at), None);
                step.state = State::Running;
                // What was found before could not be used.
                step.how = None;
                step.structure = structure.or(step.structure.take());
                self.note_start(store, begun, vertex, *at);
            }
            Status::Cached { vertex, .. } => {
                self.number(vertex);
                // A second target may find what the first has built or found.
                if let Some(step) = self.step(vertex).filter(|step| !matches!(step.state, State::Ended(_))) {
                    step.state = State::Ended(StepState::Cached);
                }
            }
            Status::Completed { vertex, at, error } => {
                let Some(step) = self.step(vertex).filter(|step| !matches!(step.state, State::Ended(_))) else {
                    return;
                };
                step.took = step.started.and_then(|started| at.duration_since(started).ok());
                step.state = State::Ended(if error.is_some() { StepState::Failed } else { StepState::Ran });
                step.error.clone_from(error);
                let took = step.took;
                let number = self.number_of(vertex);
                if let Some((journal, number)) = self.journal.as_mut().zip(number) {
                    let _ = journal.ended(number, took, error.as_deref());
                }
            }
            Status::Log { .. } | Status::Progress { .. } | Status::Warning { .. } => {}
        }
    }

    pub(super) fn begins(&mut self, vertex: &Digest, structure: Structure) {
        self.begun.insert(vertex.clone(), structure);
    }

    pub(super) fn hit(&mut self, vertex: &Digest, how: Match, structure: Structure) {
        self.number(vertex);
        let Some(step) = self.step(vertex) else { return };
        if step.state == State::Known {
            step.state = State::Ended(StepState::Cached);
        }
        if step.structure.as_ref().is_none_or(|known| known.key.is_none()) {
            step.structure = Some(structure);
            // What could be found as soon as the keys of its inputs were known has not been looked into.
            let by_keys = matches!(&how, Match::Content { inputs } if inputs.is_empty());
            step.how.get_or_insert(if by_keys { Match::Definition } else { how });
        }
    }

    pub(super) fn ran(&mut self, vertex: &Digest, structure: Structure, took: Duration) {
        self.number(vertex);
        let Some(step) = self.step(vertex) else { return };
        if matches!(step.state, State::Known | State::Running) {
            step.state = State::Ended(StepState::Ran);
        }
        step.took.get_or_insert(took);
        // Of several outputs the first that is asked for stands for all.
        if step.structure.as_ref().is_none_or(|known| known.key.is_none()) {
            step.structure = Some(structure);
        }
    }

    pub(super) fn failed(&mut self, vertex: &Digest, cancelled: bool, took: Duration) {
        let Some(step) = self.step(vertex) else { return };
        step.took.get_or_insert(took);
        step.state = State::Ended(if cancelled { StepState::Cancelled } else { StepState::Failed });
    }

    /// Takes the secrets out of what a step printed, writes the rest into its log, and gives it.
    pub(super) fn printed(
        &mut self,
        store: &Store,
        begun: &NewBuild,
        vertex: &Digest,
        stream: Stream,
        at: Duration,
        data: Vec<u8>,
    ) -> Vec<u8> {
        if self.over {
            return data;
        }
        let is_new = !self.logs.contains_key(vertex);
        let writer = if is_new { self.open_log(store, begun, vertex) } else { None };
        let log = self.logs.entry(vertex.clone()).or_insert_with(|| Log { writer, ..Log::default() });
        let held = match stream {
            Stream::Stdout => &mut log.stdout,
            Stream::Stderr => &mut log.stderr,
        };
        let told = if self.secrets.is_empty() { data } else { self.secrets.scrub(held, &data) };
        log.write(stream, at, &told);
        told
    }

    /// What was held back of what a step printed, which has ended now.
    pub(super) fn said_all(&mut self, vertex: &Digest, at: Duration) -> Vec<(Stream, Vec<u8>)> {
        let Some(mut log) = self.logs.remove(vertex) else { return Vec::new() };
        let rest =
            [(Stream::Stdout, self.secrets.end(&mut log.stdout)), (Stream::Stderr, self.secrets.end(&mut log.stderr))];
        let rest: Vec<(Stream, Vec<u8>)> = rest.into_iter().filter(|(_, data)| !data.is_empty()).collect();
        rest.iter().for_each(|(stream, data)| log.write(*stream, at, data));
        rest
    }

    fn open_log(&mut self, store: &Store, begun: &NewBuild, vertex: &Digest) -> Option<LogWriter> {
        let (id, number) = (self.begin(store, begun)?, self.number_of(vertex)?);
        let path = log_file::path(store.root(), id, number, vertex.as_str());
        match LogWriter::open(&path) {
            Ok(writer) => Some(writer),
            Err(error) => {
                tracing::warn!("what a step prints cannot be kept in `{}`: {error}", path.display());
                None
            }
        }
    }

    /// Notes that something of the build runs, so that its death is known.
    fn note_start(&mut self, store: &Store, begun: &NewBuild, vertex: &Digest, at: SystemTime) {
        if self.begin(store, begun).is_none() {
            return;
        }
        let row = self.numbers.get(vertex).and_then(|at| Some((*at, self.steps.get(*at)?)));
        let Some((row, step)) = row.map(|(number, step)| (self.row(number, step), step)) else { return };
        let place = place(&self.sources, vertex);
        let structure = step.structure.as_ref().map(|structure| structure.kept(place, true, "died"));
        if let Some(journal) = &mut self.journal {
            let _ = journal.started(&row, at, structure.as_ref());
        }
    }

    /// The number of the build, which gets one if it has none yet.
    fn begin(&mut self, store: &Store, begun: &NewBuild) -> Option<i64> {
        if self.id.is_some() || self.broken || self.over {
            return self.id;
        }
        let made = store.history().begin(begun).map_err(|error| error.to_string()).and_then(|id| {
            let folder = log_file::folder(store.root(), id);
            // Left by a build of this number of which nobody knows any more: the database was lost.
            let _ = std::fs::remove_dir_all(&folder);
            let journal = std::fs::create_dir_all(&folder).and_then(|()| Journal::create(&folder));
            journal.map(|journal| (id, journal)).map_err(|error| format!("`{}`: {error}", folder.display()))
        });
        match made {
            Ok((id, journal)) => (self.id, self.journal) = (Some(id), Some(journal)),
            Err(error) => {
                self.broken = true;
                tracing::warn!("the build is not recorded: {error}");
            }
        }
        self.id
    }

    /// Writes all of it.
    pub(super) fn end(mut self, store: &Store, begun: &NewBuild, outcome: Outcome) -> Result<Option<i64>, MetaError> {
        if self.over || self.steps.is_empty() && self.id.is_none() {
            return Ok(self.id);
        }
        self.logs.clear();
        let ran = self.steps.iter().any(|step| step.state() != StepState::Cached);
        if ran {
            journal::bury(store)?;
        }
        let subjects: Vec<Subject> = self.steps.iter().map(|step| self.subject(step, ran)).collect();
        let explained = why::explain(store, begun, &subjects)?;
        let keys = self.steps.iter().filter(|step| step.state() == StepState::Cached);
        let keys: Vec<&KeyId> = keys.filter_map(|step| step.structure.as_ref()?.key.as_ref()).collect();
        let made_by = store.structures().made_by(&keys)?;
        let (mut steps, mut structures, mut durations) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (step, explanation)) in self.steps.iter().zip(explained).enumerate() {
            let known = step.structure.as_ref().and_then(|it| it.key.as_ref()).and_then(|key| made_by.get(key));
            let mut explanation = explanation;
            if let Some(explanation) = explanation.as_mut().filter(|explanation| explanation.found.is_some()) {
                explanation.made_by = known.map(|(_, build)| *build).filter(|build| *build > 0);
            }
            let made = match known {
                Some((row, _)) => Some(Made::Known(*row)),
                None => self.kept(step).map(|kept| {
                    structures.push(kept);
                    Made::New(structures.len() - 1)
                }),
            };
            durations.extend(step.duration());
            let explanation = explanation.and_then(|explanation| serde_json::to_string(&explanation).ok());
            steps.push((StepRow { explanation, ..self.row(at, step) }, made));
        }
        let ended = Ended { outcome, steps, structures, sources: self.kept_sources(), durations };
        let id = store.history().end(self.id, begun, &ended)?;
        if self.journal.take().is_some() {
            journal::remove(store.root(), id);
        }
        if id % TIDY == 0 {
            let forgotten = lists_of(store).and_then(|used| content::forget_lists(store, &used));
            if let Err(error) = forgotten {
                // What is too much takes some space, and the build is recorded.
                tracing::warn!(%error, "lists of files are not forgotten");
            }
        }
        Ok(Some(id))
    }

    fn row(&self, at: usize, step: &Step) -> StepRow {
        let info = self.vertices.get(&step.vertex);
        let name = step.structure.as_ref().map(|structure| structure.name.clone());
        let name = info.map(|info| info.name.clone()).or(name);
        StepRow {
            number: u32::try_from(at + 1).unwrap_or(u32::MAX),
            vertex: step.vertex.to_string(),
            name: name.unwrap_or_else(|| step.vertex.to_string()),
            inputs: info.map(|info| info.inputs.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            state: step.state(),
            started_at: step.started,
            took: step.took,
            error: step.error.clone(),
            explanation: None,
        }
    }

    fn subject(&self, step: &Step, compared: bool) -> Subject {
        let structure = step.structure.as_ref().filter(|_| compared);
        Subject {
            vertex: step.vertex.to_string(),
            ran: step.state() != StepState::Cached,
            how: step.how.clone(),
            known: structure.map(|structure| Known::now(structure, place(&self.sources, &step.vertex))),
        }
    }

    /// What a step is made of, if later builds are to know it.
    fn kept(&self, step: &Step) -> Option<NewStructure> {
        let structure = step.structure.as_ref()?;
        let lost = match step.state() {
            StepState::Ran => "",
            // What is found without a key, such as a directory, is known by what it is itself.
            StepState::Cached => {
                structure.key.as_ref()?;
                ""
            }
            state => state.word(),
        };
        Some(structure.kept(place(&self.sources, &step.vertex), step.state() != StepState::Cached, lost))
    }

    /// The source maps of the steps that did not find a result: nobody asks where the others were written.
    fn kept_sources(&self) -> Vec<Vec<u8>> {
        let told: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| step.state() != StepState::Cached)
            .map(|step| step.vertex.as_str())
            .collect();
        let mut kept = Vec::new();
        for source in self.sources.iter().filter(|_| !told.is_empty()) {
            let mut source = source.clone();
            source.locations.retain(|vertex, _| told.contains(&vertex.as_str()));
            if !source.locations.is_empty() {
                kept.push(definition::encode_source(&source));
            }
        }
        kept
    }
}

impl Step {
    /// What became of it. What runs at the end of a build has been cancelled.
    fn state(&self) -> StepState {
        match self.state {
            State::Ended(state) => state,
            State::Known | State::Running => StepState::Cancelled,
        }
    }

    /// How long it took, by a name that tells equal work: of a source its definition, of others their part of the key.
    fn duration(&self) -> Option<(String, Duration)> {
        let structure = self.structure.as_ref().filter(|_| self.state() == StepState::Ran)?;
        let name = match &structure.op.op {
            Some(pb::OpKind::Source(_)) => structure.vertex.to_string(),
            Some(pb::OpKind::Exec(_) | pb::OpKind::File(_)) => structure.map.clone(),
            _ => return None,
        };
        Some((name, self.took?))
    }
}

impl Log {
    /// What cannot be written once is not written any more: a log with holes says something else than the step did.
    fn write(&mut self, stream: Stream, at: Duration, data: &[u8]) {
        if let Some(writer) = self.writer.as_mut().filter(|_| !data.is_empty())
            && let Err(error) = writer.write(stream, at, data)
        {
            tracing::warn!("the log of a step ends here: {error}");
            self.writer = None;
        }
    }
}

/// The lists of files that steps of remembered builds have read.
fn lists_of(store: &Store) -> Result<HashSet<String>, MetaError> {
    let parts = store.structures().parts_in_history()?;
    let inputs = parts.iter().filter_map(|parts| Parts::read(parts)).flat_map(|parts| parts.inputs);
    Ok(inputs.filter_map(|input| input.list).collect())
}

fn place(sources: &[pb::Source], vertex: &Digest) -> Place {
    let found = sources.iter().find_map(|source| {
        let locations = source.locations.get(vertex.as_str())?.locations.as_slice();
        let info = |location: &pb::Location| source.infos.get(usize::try_from(location.source_index).ok()?);
        let line = |location: &pb::Location| usize::try_from(location.ranges.first()?.start?.line).ok();
        let first = locations.first()?;
        let (file, text) = (&info(first)?.filename, String::from_utf8_lossy(&info(first)?.data));
        let text = text.lines().nth(line(first)?.checked_sub(1)?)?.trim();
        let lines = locations.iter().filter_map(|it| Some(format!("{}:{}", info(it)?.filename, line(it)?)));
        Some(Place { text: format!("{file}:{text}"), lines: lines.collect::<Vec<_>>().join(" ") })
    });
    found.unwrap_or_default()
}
