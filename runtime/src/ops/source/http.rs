//! HTTP sources.
//!
//! Owns when a server is asked: a file with a checksum is known without asking, any other is asked for while the key is found, and
//! is not sent again if it did not change.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use hlb_llb::{Digest, pb};
use hlb_store::LayerId;
use serde::{Deserialize, Serialize};

use super::secret::authorization;
use super::shelf::seconds;
use crate::error::{ErrorKind, SolveError};
use crate::ops::http::{Cached, Fetched, HttpError, HttpSource, client, fetch as download};
use crate::snapshot::{Active, Snapshot};
use crate::solver::job::Job;
use crate::solver::key::{self, HttpKey};
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

/// Where earlier downloads are remembered.
const FACTS: &str = "http-1";

/// A file on the web.
pub(super) struct Found {
    source: HttpSource,
    /// The digest of the file, and when it was last modified, as far as the server tells.
    digest: Digest,
    modified: String,
    /// What was downloaded while the key was found, now or earlier and still good.
    unchanged: Option<Snapshot>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    cached: Cached,
    layer: String,
    /// When it came, in seconds since 1970.
    #[serde(default)]
    at: Option<u64>,
}

/// Refuses a URL or attributes that cannot be read.
pub(super) fn check(op: &pb::SourceOp) -> Result<(), SolveError> {
    HttpSource::parse(&op.identifier, &op.attrs).map(drop).map_err(from_http)
}

/// Finds what the URL holds now.
pub(super) async fn find(job: &Arc<Job>, vertex: &Vertex, op: &pb::SourceOp) -> Result<super::Found, SolveError> {
    let mut source = HttpSource::parse(&op.identifier, &op.attrs).map_err(from_http)?;
    if let Some(header) = authorization(&job.caller.secrets, op)? {
        source.authorize(&header).map_err(from_http)?;
    }
    if let Some(checksum) = source.checksum.clone() {
        let keys = vec![key_of(&source, op, &checksum, &source.name(None), "")];
        let found = Found { source, digest: checksum, modified: String::new(), unchanged: None };
        return Ok(super::Found { keys, what: super::What::Http(found) });
    }
    let name = fact_name(op);
    let kept = job.engine.store.facts().get(FACTS, name.as_str()).map_err(environment)?;
    let kept: Option<Kept> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let layer = kept.as_ref().and_then(|kept| LayerId::from_str(&kept.layer).ok());
    // Held while the server is asked: its answer may be that nothing changed.
    let there = match layer {
        Some(layer) if job.engine.store.layers().exists(&layer).map_err(environment)? => {
            job.engine.snapshots.adopt([layer]).map_err(environment)?
        }
        _ => None,
    };
    let previous = kept.as_ref().filter(|_| there.is_some()).map(|kept| &kept.cached);
    if job.engine.images.is_offline() {
        let digest = previous.and_then(|previous| Some((previous, previous.digest.parse::<Digest>().ok()?)));
        let Some((previous, digest)) = digest else {
            return Err(from_http(HttpError::Offline { url: source.shown() }));
        };
        let at = kept.as_ref().and_then(|kept| kept.at).unwrap_or(0);
        job.warn(format!("offline: `{}` is taken as it was on {}", source.shown(), super::day(at)));
        let modified = previous.last_modified.clone().unwrap_or_default();
        let keys = vec![key_of(&source, op, &digest, &previous.filename, &modified)];
        return Ok(super::Found {
            keys,
            what: super::What::Http(Found { source, digest, modified, unchanged: there }),
        });
    }
    let active = job.engine.snapshots.prepare(&Snapshot::default()).map_err(environment)?;
    let fetched = get(job, vertex, &source, previous, &active).await?;
    let last_modified = fetched.last_modified.as_deref().unwrap_or_default();
    let keys = vec![key_of(&source, op, &fetched.digest, &fetched.filename, last_modified)];
    let (digest, modified) = (fetched.digest.clone(), last_modified.to_owned());
    let unchanged = if fetched.reused {
        there
    } else {
        let snapshot = active.commit().map_err(environment)?;
        remember(job, &name, fetched, &snapshot)?;
        Some(snapshot)
    };
    Ok(super::Found { keys, what: super::What::Http(Found { source, digest, modified, unchanged }) })
}

