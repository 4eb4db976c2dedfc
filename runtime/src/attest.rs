//! What is said of a result: how it was made, and what is in it.
//!
//! ```text
//!   Trace ──► materials ─┬► provenance ─┐
//!         └──► steps ────┘              ├─► statement ──► manifest (of an index) · file
//!   files ──► scan · generator ──► spdx ┘
//! ```
//!
//! Owns the attestations as in-toto statements and the manifest that brings them into an index, in the form that BuildKit gives
//! them, so that its tools show ours. Which export they go with, and how that gets where it should, is `export`'s.

mod clock;
mod generator;
mod manifest;
mod materials;
mod provenance;
mod purl;
mod scan;
mod spdx;
mod statement;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use hlb_llb::Digest;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::runtime::{Runtime, Solved};
use crate::solver::trace::Trace;
use crate::sys::root::Root;
use materials::Materials;

pub(crate) use manifest::{AttestationManifest, manifest};

/// The attestations that an export gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attestations {
    /// How it was made.
    pub provenance: Option<Provenance>,
    /// What is in it.
    pub sbom: Option<Sbom>,
}

/// A provenance attestation of SLSA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Whether it tells all: parameters, secrets by their ids, the graph, the program.
    pub max: bool,
    /// Its form.
    pub version: SlsaVersion,
    /// Who has built, as an URI; may be empty.
    pub builder_id: String,
    /// Whether the caller promises that another build gives the same bytes.
    pub reproducible: bool,
    /// What a file with it is called; `None` is `provenance.json`.
    pub file_name: Option<String>,
    /// Where the graph came from.
    pub program: ProgramSource,
    /// Seconds since 1970 that stand for every time in it, so that equal builds say the same. `None`: the clock.
    pub epoch: Option<u64>,
}

/// The forms of provenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlsaVersion {
    /// `https://slsa.dev/provenance/v1`
    #[default]
    V1,
    /// `https://slsa.dev/provenance/v0.2`
    V02,
}

/// What made a graph, as the caller knows it. Nothing of it is looked at here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramSource {
    /// What made it; empty: the graph itself was given.
    pub frontend: String,
    /// The repository that the program is in, without passwords; empty if it is in none.
    pub uri: String,
    /// The commit of it that is checked out; may be empty.
    pub commit: String,
    /// The program's file, from the root of the repository if there is one.
    pub path: String,
    /// What was asked for, by name.
    pub args: BTreeMap<String, String>,
    /// What it was given besides. Only a provenance that tells all has them.
    pub parameters: BTreeMap<String, String>,
}

/// A software bill of materials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sbom {
    /// The image of a program that makes it, in place of what is built in.
    pub generator: Option<String>,
    /// As in [`Provenance`]. What a generator writes stays as it is.
    pub epoch: Option<u64>,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// A package URL, or the path of a file.
    pub name: String,
    /// What it is.
    pub digest: Digest,
}

/// An in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What sort of thing it says.
    pub predicate_type: &'static str,
    /// JSON.
    pub bytes: Vec<u8>,
    /// What a file with it is called.
    pub file_name: String,
}

impl Attestations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.provenance.is_none() && self.sbom.is_none()
    }

    /// The same with a time that stands for all times in them.
    #[must_use]
    pub fn at(mut self, epoch: Option<u64>) -> Self {
        self.provenance.iter_mut().for_each(|it| it.epoch = epoch);
        self.sbom.iter_mut().for_each(|it| it.epoch = epoch);
        self
    }
}

impl Runtime {
    /// Makes the statements about a result, the bill of materials first. The solve must have kept its trace.
    ///
    /// # Errors
    /// `ErrorKind::Definition`: the generator has no valid name. `ErrorKind::Source`: its image cannot be had.
    /// `ErrorKind::Step`: it fails, or makes something else. `ErrorKind::Environment`: the result cannot be read.
    /// `ErrorKind::Cancelled`.
    pub async fn attest(
        &self,
        solved: &Solved,
        subjects: &[Subject],
        wanted: &Attestations,
        cancel: &CancellationToken,
    ) -> Result<Vec<Statement>, SolveError> {
        statements(&self.engine, solved, subjects, wanted, cancel).await
    }
}

/// Makes the statements about a result. The solve must have kept its trace.
pub(crate) async fn statements(
    engine: &Arc<Engine>,
    solved: &Solved,
    subjects: &[Subject],
    wanted: &Attestations,
    cancel: &CancellationToken,
) -> Result<Vec<Statement>, SolveError> {
    let trace = solved.trace.as_deref();
    if trace.is_none() && !solved.snapshot.is_scratch() && wanted.provenance.is_some() {
        return Err(SolveError::say(
            ErrorKind::Internal,
            "a defect: nothing was kept of the solve that is to be told of",
        ));
    }
    let mut materials = Materials::of(trace.map_or(&[], |trace| &trace.vertices));
    let mut made = Vec::new();
    match &wanted.sbom {
        None => {}
        Some(Sbom { generator: None, epoch }) => {
            let time = epoch.map(clock::at);
            let created = time.or_else(|| trace.map(|trace| trace.ended)).unwrap_or_else(std::time::SystemTime::now);
            let (engine, snapshot, token) = (Arc::clone(engine), solved.snapshot.clone(), cancel.clone());
            let scanned = blocking(move || {
                let environment =
                    |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
                let view = engine.snapshots.view(&snapshot).map_err(|error| environment(error.into()))?;
                let root = Root::open(view.path()).map_err(|error| environment(error.into()))?;
                let scanned = scan::scan(&root, &|| token.is_cancelled()).map_err(|error| environment(error.into()))?;
                scanned.ok_or_else(SolveError::cancelled)
            });
            made.push(spdx::statement(subjects, scanned.await?, created)?);
        }
        Some(Sbom { generator: Some(image), .. }) => {
            let generated = generator::run(engine, &solved.snapshot, image, cancel).await?;
            materials.add(generated.image);
            for (file_name, document) in generated.documents {
                made.push(statement::statement(spdx::PREDICATE, subjects, &document, file_name)?);
            }
        }
    }
    if let Some(wanted) = &wanted.provenance {
        let empty = Trace::nothing();
        made.push(provenance::statement(subjects, wanted, &materials, trace.unwrap_or(&empty))?);
    }
    Ok(made)
}
