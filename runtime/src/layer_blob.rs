//! Layers as they travel: the archives that images and registries hold.
//!
//! ```text
//!   layer directory + view of the layers below ──► changes ──► tar ──► blocks ──► blob of the store
//!                                                              └─► diff id          └─► digest, size
//! ```
//!
//! In the form of eStargz, an index comes behind the archive, which is therefore another one, with another diff id.
//!
//! Owns what is known of the blob of each layer, so that nothing is packed twice and a layer that was pulled is passed on as
//! it came. A layer's archive depends on what it lies on; so blobs are known by the list of all layers up to theirs.

mod blocks;
mod changes;
mod estargz;
mod noted;
pub(crate) mod tar;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_registry::Platform;
use hlb_store::{BlobError, BlobWriter, Item, LayerId, Lease, LeaseError, MetaError, Store};

use crate::export::options::Compression;
use crate::snapshot::archive::ArchiveError;
use crate::snapshot::compression::decompress;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::sys::file;
use crate::tree::{Entry, Kind, TreeError};
use blocks::{Codec, PackError, Packed};
use changes::Change;
pub(crate) use noted::remember;
use noted::{Which, find, note};
use tar::{Flag, Header};

/// What BuildKit and most others use of gzip.
const GZIP_LEVEL: u32 = 6;
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Form {
    pub(crate) compression: Compression,
    /// Of the compression; what is usual if none is said.
    pub(crate) level: Option<i32>,
    /// Seconds since 1970 that no file in it is later than.
    pub(crate) epoch: Option<u64>,
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
    #[error("cannot compress a layer anew: {0}")]
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

impl Form {
    /// All of it in words, which tell it from others.
    fn text(self) -> String {
        let Self { compression, level, epoch } = self;
        let level = level.map(|level| format!(" level {level}")).unwrap_or_default();
        let epoch = epoch.map(|epoch| format!(" epoch {epoch}")).unwrap_or_default();
        format!("{}{level}{epoch}", compression.name())
    }

    /// How blocks are compressed in it.
    fn codec(self) -> Codec {
        match self.compression {
            Compression::None => Codec::None,
            Compression::Gzip | Compression::Estargz => Codec::Gzip(self.gzip_level()),
            Compression::Zstd => Codec::Zstd(self.level.unwrap_or_default()),
        }
    }

    fn gzip_level(self) -> u32 {
        self.level.and_then(|level| u32::try_from(level).ok()).map_or(GZIP_LEVEL, |level| level.min(9))
    }
}

/// A blob of a layer that is known, or what it can be made of.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// In the form that is wanted. If it is at hand, it stays there; otherwise it has an origin.
    Blob(LayerBlob),
    /// In another form, which is the only one with the archive that the layer came with.
    Other(LayerBlob),
    /// There is none, or none any more.
    Nothing,
}

/// What is known of a blob of the topmost of these layers. One that came with an image is passed on as it came, unless another
/// form of it is wanted by force; its times stay also then.
pub(crate) fn known(store: &Store, layers: &[LayerId], form: Form, force: bool) -> Result<Known, LayerBlobError> {
    let pulled = find(store, layers, Which::Pulled)?;
    let form = match &pulled {
        Some(pulled) if !force || form.level.is_none() && pulled.compression == form.compression => {
            return Ok(Known::Blob(hold(store, pulled.clone())?));
        }
        Some(_) => Form { epoch: None, ..form },
        None => form,
    };
    if let Some(made) = find(store, layers, Which::Made(form))? {
        let made = hold(store, made)?;
        if made.held.is_some() {
            return Ok(Known::Blob(made));
        }
    }
    Ok(match pulled {
        Some(pulled) => Known::Other(hold(store, pulled)?),
        None => Known::Nothing,
    })
}

fn hold(store: &Store, blob: LayerBlob) -> Result<LayerBlob, LayerBlobError> {
    let held = store.lease(&[Item::Blob(blob.digest.clone())])?;
    Ok(LayerBlob { held, ..blob })
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
    let times = Times { epoch: form.epoch };
    let packed = match form.compression {
        Compression::Estargz => pack_estargz(form.gzip_level(), times, &upper, &changes, &mut writer, stop),
        _ => blocks::pack(form.codec(), &mut writer, |stream| write(times, &upper, &changes, stream, stop))
            .map(|packed| (packed, BTreeMap::new()))
            .map_err(cause),
    };
    done(store, layers, form, packed, writer, stop).map(Some)
}