/// What the URL was found to hold.
pub(super) fn part(found: &Found) -> SourcePart {
    SourcePart::Http { digest: found.digest.to_string(), modified: found.modified.clone() }
}

/// What is at hand since the key was found.
pub(super) fn unchanged(found: &Found) -> Option<Snapshot> {
    found.unchanged.clone()
}

/// Downloads a file whose checksum gave the key.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Vertex, found: &Found) -> Result<Snapshot, SolveError> {
    let active = job.engine.snapshots.prepare(&Snapshot::default()).map_err(environment)?;
    get(job, vertex, &found.source, None, &active).await?;
    active.commit().map_err(environment)
}

async fn get(
    job: &Job,
    vertex: &Vertex,
    source: &HttpSource,
    previous: Option<&Cached>,
    active: &Active,
) -> Result<Fetched, SolveError> {
    if job.engine.images.is_offline() {
        return Err(from_http(HttpError::Offline { url: source.shown() }));
    }
    let client = client().map_err(from_http)?;
    let begun = AtomicBool::new(false);
    let progress = |current: u64, total: Option<u64>| {
        if !begun.swap(true, Ordering::Relaxed) && source.checksum.is_none() {
            job.started(&vertex.digest);
        }
        job.progress(&vertex.digest, &source.url, current, total);
    };
    let result = download(&client, source, previous, active.upper(), &progress).await.map_err(from_http);
    if begun.load(Ordering::Relaxed) && source.checksum.is_none() {
        job.completed(&vertex.digest, result.as_ref().err());
    }
    result
}

fn remember(job: &Job, name: &Digest, fetched: Fetched, snapshot: &Snapshot) -> Result<(), SolveError> {
    let Some(layer) = snapshot.layers().first() else { return Ok(()) };
    let cached = Cached {
        etag: fetched.etag,
        last_modified: fetched.last_modified,
        digest: fetched.digest.to_string(),
        filename: fetched.filename,
    };
    let bytes =
        serde_json::to_vec(&Kept { cached, layer: layer.as_str().to_owned(), at: Some(seconds(SystemTime::now())) })
            .map_err(|error| SolveError::new(ErrorKind::Internal, error))?;
    job.engine.store.facts().put(FACTS, name.as_str(), &bytes).map_err(environment)
}

/// Tells sources apart that would write different files for one URL.
fn fact_name(op: &pb::SourceOp) -> Digest {
    Digest::of(format!("{}\0{:?}", op.identifier, op.attrs))
}

fn key_of(source: &HttpSource, op: &pb::SourceOp, checksum: &Digest, filename: &str, last_modified: &str) -> String {
    // The key holds what the op says, so the default mode counts as 0.
    let perm = op.attrs.get("http.perm").map_or(0, |_| i64::from(source.mode));
    let headers: Vec<(&str, &str)> = source
        .headers
        .iter()
        .map(|(name, value)| (if *name == "accept" { "Accept" } else { "User-Agent" }, value.as_str()))
        .collect();
    key::http(&HttpKey {
        filename,
        perm,
        uid: i64::from(source.uid),
        gid: i64::from(source.gid),
        checksum,
        last_modified,
        auth_header_secret: op.attrs.get("http.authheadersecret").map_or("", String::as_str),
        headers: &headers,
    })
}

pub(super) fn from_http(error: HttpError) -> SolveError {
    let kind = match &error {
        HttpError::Url { .. } | HttpError::Attribute { .. } | HttpError::Unsupported { .. } => ErrorKind::Definition,
        HttpError::Write { .. } | HttpError::Client(_) => ErrorKind::Environment,
        _ => ErrorKind::Source,
    };
    SolveError::new(kind, error)
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
