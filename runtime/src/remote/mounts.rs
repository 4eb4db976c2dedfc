//! Directories of cache mounts, kept elsewhere.
//!
//! Owns the artifact that holds them, that nobody writes into one while it is read or replaced, and that one appears whole or not at
//! all. What of a directory is in its archive is known to `pack`.

mod pack;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_registry::{Images, Manifest, Reference};
use hlb_store::{Item, Lease, Store};
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::{CachePlace, CacheSource, layout};
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::pull::{Into, Progress, download_single};
use crate::snapshot::apply::apply_layer;
use crate::snapshot::limit::LayerLimits;
use crate::state::State;

const ARTIFACT: &str = "application/vnd.hlbc.cache-mounts.v1";
const LAYER: &str = "application/vnd.hlbc.cache-mount.layer.v1.tar+zstd";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const MANIFEST: &str = super::manifest::MANIFEST;
const ID: &str = "hlbc.cache-mount.id";
const KEY: &str = "hlbc.cache-mount.key";

/// How long a step may go on using a directory that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A cache mount, here or kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheMount {
    /// What steps call it.
    pub id: String,
    /// What tells it from others of that id: it says what was in it at first, too.
    pub key: String,
}

/// Cache mounts that were brought somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedMounts {
    /// The digest of what holds them.
    pub digest: Digest,
    /// Each, and the bytes of its archive.
    pub mounts: Vec<(CacheMount, u64)>,
    /// Files that no archive can hold.
    pub left_out: Vec<PathBuf>,
    /// What could not be read before something could.
    pub passed_over: Vec<String>,
}

/// A cache mount in an artifact.
struct Kept {
    mount: CacheMount,
    digest: Digest,
    size: u64,
}

