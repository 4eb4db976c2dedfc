//! Layers as they travel: the archives that images and registries hold.
//!
//! ```text
//!   layer directory + view of the layers below ──► changes ──► tar ──► gzip ──► blob of the store
//!                                                              └─► diff id        └─► digest, size
//! ```
//!
//! Owns what is known of the blob of each layer, so that nothing is packed twice and a layer that was pulled is passed on as
//! it came. A layer's archive depends on what it lies on; so blobs are known by the list of all layers up to theirs.

mod changes;
mod gzip;
pub(crate) mod tar;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hlb_llb::Digest;
use hlb_registry::{Descriptor, Platform, ResolvedImage};
use hlb_store::{BlobError, LayerId, MetaError, Store};
use serde_json::{Value, json};

use crate::snapshot::{Snapshot, SnapshotError, Snapshots};
use crate::sys::file;
use crate::tree::{Entry, Kind, TreeError};
use changes::Change;
use gzip::PackError;
use tar::{Flag, Header};

const NAMESPACE: &str = "layer-blob";
/// Bytes that are copied between two looks at whether anybody still wants them.
const STRIDE: usize = 256 << 10;

/// The archive of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerBlob {
    /// Of the archive before it was compressed.
    pub(crate) diff_id: Digest,
    pub(crate) digest: Digest,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) compression: Compression,
    /// What the image that it came with said about it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Where it can be had again; none if it was made here.
    pub(crate) origin: Option<Origin>,
}

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// An image that a layer came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// With its digest.
    pub(crate) reference: String,
    pub(crate) platform: Platform,
}

/// A layer that cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerBlobError {
    #[error("cannot pack a layer: the disk of the state directory is full")]
    Full,
    #[error("cannot pack a layer into the state directory: {0}")]
    Write(io::Error),
    #[error("the export was cancelled")]
    Cancelled,
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Meta(#[from] MetaError),
}

/// Tells whether whoever wanted the result still wants it.
pub(crate) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

impl Compression {
    /// As a media type says it.
    fn of(media_type: &str) -> Option<Self> {
        match media_type.rsplit_once("tar")?.1 {
            "" => Some(Self::None),
            "+gzip" | ".gzip" => Some(Self::Gzip),
            "+zstd" | ".zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Zstd].into_iter().find(|it| it.name() == name)
    }
}

/// Notes the blobs of the layers of an image that was pulled.
pub(crate) fn remember(
    store: &Store,
    layers: &[LayerId],
    image: &ResolvedImage,
    platform: &Platform,
) -> Result<(), MetaError> {
    let name = match image.reference.tag() {
        Some(tag) => format!("{}:{tag}@{}", image.reference.repository(), image.root_digest),
        None => format!("{}@{}", image.reference.repository(), image.root_digest),
    };
    let descriptors = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    for (at, (descriptor, diff_id)) in descriptors.take(layers.len()).enumerate() {
        let up_to = layers.get(..=at).unwrap_or_default();
        let Some(compression) = Compression::of(&descriptor.media_type) else { continue };
        // A blob that is at hand is better than one that would have to be fetched.
        if known(store, up_to)?
            .is_some_and(|known| store.blobs().contains(&known.digest) || known.digest == descriptor.digest)
        {
            continue;
        }
        let Descriptor { digest, size, annotations, .. } = descriptor.clone();
        let origin = Some(Origin { reference: name.clone(), platform: platform.clone() });
        note(store, up_to, &LayerBlob { diff_id: diff_id.clone(), digest, size, compression, annotations, origin })?;
    }
    Ok(())
}

/// What is known of the blob of the topmost of these layers.
pub(crate) fn known(store: &Store, layers: &[LayerId]) -> Result<Option<LayerBlob>, MetaError> {
    let noted = store.facts().get(NAMESPACE, &key(layers))?;
    Ok(noted.and_then(|bytes| read(&serde_json::from_slice(&bytes).ok()?)))
}

/// Packs the topmost of these layers and notes what came of it.
pub(crate) fn pack(
    store: &Store,
    snapshots: &Snapshots,
    layers: &[LayerId],
    stop: Stop<'_>,
) -> Result<Option<LayerBlob>, LayerBlobError> {
    let Some((top, below)) = layers.split_last() else { return Ok(None) };
    let upper = store.layers().path(top);
    if !upper.is_dir() {
        return Err(SnapshotError::LayerMissing { layer: top.clone() }.into());
    }
    let view = if below.is_empty() { None } else { Some(snapshots.view(&Snapshot::new(below))?) };
    let changes = changes::of(&upper, view.as_ref().map(|view| view.path()))?;
    let mut writer = store.blobs().writer()?;
    let packed = gzip::pack(&mut writer, |stream| write(&upper, &changes, stream, stop));
    let packed = packed.map_err(|error| match error {
        _ if stop() => LayerBlobError::Cancelled,
        PackError::Fill(error) => error,
        PackError::Write(error) => unwritable(error),
    })?;
    let (digest, size) = writer.finish(None).map_err(|error| match error {
        BlobError::Io { source, .. } => unwritable(source),
        error => error.into(),
    })?;
    let blob = LayerBlob {
        diff_id: packed.digest,
        digest,
        size,
        compression: Compression::Gzip,
        annotations: BTreeMap::new(),
        origin: None,
    };
    note(store, layers, &blob)?;
    Ok(Some(blob))
}

fn unwritable(error: io::Error) -> LayerBlobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LayerBlobError::Full,
        _ => LayerBlobError::Write(error),
    }
}

