//! Bills of materials that a program makes which comes as an image.
//!
//! Owns BuildKit's protocol for such programs: where they find what they are to look through, and where they leave documents. They
//! run as steps do, without secrets, and see the result but cannot change it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::definition::Graph;
use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::ops::{Image, image};
use hlb_llb::pb;
use hlb_registry::{ImageConfig, Platform, Reference};
use rustix::fs::OFlags;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::materials::Dependency;
use super::spdx;
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::exec::{ExecContext, ExecError, exec};
use crate::ops::{blocking, from_exec};
use crate::runtime::Hints;
use crate::snapshot::Snapshot;
use crate::solver::job::Caller;
use crate::solver::solve::{Terms, solve};
use crate::sys::root::Root;

/// Where the program finds the result. The last part names the document that is about it.
const SOURCE: &str = "/run/src/core/sbom";
/// Where it leaves documents.
const DESTINATION: &str = "/run/out/";
/// How the names of documents end.
const ENDING: &str = ".spdx.json";
/// The document about the result.
const CORE: &str = "sbom.spdx.json";
/// The most bytes of a document.
const LARGEST: u64 = 40 << 20;
/// The most documents.
const MOST: usize = 100;
/// Bytes of what the program has printed that are told if it fails.
const TAIL: usize = 2 << 10;

/// What a program has made.
pub(super) struct Generated {
    /// The file of each document, and what it says; that about the result first.
    pub(super) documents: Vec<(String, Value)>,
    /// The program's own image.
    pub(super) image: Dependency,
}

/// A program that makes no bill of materials.
#[derive(Debug, thiserror::Error)]
enum GeneratorError {
    #[error("the SBOM generator `{image}` failed: {source}{said}")]
    Run { image: String, source: Box<ExecError>, said: Said },
    #[error("`{image}` is no SBOM generator: it has no program to start")]
    NoProgram { image: String },
    #[error("the SBOM generator `{image}` has left no `*{ENDING}` in `{DESTINATION}`")]
    NoDocument { image: String },
    #[error("the SBOM generator `{image}` has left more than {MOST} documents")]
    TooMany { image: String },
    #[error("the SBOM generator `{image}` has left `{file}`, which {why}")]
    Document { image: String, file: String, why: String },
}

/// The end of what a program has printed.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; it says: {}", self.0) }
    }
}

/// Lets the program of an image look through a result.
pub(super) async fn run(
    engine: &Arc<Engine>,
    result: &Snapshot,
    name: &str,
    cancel: &CancellationToken,
) -> Result<Generated, SolveError> {
    let reference = Reference::parse(name).map_err(|error| SolveError::new(ErrorKind::Definition, error))?;
    let platform = Platform::host();
    let resolved = engine.images.resolve(&reference, &platform);
    let resolved = resolved.await.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    let root = files(engine, &reference, &platform, cancel).await?;
    let op = op(&resolved.config).ok_or_else(|| {
        SolveError::new(ErrorKind::Definition, GeneratorError::NoProgram { image: reference.to_string() })
    })?;
    let printed = Mutex::new(Vec::new());
    let context = ExecContext {
        snapshots: &engine.snapshots,
        store: &engine.store,
        oci: &engine.oci,
        network: engine.network,
        keep_failed: false,
        wanted: None,
        secrets: &BTreeMap::new(),
        sockets: &BTreeMap::new(),
        resources: None,
        log: &|_, data| {
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            printed.extend_from_slice(data);
            let surplus = printed.len().saturating_sub(TAIL);
            printed.drain(..surplus);
        },
        cancel: cancel.clone(),
    };
    let outputs = exec(&context, &op, None, &[root, result.clone()]).await.map_err(|failed| {
        let said = String::from_utf8_lossy(&printed.lock().unwrap_or_else(PoisonError::into_inner)).trim().to_owned();
        blame(&reference, *failed.error, Said(said))
    })?;
    let written = outputs.into_iter().next().unwrap_or_default();
    let (engine, image) = (Arc::clone(engine), reference.to_string());
    let documents = blocking(move || documents(&engine, &written, &image)).await?;
    Ok(Generated { documents, image: Dependency::image(&reference, &platform, &resolved.root_digest) })
}

/// The files of an image.
async fn files(
    engine: &Arc<Engine>,
    reference: &Reference,
    platform: &Platform,
    cancel: &CancellationToken,
) -> Result<Snapshot, SolveError> {
    let Platform { os, architecture, variant } = platform.clone();
    let platform = pb::Platform { os, architecture, variant, ..pb::Platform::default() };
    let source = image(Image::new(reference.to_string(), platform), Annotations::default());
    let graph = Graph::load(&marshal(Some(&source), Vec::new()));
    let graph = graph.map_err(|error| SolveError::new(ErrorKind::Internal, error))?;
    let caller = Caller {
        locals: BTreeMap::new(),
        layouts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        allow: BTreeSet::new(),
    };
    let terms = Terms { status: Arc::new(|_| {}), build: None, keep_failed: false, hints: Hints::default() };
    solve(engine, &graph, caller, terms, cancel).await.map(|solved| solved.snapshot)
}