/// A cache mount that cannot be kept or brought back.
#[derive(Debug, thiserror::Error)]
enum MountError {
    #[error("there is no cache mount `{wanted}`, there is {}", list(.known))]
    Unknown { wanted: String, known: Vec<String> },
    #[error("there are no cache mounts")]
    None,
    #[error("the cache mount `{0}` is in use")]
    InUse(String),
    #[error("`{0}` holds no cache mounts")]
    NoMounts(String),
    #[error("the cache mount `{id}` in `{place}` has a name that it cannot have here")]
    Name { id: String, place: String },
    #[error("none of the places can be read: {}", .0.join("; "))]
    Places(Vec<String>),
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SolveError {
    move |source| SolveError::new(ErrorKind::Environment, MountError::Io { action, path: path.to_owned(), source })
}

impl State {
    /// The cache mounts of the state directory, by id. Of those that steps have each for themselves only the first is told.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: they cannot be read.
    pub fn cache_mounts(&self) -> Result<Vec<CacheMount>, SolveError> {
        let folder = self.store.cache_mounts_dir();
        let mut found = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            other => other.map_err(failed("read", &folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let (Some(key), Ok(id)) = (name.strip_suffix(".0"), fs::read_to_string(entry.path().join("id")))
                && entry.path().join("fs").is_dir()
            {
                found.push(CacheMount { id, key: key.to_owned() });
            }
        }
        found.sort();
        Ok(found)
    }

    /// Keeps cache mounts elsewhere: those of these ids, or all.
    ///
    /// # Errors
    /// `ErrorKind::Step`: there is no such mount, it stays in use, or the place does not take it.
    pub async fn save_cache_mounts(
        &self,
        images: &Images,
        ids: &[String],
        to: &CachePlace,
    ) -> Result<MovedMounts, SolveError> {
        let known = self.cache_mounts()?;
        let wanted: Vec<CacheMount> =
            known.iter().filter(|mount| ids.is_empty() || ids.contains(&mount.id)).cloned().collect();
        if known.is_empty() {
            return Err(step(MountError::None));
        }
        if let Some(wanted) = ids.iter().find(|id| known.iter().all(|mount| mount.id != **id)) {
            let mut known: Vec<String> = known.into_iter().map(|mount| mount.id).collect();
            known.dedup();
            return Err(step(MountError::Unknown { wanted: wanted.clone(), known }));
        }
        let (mut kept, mut left_out, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for mount in wanted {
            let store = self.store.clone();
            let (one, lease, without) = blocking(move || pack_one(&store, mount)).await?;
            kept.push(one);
            held.push(lease);
            left_out.extend(without);
        }
        let manifest = artifact(&kept);
        let digest = Digest::of(&manifest);
        match to {
            CachePlace::Registry { reference } => push(&self.store, images, reference, &kept, &manifest).await?,
            CachePlace::Local { directory, tag } => {
                let (store, directory, tag) = (self.store.clone(), directory.clone(), tag.clone());
                let blobs: Vec<Digest> = kept.iter().map(|one| one.digest.clone()).collect();
                blocking(move || write(&store, &directory, &tag, &blobs, &manifest).map_err(step)).await?;
            }
        }
        let mounts = kept.into_iter().map(|one| (one.mount, one.size)).collect();
        Ok(MovedMounts { digest, mounts, left_out, passed_over: Vec::new() })
    }

    /// The cache mounts that a place keeps.
    ///
    /// # Errors
    /// `ErrorKind::Source`: it cannot be read, or holds none.
    pub async fn kept_cache_mounts(
        &self,
        images: &Images,
        from: &CacheSource,
    ) -> Result<Vec<(CacheMount, u64)>, SolveError> {
        let (_, kept) = find(images, from).await.map_err(|reason| SolveError::say(ErrorKind::Source, reason))?;
        Ok(kept.into_iter().map(|one| (one.mount, one.size)).collect())
    }

    /// Brings cache mounts back from the first place that can be read: those of these ids, or all. They replace what is there; with
    /// `if_empty` only if nothing is in that. `limits` are those of layers of images.
    ///
    /// # Errors
    /// `ErrorKind::Source`: no place can be read, or what it has is damaged. `ErrorKind::Step`: a mount stays in use, or there is none
    /// of that id.
    pub async fn restore_cache_mounts(
        &self,
        images: &Images,
        ids: &[String],
        from: &[CacheSource],
        (if_empty, limits): (bool, LayerLimits),
    ) -> Result<MovedMounts, SolveError> {
        let mut passed_over = Vec::new();
        for place in from {
            let (digest, kept) = match find(images, place).await {
                Ok(found) => found,
                Err(reason) => {
                    passed_over.push(reason);
                    continue;
                }
            };
            if let Some(wanted) = ids.iter().find(|id| kept.iter().all(|one| one.mount.id != **id)) {
                let known = kept.into_iter().map(|one| one.mount.id).collect();
                return Err(step(MountError::Unknown { wanted: wanted.clone(), known }));
            }
            let mut mounts = Vec::new();
            for one in kept.into_iter().filter(|one| ids.is_empty() || ids.contains(&one.mount.id)) {
                let is_name = one.mount.key.len() == 64 && one.mount.key.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !is_name {
                    let (id, place) = (one.mount.id, place.name());
                    return Err(SolveError::new(ErrorKind::Source, MountError::Name { id, place }));
                }
                if if_empty && !self.is_empty(&one.mount) {
                    continue;
                }
                let lease = fetch(&self.store, images, place, &one).await?;
                let (store, mount, digest) = (self.store.clone(), one.mount.clone(), one.digest.clone());
                blocking(move || {
                    let _held = lease;
                    unpack(&store, &mount, &digest, limits)
                })
                .await?;
                mounts.push((one.mount, one.size));
            }
            return Ok(MovedMounts { digest, mounts, left_out: Vec::new(), passed_over });
        }
        Err(SolveError::new(ErrorKind::Source, MountError::Places(passed_over)))
    }

    fn is_empty(&self, mount: &CacheMount) -> bool {
        let path = place(&self.store, mount).join("fs");
        fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
    }
}

fn place(store: &Store, mount: &CacheMount) -> PathBuf {
    store.cache_mounts_dir().join(format!("{}.0", mount.key))
}

/// Waits until nobody else has the directory of a mount.
fn lock(dir: &Path, id: &str) -> Result<File, SolveError> {
    let (path, begin) = (dir.join("lock"), Instant::now());
    while begin.elapsed() < PATIENCE {
        fs::create_dir_all(dir).map_err(failed("make", dir))?;
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let Ok(file) = file else {
            // Removed just now.
            std::thread::sleep(PAUSE);
            continue;
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(PAUSE),
            Err(error) => return Err(failed("lock", &path)(error.into())),
            Ok(()) => {
                let same = fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|it| it.ino() == now.ino()));
                if same {
                    return Ok(file);
                }
            }
        }
    }
    Err(step(MountError::InUse(id.to_owned())))
}

/// Makes an archive of a mount.
fn pack_one(store: &Store, mount: CacheMount) -> Result<(Kept, Lease, Vec<PathBuf>), SolveError> {
    let dir = place(store, &mount);
    // Steps that share a mount hold it shared while they write.
    let _held = lock(&dir, &mount.id)?;
    let mut writer = store.blobs().writer().map_err(environment)?;
    let left_out = pack::pack(&dir.join("fs"), &mut writer)?;
    let (digest, size, lease) = writer.finish(None).map_err(environment)?;
    Ok((Kept { mount, digest, size }, lease, left_out))
}

/// Replaces the directory of a mount with what an archive holds.
fn unpack(store: &Store, mount: &CacheMount, digest: &Digest, limits: LayerLimits) -> Result<(), SolveError> {
    let dir = place(store, mount);
    let _held = lock(&dir, &mount.id)?;
    let (done, new) = (dir.join("fs"), dir.join("new"));
    let clear = || if new.exists() { hlb_store::remove_tree(&new).map_err(failed("remove", &new)) } else { Ok(()) };
    clear()?;
    fs::create_dir(&new).map_err(failed("make", &new))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).map_err(failed("make", &new))?;
    let file = store.blobs().open(digest).map_err(environment)?;
    if let Err(error) = apply_layer(file, &new, &[], limits) {
        let _ = hlb_store::remove_tree(&new);
        return Err(SolveError::new(ErrorKind::Source, error));
    }
    fs::write(dir.join("id"), &mount.id).map_err(failed("write", &dir))?;
    // At no moment is there none: who is killed here leaves the one or the other, and beside it what the next one removes.
    let how = if done.exists() { RenameFlags::EXCHANGE } else { RenameFlags::empty() };
    let moved = rustix::fs::renameat_with(CWD, &new, CWD, &done, how);
    moved.map_err(|error| failed("move", &new)(error.into()))?;
    clear()
}

