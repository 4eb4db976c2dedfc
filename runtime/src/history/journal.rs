//! The journal of a build: what has begun and ended of it, until it is recorded as a whole.
//!
//! Owns a file of one JSON object a line, and what is made of it when the process that wrote it is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hlb_store::{Ended, Made, MetaError, NewStructure, Outcome, StepRow, StepState, Store};
use serde::{Deserialize, Serialize};

use crate::log_file;

const NAME: &str = "journal";

/// A journal that is being written.
pub(super) struct Journal(File);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Started(Started),
    Ended { number: u32, micros: Option<u64>, error: Option<String> },
}

#[derive(Serialize, Deserialize)]
struct Started {
    number: u32,
    vertex: String,
    name: String,
    inputs: Vec<String>,
    /// Milliseconds since 1970.
    at: u64,
    structure: Option<Kept>,
}

/// A structure as a line has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    map: String,
    kind: String,
    place: String,
    /// In base64.
    op: String,
    parts: String,
}

impl Journal {
    /// Begins one in the folder of a build's logs.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(NAME)).map(Self)
    }

    /// A step has begun.
    pub(super) fn started(
        &mut self,
        row: &StepRow,
        at: SystemTime,
        structure: Option<&NewStructure>,
    ) -> io::Result<()> {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.write(&Line::Started(Started {
            number: row.number,
            vertex: row.vertex.clone(),
            name: row.name.clone(),
            inputs: row.inputs.clone(),
            at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            structure: structure.map(|structure| Kept {
                map: structure.map.clone(),
                kind: structure.kind.clone(),
                place: structure.place.clone(),
                op: STANDARD.encode(&structure.op),
                parts: structure.parts.clone(),
            }),
        }))
    }

    /// It has ended.
    pub(super) fn ended(&mut self, number: u32, took: Option<Duration>, error: Option<&str>) -> io::Result<()> {
        let micros = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.write(&Line::Ended { number, micros, error: error.map(str::to_owned) })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.write_all(&text)
    }
}

/// Removes the journal of a build that has been recorded.
pub(super) fn remove(root: &Path, build: i64) {
    let _ = std::fs::remove_file(path(root, build));
}

/// The steps of a build that has not been recorded, as far as they have begun, and what they are made of. What has not ended
/// has the state that is given.
pub(super) fn read(root: &Path, build: i64, open: StepState) -> Vec<(StepRow, Option<NewStructure>)> {
    let text = std::fs::read(path(root, build)).unwrap_or_default();
    let mut steps: Vec<(StepRow, Option<NewStructure>)> = Vec::new();
    // A line that was cut off by a death says nothing.
    for line in text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()) {
        match line {
            Line::Started(started) => {
                steps.retain(|(row, _)| row.number != started.number);
                steps.push(started.step(open));
            }
            Line::Ended { number, micros, error } => {
                if let Some((row, structure)) = steps.iter_mut().find(|(row, _)| row.number == number) {
                    row.state = if error.is_some() { StepState::Failed } else { StepState::Ran };
                    (row.took, row.error) = (micros.map(Duration::from_micros), error);
                    match row.state {
                        StepState::Failed => {
                            structure.iter_mut().for_each(|it| StepState::Failed.word().clone_into(&mut it.lost))
                        }
                        // What it left is in the cache, by a key that the journal does not have.
                        _ => *structure = None,
                    }
                }
            }
        }
    }
    steps.sort_by_key(|(row, _)| row.number);
    steps
}

/// Records the builds whose process is gone.
pub(super) fn bury(store: &Store) -> Result<(), MetaError> {
    for build in store.history().dead()? {
        let (mut steps, mut structures) = (Vec::new(), Vec::new());
        for (row, structure) in read(store.root(), build, StepState::Died) {
            let made = structure.map(|structure| {
                structures.push(structure);
                Made::New(structures.len() - 1)
            });
            steps.push((row, made));
        }
        let ended = Ended { outcome: Outcome::Died, steps, structures, sources: Vec::new(), durations: Vec::new() };
        store.history().bury(build, &ended)?;
        remove(store.root(), build);
    }
    Ok(())
}

fn path(root: &Path, build: i64) -> PathBuf {
    log_file::folder(root, build).join(NAME)
}

impl Started {
    fn step(self, state: StepState) -> (StepRow, Option<NewStructure>) {
        let Self { number, vertex, name, inputs, at, structure } = self;
        let structure = structure.map(|Kept { map, kind, place, op, parts }| NewStructure {
            key: None,
            vertex: vertex.clone(),
            map,
            kind,
            name: name.clone(),
            place,
            op: STANDARD.decode(op).unwrap_or_default(),
            parts,
            made: true,
            lost: StepState::Died.word().to_owned(),
        });
        let started_at = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(at));
        let row =
            StepRow { number, vertex, name, inputs, state, started_at, took: None, error: None, explanation: None };
        (row, structure)
    }
}