/// The step that the program is. Its inputs are its image and the result, its output is the documents.
fn op(config: &ImageConfig) -> Option<pb::ExecOp> {
    let run = &config.config;
    let args: Vec<String> = run.entrypoint.iter().chain(&run.cmd).cloned().collect();
    if args.is_empty() {
        return None;
    }
    let mut env = run.env.clone();
    env.extend([format!("BUILDKIT_SCAN_DESTINATION={DESTINATION}"), format!("BUILDKIT_SCAN_SOURCE={SOURCE}")]);
    let cwd = if run.working_dir.is_empty() { "/".to_owned() } else { run.working_dir.clone() };
    let mount = |input: i64, dest: &str, output: i64| pb::Mount {
        input,
        dest: dest.to_owned(),
        output,
        ..pb::Mount::default()
    };
    let mounts = vec![
        mount(0, "/", -1),
        pb::Mount { mount_type: pb::MountType::Tmpfs.into(), ..mount(-1, "/tmp", -1) },
        pb::Mount { readonly: true, ..mount(1, SOURCE, -1) },
        mount(-1, DESTINATION, 0),
    ];
    let meta = pb::Meta { args, env, cwd, ..pb::Meta::default() };
    Some(pb::ExecOp { meta: Some(meta), mounts, ..pb::ExecOp::default() })
}

/// What a failure is, in the words for a step.
fn blame(image: &Reference, error: ExecError, said: Said) -> SolveError {
    let (code, kind) = (error.exit_code(), error.kind());
    if kind == ErrorKind::Cancelled {
        return from_exec(error);
    }
    let error = GeneratorError::Run { image: image.to_string(), source: Box::new(error), said };
    match code {
        Some(code) => SolveError::exit(code, error),
        None => SolveError::new(kind, error),
    }
}

/// The documents that a program has left.
fn documents(engine: &Engine, written: &Snapshot, image: &str) -> Result<Vec<(String, Value)>, SolveError> {
    let environment = |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
    let wrong = |error: GeneratorError| SolveError::new(ErrorKind::Step, error);
    let image = || image.to_owned();
    let view = engine.snapshots.view(written).map_err(|error| environment(error.into()))?;
    let root = Root::open(view.path()).map_err(|error| environment(error.into()))?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(view.path()).map_err(|error| environment(error.into()))? {
        let name = entry.map_err(|error| environment(error.into()))?.file_name();
        names.extend(name.into_string().ok().filter(|name| name.ends_with(ENDING)));
        if names.len() > MOST {
            return Err(wrong(GeneratorError::TooMany { image: image() }));
        }
    }
    // False comes before true.
    names.sort_by_key(|name| (name != CORE, name.clone()));
    if names.is_empty() {
        return Err(wrong(GeneratorError::NoDocument { image: image() }));
    }
    let mut documents = Vec::new();
    for file in names {
        let read = read(&root, &file).and_then(|bytes| document(&bytes));
        let document =
            read.map_err(|why| wrong(GeneratorError::Document { image: image(), file: file.clone(), why }))?;
        documents.push((file, document));
    }
    Ok(documents)
}

fn read(root: &Root, name: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let found = root.open_file(Path::new(name), OFlags::PATH | OFlags::NOFOLLOW).map_err(unreadable)?;
    let found = File::from(found).metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err("is no regular file".to_owned());
    }
    if found.len() > LARGEST {
        return Err(format!("has {} bytes, and not at most {LARGEST}", found.len()));
    }
    let file = root.open_file(Path::new(name), OFlags::RDONLY | OFlags::NONBLOCK).map_err(unreadable)?;
    let mut bytes = Vec::new();
    File::from(file).take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// What a file says: a statement, as BuildKit's programs write it, or the document alone. The subjects are ours.
fn document(bytes: &[u8]) -> Result<Value, String> {
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
    if let Some(kind) = value.get("predicateType") {
        if kind != spdx::PREDICATE {
            return Err(format!("is a statement of {kind}, and not of \"{}\"", spdx::PREDICATE));
        }
        value = value.get_mut("predicate").map(Value::take).unwrap_or_default();
    }
    if value.get("spdxVersion").is_none_or(|version| !version.is_string()) {
        return Err("is no document of SPDX: it has no `spdxVersion`".to_owned());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_started_as_buildkit_starts_them() {
        let config = serde_json::json!({
            "os": "linux",
            "architecture": "amd64",
            "config": {"Entrypoint": ["/scan"], "Cmd": ["-v"], "Env": ["A=b"], "WorkingDir": "/work"},
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config: ImageConfig = serde_json::from_value(config).unwrap();
        let op = op(&config).unwrap();
        let meta = op.meta.unwrap();
        assert_eq!((meta.args.join(" "), meta.cwd.as_str()), ("/scan -v".to_owned(), "/work"));
        assert_eq!(meta.env, ["A=b", "BUILDKIT_SCAN_DESTINATION=/run/out/", "BUILDKIT_SCAN_SOURCE=/run/src/core/sbom"]);
        assert_eq!(op.mounts.iter().map(|mount| mount.output).collect::<Vec<_>>(), [-1, -1, -1, 0]);
    }

    #[test]
    fn documents_are_statements_or_stand_alone() {
        let check = |text: &str| match document(text.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(why) => why,
        };
        insta::assert_snapshot!(
            [
                r#"{"spdxVersion":"SPDX-2.3"}"#,
                r#"{"predicateType":"https://spdx.dev/Document","subject":[],"predicate":{"spdxVersion":"x"}}"#,
                r#"{"predicateType":"https://slsa.dev/provenance/v1","predicate":{"spdxVersion":"x"}}"#,
                r#"{"predicateType":"https://spdx.dev/Document"}"#,
                r#"{"spdxVersion":1}"#,
                "[]",
                "{} {}",
            ]
            .map(check)
            .join("\n"),
            @r#"
            {"spdxVersion":"SPDX-2.3"}
            {"spdxVersion":"x"}
            is a statement of "https://slsa.dev/provenance/v1", and not of "https://spdx.dev/Document"
            is no document of SPDX: it has no `spdxVersion`
            is no document of SPDX: it has no `spdxVersion`
            is no document of SPDX: it has no `spdxVersion`
            is not JSON: trailing characters at line 1 column 4
            "#
        );
    }
}
