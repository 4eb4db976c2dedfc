//! Layers as they travel: the archives that images and registries hold.
//!
//! ```text
//!   layer directory + view of the layers below ──► changes ──► tar ──► gzip ──► blob of the store
//!                                                              └─► diff id        └─► digest, size
//! ```
//!
//! In the form of eStargz, an index comes behind the archive, which is therefore another one, with another diff id.
//!
//! Owns what is known of the blob of each layer, so that nothing is packed twice and a layer that was pulled is passed on as
//! it came. A layer's archive depends on what it lies on; so blobs are known by the list of all layers up to theirs.

mod changes;
mod estargz;
mod gzip;
pub(crate) mod tar;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_registry::{Descriptor, Platform, ResolvedImage};
use hlb_store::{BlobError, BlobWriter, Item, LayerId, Lease, LeaseError, MetaError, Store};
use serde_json::{Value, json};

use crate::snapshot::archive::ArchiveError;
use crate::snapshot::compression::decompress;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::sys::file;
use crate::tree::{Entry, Kind, TreeError};
use changes::Change;
use gzip::{PackError, Packed};
use tar::{Flag, Header};

/// Bytes that are copied between two looks at whether anybody still wants them.
const STRIDE: usize = 256 << 10;

/// The archive of one layer.
#[derive(Clone, Debug)]
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
    /// Keeps it in the store; none if it is not there.
    pub(crate) held: Option<Lease>,
}

/// Which archive of a layer is meant: a layer can have one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// Can be used before all of it is there.
    Estargz,
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
    Full(#[source] io::Error),
    #[error("cannot pack a layer into the state directory: {0}")]
    Write(io::Error),
    #[error("the export was cancelled")]
    Cancelled,
    #[error(
        "cannot make an eStargz layer of a layer which has a file `{}`: the format keeps that name for itself",
        estargz::INDEX
    )]
    Reserved,
    #[error("`{}` cannot be in an image: names that begin with `.wh.` mark what a layer deletes; rename it or remove it", .0.display())]
    Mark(PathBuf),
    #[error("cannot make an eStargz layer of a layer: {0}")]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Meta(#[from] MetaError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

/// Tells whether whoever wanted the result still wants it.
pub(crate) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

impl PartialEq for LayerBlob {
    /// Equal blobs are equal whether or not they are at hand.
    fn eq(&self, other: &Self) -> bool {
        let facts = |it: &Self| (it.diff_id.clone(), it.digest.clone(), it.size, it.compression, it.origin.clone());
        facts(self) == facts(other) && self.annotations == other.annotations
    }
}

impl LayerBlob {
    fn is_estargz(&self) -> bool {
        self.compression == Compression::Gzip && self.annotations.contains_key(estargz::INDEX_DIGEST)
    }
}

impl Form {
    /// Where what is known of it is kept.
    fn namespace(self) -> &'static str {
        match self {
            Self::Plain => "layer-blob",
            Self::Estargz => "layer-blob-estargz",
        }
    }
}

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

    /// The media type of an archive, as OCI says it.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
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
        if known(store, up_to, Form::Plain)?
            .is_some_and(|known| store.blobs().contains(&known.digest) || known.digest == descriptor.digest)
        {
            continue;
        }
        let Descriptor { digest, size, annotations, .. } = descriptor.clone();
        let origin = Some(Origin { reference: name.clone(), platform: platform.clone() });
        let diff_id = diff_id.clone();
        let blob = LayerBlob { diff_id, digest, size, compression, annotations, origin, held: None };
        note(store, up_to, Form::Plain, &blob)?;
    }
    Ok(())
}

/// Notes the blobs of layers that came from elsewhere than an image, as far as they are kept: bottom first, each with the digest of
/// its archive.
pub(crate) fn remember_pulled(
    store: &Store,
    layers: &[LayerId],
    blobs: &[(Descriptor, Digest)],
) -> Result<(), MetaError> {
    for (at, (descriptor, diff_id)) in blobs.iter().enumerate() {
        let up_to = layers.get(..=at).unwrap_or_default();
        let Some(compression) = Compression::of(&descriptor.media_type) else { continue };
        if !store.blobs().contains(&descriptor.digest) || known(store, up_to, Form::Plain)?.is_some() {
            continue;
        }
        let Descriptor { digest, size, annotations, .. } = descriptor.clone();
        let (diff_id, origin, held) = (diff_id.clone(), None, None);
        note(store, up_to, Form::Plain, &LayerBlob { diff_id, digest, size, compression, annotations, origin, held })?;
    }
    Ok(())
}

/// What is known of a blob of the topmost of these layers. If it is at hand, it stays there.
pub(crate) fn held(store: &Store, layers: &[LayerId], form: Form) -> Result<Option<LayerBlob>, LayerBlobError> {
    let Some(blob) = known(store, layers, form)? else { return Ok(None) };
    let held = store.lease(&[Item::Blob(blob.digest.clone())])?;
    Ok(Some(LayerBlob { held, ..blob }))
}

/// What is known of a blob of the topmost of these layers.
fn known(store: &Store, layers: &[LayerId], form: Form) -> Result<Option<LayerBlob>, MetaError> {
    let find = |form: Form| -> Result<Option<LayerBlob>, MetaError> {
        let noted = store.facts().get(form.namespace(), &key(layers))?;
        Ok(noted.and_then(|bytes| read(&serde_json::from_slice(&bytes).ok()?)))
    };
    let plain = find(Form::Plain)?;
    match form {
        Form::Plain => Ok(plain),
        // It may have come as one.
        Form::Estargz => match plain.filter(LayerBlob::is_estargz) {
            Some(plain) => Ok(Some(plain)),
            None => find(Form::Estargz),
        },
    }
}