/// The manifest that holds mounts. Equal mounts make equal bytes.
fn artifact(kept: &[Kept]) -> Vec<u8> {
    let empty = Digest::of("{}");
    let layers: Vec<Value> = kept
        .iter()
        .map(|one| {
            json!({
                "mediaType": LAYER, "digest": one.digest.as_str(), "size": one.size,
                "annotations": { ID: one.mount.id, KEY: one.mount.key },
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": ARTIFACT,
        "config": { "mediaType": EMPTY, "digest": empty.as_str(), "size": 2 }, "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// What a place keeps. A failure is in words.
async fn find(images: &Images, from: &CacheSource) -> Result<(Digest, Vec<Kept>), String> {
    let words = |error: &dyn std::error::Error| format!("`{}` cannot be read: {error}", from.name());
    let bytes = match from {
        CacheSource::Registry { reference } => {
            let reference = Reference::parse(reference).map_err(|error| words(&error))?;
            images.raw_manifest(&reference).await.map_err(|error| words(&error))?
        }
        CacheSource::Local { directory, which } => {
            let digest = layout::find(directory, which).map_err(|error| words(&error))?;
            layout::document(directory, &digest).map_err(|error| words(&error))?
        }
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| words(&error))?;
    let layers = manifest.layers.into_iter().filter(|layer| layer.media_type == LAYER);
    let kept: Vec<Kept> = layers
        .filter_map(|layer| {
            let text = |key: &str| layer.annotations.get(key).cloned();
            let mount = CacheMount { id: text(ID)?, key: text(KEY)? };
            Some(Kept { mount, digest: layer.digest.clone(), size: layer.size })
        })
        .collect();
    if kept.is_empty() {
        return Err(MountError::NoMounts(from.name()).to_string());
    }
    Ok((Digest::of(&bytes), kept))
}

/// Brings the archive of a mount into the store.
async fn fetch(store: &Store, images: &Images, from: &CacheSource, one: &Kept) -> Result<Lease, SolveError> {
    if let Some(lease) = store.lease(&[Item::Blob(one.digest.clone())]).map_err(environment)? {
        return Ok(lease);
    }
    let source = |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Source, error);
    match from {
        CacheSource::Registry { reference } => {
            let reference = Reference::parse(reference).map_err(|error| source(error.into()))?;
            let reference = reference.with_digest(&one.digest);
            let (into, silent): (Into<'_>, Progress) = (Into { store, images }, Arc::new(|_, _, _| {}));
            let local = download_single(into, &silent, &reference, &one.digest, Some(one.size)).await?;
            local.held.ok_or_else(|| SolveError::say(ErrorKind::Internal, "a blob that was fetched is not held"))
        }
        CacheSource::Local { directory, .. } => {
            let mut writer = store.blobs().writer().map_err(environment)?;
            let path = layout::blob_path(directory, &one.digest);
            let copied = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut writer));
            copied.map_err(|error| source(MountError::Io { action: "read", path, source: error }.into()))?;
            let finished = writer.finish(Some(&one.digest)).map_err(|error| source(error.into()))?;
            Ok(finished.2)
        }
    }
}

async fn push(
    store: &Store,
    images: &Images,
    reference: &str,
    kept: &[Kept],
    manifest: &[u8],
) -> Result<(), SolveError> {
    let reference = Reference::parse(reference).map_err(step)?;
    let pusher = images.pusher(&reference).map_err(step)?;
    if pusher.has_manifest(&Digest::of(manifest), MANIFEST).await.map_err(step)? {
        return Ok(());
    }
    for one in kept {
        if !pusher.has_blob(&one.digest).await.map_err(step)? {
            pusher.upload_file(&one.digest, &store.blobs().path(&one.digest), one.size).await.map_err(step)?;
        }
    }
    let empty = Digest::of("{}");
    if !pusher.has_blob(&empty).await.map_err(step)? {
        pusher.upload_bytes(&empty, b"{}").await.map_err(step)?;
    }
    pusher.put_manifest(manifest, MANIFEST).await.map_err(step)
}

fn write(
    store: &Store,
    directory: &Path,
    tag: &str,
    blobs: &[Digest],
    manifest: &[u8],
) -> Result<(), layout::LayoutError> {
    layout::make(directory)?;
    for blob in blobs {
        layout::copy_blob(directory, blob, &store.blobs().path(blob))?;
    }
    layout::write_blob(directory, &Digest::of("{}"), b"{}")?;
    let digest = Digest::of(manifest);
    layout::write_blob(directory, &digest, manifest)?;
    let entry = json!({
        "mediaType": MANIFEST, "artifactType": ARTIFACT, "digest": digest.as_str(), "size": manifest.len(),
        "annotations": { "org.opencontainers.image.ref.name": tag },
    });
    layout::name(directory, tag, entry)
}

fn step(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::outside(error)
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}

#[cfg(test)]
mod tests;