/// Writes the archive of a layer. Of extended attributes only `security.capability` is in it, as with BuildKit: the others
/// belong to the machine more often than to the image.
fn write(upper: &Path, changes: &[Change], out: &mut dyn Write, stop: Stop<'_>) -> Result<(), LayerBlobError> {
    for change in changes {
        if stop() {
            return Err(LayerBlobError::Cancelled);
        }
        match change {
            Change::Gone(path) => {
                let mut name = path.parent().unwrap_or(Path::new("")).join(".wh.").into_os_string();
                name.push(path.file_name().unwrap_or_default());
                Header::file(name.as_bytes(), 0).write(out).map_err(unwritable)?;
            }
            Change::Root(entry) => {
                Header { flag: Flag::Directory, ..header(entry, b"./", b"") }.write(out).map_err(unwritable)?;
            }
            Change::Link(entry, first) => {
                let (name, first) = (entry.path.as_os_str().as_bytes(), first.as_os_str().as_bytes());
                let capability = capability(upper, entry)?;
                let header =
                    Header { flag: Flag::Link, capability: capability.as_deref(), ..header(entry, name, first) };
                header.write(out).map_err(unwritable)?;
            }
            Change::Is(entry) => file(upper, entry, out, stop)?,
        }
    }
    tar::finish(out).map_err(unwritable)
}

fn file(upper: &Path, entry: &Entry, out: &mut dyn Write, stop: Stop<'_>) -> Result<(), LayerBlobError> {
    let (flag, size) = match entry.kind {
        Kind::File => (Flag::File, entry.size),
        Kind::Directory => (Flag::Directory, 0),
        Kind::Symlink => (Flag::Symlink, 0),
        Kind::CharDevice => (Flag::Char, 0),
        Kind::BlockDevice => (Flag::Block, 0),
        Kind::Fifo => (Flag::Fifo, 0),
        Kind::Socket => return Ok(()),
    };
    let mut name = entry.path.as_os_str().as_bytes().to_vec();
    if entry.is_directory() {
        name.push(b'/');
    }
    let target = entry.target.as_deref().map_or(&b""[..], |target| target.as_os_str().as_bytes());
    let capability = capability(upper, entry)?;
    let header = Header { flag, size, capability: capability.as_deref(), ..header(entry, &name, target) };
    header.write(out).map_err(unwritable)?;
    if entry.kind == Kind::File && size > 0 {
        let host = upper.join(&entry.path);
        let unreadable = |error: io::Error| TreeError::new(&host, error);
        let mut data = std::fs::File::from(file::open_regular(&host).map_err(unreadable)?);
        let mut buffer = vec![0; STRIDE.min(usize::try_from(size).unwrap_or(STRIDE))];
        let mut left = size;
        while left > 0 {
            if stop() {
                return Err(LayerBlobError::Cancelled);
            }
            let count = match data.read(&mut buffer) {
                Ok(0) => return Err(unreadable(io::ErrorKind::UnexpectedEof.into()).into()),
                Ok(count) => count.min(usize::try_from(left).unwrap_or(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error).into()),
            };
            out.write_all(buffer.get(..count).unwrap_or_default()).map_err(unwritable)?;
            left -= count as u64;
        }
        tar::pad(out, size).map_err(unwritable)?;
    }
    Ok(())
}

fn header<'a>(entry: &Entry, name: &'a [u8], link: &'a [u8]) -> Header<'a> {
    let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
    let device = if is_device { (rustix::fs::major(entry.node), rustix::fs::minor(entry.node)) } else { (0, 0) };
    Header {
        link,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime.seconds,
        device,
        ..Header::file(name, 0)
    }
}

fn capability(upper: &Path, entry: &Entry) -> Result<Option<Vec<u8>>, TreeError> {
    if entry.kind == Kind::File { changes::capability(&upper.join(&entry.path)) } else { Ok(None) }
}

fn key(layers: &[LayerId]) -> String {
    let names: Vec<&str> = layers.iter().map(LayerId::as_str).collect();
    Digest::of(names.join("\n")).to_string()
}

fn note(store: &Store, layers: &[LayerId], blob: &LayerBlob) -> Result<(), MetaError> {
    let origin = blob.origin.as_ref().map(|origin| {
        let Platform { os, architecture, variant } = &origin.platform;
        json!({ "reference": origin.reference, "os": os, "architecture": architecture, "variant": variant })
    });
    let value = json!({
        "diff_id": blob.diff_id.as_str(), "digest": blob.digest.as_str(), "size": blob.size,
        "compression": blob.compression.name(), "annotations": blob.annotations, "origin": origin,
    });
    store.facts().put(NAMESPACE, &key(layers), value.to_string().as_bytes())
}

fn read(value: &Value) -> Option<LayerBlob> {
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(ToOwned::to_owned);
    let origin = match value.get("origin")? {
        Value::Null => None,
        origin => Some(Origin {
            reference: text(origin, "reference")?,
            platform: Platform {
                os: text(origin, "os")?,
                architecture: text(origin, "architecture")?,
                variant: text(origin, "variant")?,
            },
        }),
    };
    Some(LayerBlob {
        diff_id: text(value, "diff_id")?.parse().ok()?,
        digest: text(value, "digest")?.parse().ok()?,
        size: value.get("size")?.as_u64()?,
        compression: Compression::named(&text(value, "compression")?)?,
        annotations: serde_json::from_value(value.get("annotations")?.clone()).ok()?,
        origin,
    })
}

#[cfg(test)]
mod tests;