/// Packs the topmost of these layers and notes what came of it.
pub(crate) fn pack(
    store: &Store,
    snapshots: &Snapshots,
    layers: &[LayerId],
    form: Form,
    stop: Stop<'_>,
) -> Result<Option<LayerBlob>, LayerBlobError> {
    let Some((top, below)) = layers.split_last() else { return Ok(None) };
    let _held = snapshots.of(layers)?;
    let upper = store.layers().path(top);
    let view = if below.is_empty() { None } else { Some(snapshots.view(&snapshots.of(below)?)?) };
    let changes = changes::of(&upper, view.as_ref().map(|view| view.path()))?;
    let mut writer = store.blobs().writer()?;
    let packed = match form {
        Form::Plain => gzip::pack(&mut writer, |stream| write(&upper, &changes, stream, stop))
            .map(|packed| (packed, BTreeMap::new()))
            .map_err(cause),
        Form::Estargz => pack_estargz(&upper, &changes, &mut writer, stop),
    };
    done(store, layers, form, packed, writer, stop).map(Some)
}

/// Makes the eStargz form of a layer from another blob of it, which is at hand, and notes what came of it. The archive in it
/// stays as it is, byte for byte.
pub(crate) fn convert(
    store: &Store,
    layers: &[LayerId],
    blob: &LayerBlob,
    stop: Stop<'_>,
) -> Result<LayerBlob, LayerBlobError> {
    let unreadable = |source| LayerBlobError::Archive(ArchiveError::Read { offset: 0, source });
    let mut file = store.blobs().open(&blob.digest)?;
    // What has an index already gets a new one.
    let end = estargz::payload(&mut file).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let archive = decompress(file.take(end)).map_err(unreadable)?;
    let mut writer = store.blobs().writer()?;
    let packed = estargz::pack(archive, &mut writer, stop).map_err(cause);
    done(store, layers, Form::Estargz, packed, writer, stop)
}

/// The archive and the annotations that belong to it.
type Made = (Packed, BTreeMap<String, String>);

/// One thread writes the archive, which is read again as it comes.
fn pack_estargz(
    upper: &Path,
    changes: &[Change],
    out: &mut (dyn Write + Send),
    stop: Stop<'_>,
) -> Result<Made, LayerBlobError> {
    let (reader, writer) = io::pipe().map_err(LayerBlobError::Write)?;
    let (written, packed) = std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut archive = BufWriter::with_capacity(STRIDE, writer);
            write(upper, changes, &mut archive, stop)?;
            archive.flush().map_err(unwritable)
        });
        let packed = estargz::pack(reader, out, stop);
        (writing.join(), packed)
    });
    let written =
        written.unwrap_or_else(|_| Err(LayerBlobError::Write(io::Error::other("a thread that wrote a layer died"))));
    match (written, packed) {
        (Ok(()), packed) => packed.map_err(cause),
        // Whoever reads gave up first.
        (Err(LayerBlobError::Write(error)), Err(why)) if error.kind() == io::ErrorKind::BrokenPipe => Err(cause(why)),
        (Err(_), Err(PackError::Write(error))) => Err(unwritable(error)),
        (Err(error), _) => Err(error),
    }
}

/// Makes a blob of what was packed, and notes it.
fn done(
    store: &Store,
    layers: &[LayerId],
    form: Form,
    packed: Result<Made, LayerBlobError>,
    writer: BlobWriter,
    stop: Stop<'_>,
) -> Result<LayerBlob, LayerBlobError> {
    let (packed, annotations) = packed.map_err(|error| if stop() { LayerBlobError::Cancelled } else { error })?;
    let (digest, size, lease) = writer.finish(None).map_err(|error| match error {
        BlobError::Io { source, .. } => unwritable(source),
        error => error.into(),
    })?;
    let diff_id = packed.digest;
    let (compression, origin, held) = (Compression::Gzip, None, Some(lease));
    let blob = LayerBlob { diff_id, digest, size, compression, annotations, origin, held };
    note(store, layers, form, &blob)?;
    Ok(blob)
}

fn cause(error: PackError<LayerBlobError>) -> LayerBlobError {
    match error {
        PackError::Fill(error) => error,
        PackError::Write(error) => unwritable(error),
    }
}

fn unwritable(error: io::Error) -> LayerBlobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LayerBlobError::Full(error),
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
        if change.path().file_name().is_some_and(|name| name.as_bytes().starts_with(b".wh.")) {
            return Err(LayerBlobError::Mark(change.path().to_owned()));
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

fn note(store: &Store, layers: &[LayerId], form: Form, blob: &LayerBlob) -> Result<(), MetaError> {
    let origin = blob.origin.as_ref().map(|origin| {
        let Platform { os, architecture, variant } = &origin.platform;
        json!({ "reference": origin.reference, "os": os, "architecture": architecture, "variant": variant })
    });
    let value = json!({
        "diff_id": blob.diff_id.as_str(), "digest": blob.digest.as_str(), "size": blob.size,
        "compression": blob.compression.name(), "annotations": blob.annotations, "origin": origin,
    });
    store.facts().put(form.namespace(), &key(layers), value.to_string().as_bytes())
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
        held: None,
    })
}

#[cfg(test)]
mod tests;