/// Makes another form of a layer from a blob of it that is at hand, and notes what came of it. The archive in it stays as it is,
/// byte for byte, and so do the times in it.
pub(crate) fn convert(
    store: &Store,
    layers: &[LayerId],
    blob: &LayerBlob,
    form: Form,
    stop: Stop<'_>,
) -> Result<LayerBlob, LayerBlobError> {
    let unreadable = |source| LayerBlobError::Archive(ArchiveError::Read { offset: 0, source });
    let mut file = store.blobs().open(&blob.digest)?;
    let mut writer = store.blobs().writer()?;
    let packed = if form.compression == Compression::Estargz {
        // What has an index already gets a new one.
        let end = estargz::payload(&mut file).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let archive = decompress(file.take(end)).map_err(unreadable)?;
        estargz::pack(archive, form.gzip_level(), &mut writer, stop).map_err(cause)
    } else {
        let archive = decompress(file).map_err(unreadable)?;
        blocks::pack(form.codec(), &mut writer, |stream| pass(archive, stream, stop))
            .map(|packed| (packed, BTreeMap::new()))
            .map_err(cause)
    };
    done(store, layers, Form { epoch: None, ..form }, packed, writer, stop)
}

/// Passes an archive on as it is.
fn pass(mut archive: impl Read, out: &mut impl Write, stop: Stop<'_>) -> Result<(), LayerBlobError> {
    let mut buffer = vec![0; STRIDE];
    loop {
        if stop() {
            return Err(LayerBlobError::Cancelled);
        }
        match archive.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(buffer.get(..count).unwrap_or_default()).map_err(unwritable)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(LayerBlobError::Archive(ArchiveError::Read { offset: 0, source })),
        }
    }
}

/// The times that files get in an archive.
#[derive(Clone, Copy)]
struct Times {
    /// In seconds since 1970; later ones are set to it.
    epoch: Option<u64>,
}

impl Times {
    fn of(self, entry: &Entry) -> i64 {
        let epoch = self.epoch.map_or(i64::MAX, |epoch| i64::try_from(epoch).unwrap_or(i64::MAX));
        entry.mtime.seconds.min(epoch)
    }
}

/// The archive and the annotations that belong to it.
type Made = (Packed, BTreeMap<String, String>);

/// One thread writes the archive, which is read again as it comes.
fn pack_estargz(
    level: u32,
    times: Times,
    upper: &Path,
    changes: &[Change],
    out: &mut (dyn Write + Send),
    stop: Stop<'_>,
) -> Result<Made, LayerBlobError> {
    let (reader, writer) = io::pipe().map_err(LayerBlobError::Write)?;
    let (written, packed) = std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut archive = BufWriter::with_capacity(STRIDE, writer);
            write(times, upper, changes, &mut archive, stop)?;
            archive.flush().map_err(unwritable)
        });
        let packed = estargz::pack(reader, level, out, stop);
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
    let (compression, origin, held) = (form.compression, None, Some(lease));
    let blob = LayerBlob { diff_id, digest, size, compression, annotations, origin, held };
    note(store, layers, Which::Made(form), &blob)?;
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

/// Writes the archive of a layer.
fn write(
    times: Times,
    upper: &Path,
    changes: &[Change],
    out: &mut dyn Write,
    stop: Stop<'_>,
) -> Result<(), LayerBlobError> {
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
                let xattrs = changes::xattrs(upper, entry)?;
                let header = Header { flag: Flag::Directory, ..header(times, entry, b"./", b"", &xattrs) };
                header.write(out).map_err(unwritable)?;
            }
            Change::Link(entry, first) => {
                let (name, first) = (entry.path.as_os_str().as_bytes(), first.as_os_str().as_bytes());
                let xattrs = changes::xattrs(upper, entry)?;
                let header = Header { flag: Flag::Link, ..header(times, entry, name, first, &xattrs) };
                header.write(out).map_err(unwritable)?;
            }
            Change::Is(entry) => file(times, upper, entry, out, stop)?,
        }
    }
    tar::finish(out).map_err(unwritable)
}

fn file(times: Times, upper: &Path, entry: &Entry, out: &mut dyn Write, stop: Stop<'_>) -> Result<(), LayerBlobError> {
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
    let xattrs = changes::xattrs(upper, entry)?;
    let header = Header { flag, size, ..header(times, entry, &name, target, &xattrs) };
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

fn header<'a>(
    times: Times,
    entry: &Entry,
    name: &'a [u8],
    link: &'a [u8],
    xattrs: &'a [(CString, Vec<u8>)],
) -> Header<'a> {
    let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
    let device = if is_device { (rustix::fs::major(entry.node), rustix::fs::minor(entry.node)) } else { (0, 0) };
    Header {
        link,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: times.of(entry),
        device,
        xattrs,
        ..Header::file(name, 0)
    }
}

#[cfg(test)]
mod tests;
