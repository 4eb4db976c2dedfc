//! An image, for one platform or several, in one tar file or as a directory.
//!
//! Owns which files are in it: an OCI layout, and for Docker the list that `docker load` goes by as well. Equal images give
//! equal bytes. The stream may be a file or a connection. A directory may have other images already, which stay.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_registry::Reference;
use hlb_store::Lease;
use rustix::fs::FlockOperation;
use serde_json::{Value, json};

use super::destination::Destination;
use super::index::Index;
use super::manifest::Documents;
use super::options::Place;
use super::{ExportError, Stop, unwritable};
use crate::layer_blob::tar::{self, Flag, Header};
use crate::tree::TreeError;

/// Bytes that are copied between two looks at whether anybody still wants them.
const STRIDE: usize = 256 << 10;
const CONTAINERD_NAME: &str = "io.containerd.image.name";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYOUT: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image with all that belongs to it on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) names: Vec<Reference>,
    pub(crate) body: Body,
    /// Of what leads to it.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What its names mean.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    One(Part),
    Several(Index, Vec<Part>),
}

/// An image for one platform.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) documents: Documents,
    /// Bottom first.
    pub(crate) layers: Vec<Layer>,
    /// What is said about it: small blobs that the index leads to.
    pub(crate) said: Vec<(Digest, Vec<u8>)>,
}

/// The blob of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
    /// Keeps the file there.
    pub(crate) _held: Option<Lease>,
}

/// Which readers an archive is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Oci,
    Docker,
}

impl Image {
    /// All of it but layers, with their digests.
    pub(crate) fn documents(&self) -> Vec<(&Digest, &[u8])> {
        blobs(self).0
    }
}

impl Body {
    fn parts(&self) -> &[Part] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Several(_, parts) => parts,
        }
    }
}

/// Writes an archive into a file, which appears when it is complete. Directories above it are made.
pub(crate) fn export(image: &Image, form: Form, place: &Place, stop: Stop<'_>) -> Result<(), ExportError> {
    let mut out = Destination::open(place, stop)?;
    let name = out.name();
    write(image, form, &mut out, name, stop).map_err(|error| if stop() { ExportError::Cancelled } else { error })?;
    out.finish()
}

/// Adds an image to the OCI layout in a directory, which is made if it is missing. Nothing names the image before all of it is
/// there.
pub(crate) fn export_directory(image: &Image, directory: &Path, stop: Stop<'_>) -> Result<(), ExportError> {
    let failed = unwritable(directory);
    if std::fs::metadata(directory).is_ok_and(|there| !there.is_dir()) {
        return Err(ExportError::NotDirectory { path: directory.to_owned() });
    }
    std::fs::create_dir_all(directory.join("blobs/sha256")).map_err(&failed)?;
    let file = |name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), ExportError>| {
        let place = Place::File(directory.join(name));
        let mut out = Destination::open(&place, stop)?;
        fill(&mut out)?;
        out.finish()
    };
    let small = |name: &str, bytes: &[u8]| file(name, &mut |out| out.write_all(bytes).map_err(&failed));
    small(LAYOUT.0, LAYOUT.1)?;
    let (documents, layers) = blobs(image);
    for layer in layers {
        let name = blob(&layer.digest);
        if !is_there(layer, &directory.join(&name), stop) {
            file(&name, &mut |out| copy(layer, out, &failed, stop))
                .map_err(|error| if stop() { ExportError::Cancelled } else { error })?;
        }
    }
    for (digest, bytes) in documents {
        small(&blob(digest), bytes)?;
    }
    // Other processes add to the index too; those that keep caches there take the same lock.
    let lock = directory.join("index.json.lock");
    let held = File::options().create(true).truncate(false).write(true).open(&lock).map_err(unwritable(&lock))?;
    rustix::io::retry_on_intr(|| rustix::fs::flock(&held, FlockOperation::LockExclusive))
        .map_err(|error| unwritable(&lock)(error.into()))?;
    let known = index(&directory.join("index.json"))?;
    small("index.json", added(known, entries(image)).to_string().as_bytes())
}

/// Whether a layer is there already. Its length would not tell: what a crash left may have it too.
fn is_there(layer: &Layer, path: &Path, stop: Stop<'_>) -> bool {
    if !std::fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() == layer.size) {
        return false;
    }
    let Ok(mut file) = File::open(path) else { return false };
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; STRIDE]);
    while !stop() {
        match file.read(&mut buffer) {
            Ok(0) => return hasher.finish() == layer.digest,
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    false
}

/// The index of a layout, if there is one yet. One that cannot be read is not replaced: the images that it names would be lost.
fn index(path: &Path) -> Result<Option<Value>, ExportError> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| TreeError::new(path, error))?,
    };
    let wrong = |reason: String| ExportError::Index { path: path.to_owned(), reason };
    let index: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    match index.get("manifests").is_some_and(Value::is_array) {
        true => Ok(Some(index)),
        false => Err(wrong("it has no list of manifests".to_owned())),
    }
}

/// An index with the entries of another one in place of those that have their names, or lead where they lead without a name.
fn added(known: Option<Value>, mut new: Value) -> Value {
    let entries = |index: &Value| index.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
    let name =
        |entry: &Value| entry.get("annotations").and_then(|it| it.get(CONTAINERD_NAME).or(it.get(REF_NAME))).cloned();
    let ours = entries(&new);
    let is_ours = |entry: &Value| {
        ours.iter().any(|our| match (name(our), name(entry)) {
            (None, None) => our.get("digest") == entry.get("digest"),
            (our, entry) => our == entry,
        })
    };
    let theirs = known.as_ref().map(entries).unwrap_or_default();
    let all: Vec<Value> = theirs.into_iter().filter(|entry| !is_ours(entry)).chain(ours.iter().cloned()).collect();
    if let Some(new) = new.as_object_mut() {
        new.insert("manifests".to_owned(), all.into());
    }
    new
}

/// Writes an archive. `name` is what errors call the stream.
pub(crate) fn write(
    image: &Image,
    form: Form,
    out: &mut dyn Write,
    name: &Path,
    stop: Stop<'_>,
) -> Result<(), ExportError> {
    let failed = unwritable(name);
    for directory in ["blobs/", "blobs/sha256/"] {
        let header = Header { flag: Flag::Directory, mode: 0o755, ..Header::file(directory.as_bytes(), 0) };
        header.write(out).map_err(&failed)?;
    }
    let mut small = vec![
        (LAYOUT.0.to_owned(), LAYOUT.1.to_vec()),
        ("index.json".to_owned(), entries(image).to_string().into_bytes()),
    ];
    if form == Form::Docker {
        small.push(("manifest.json".to_owned(), docker_manifest(image).to_string().into_bytes()));
    }
    let (documents, layers) = blobs(image);
    small.extend(documents.into_iter().map(|(digest, bytes)| (blob(digest), bytes.to_vec())));
    for (name, bytes) in &small {
        start(out, name, bytes.len() as u64).map_err(&failed)?;
        out.write_all(bytes).map_err(&failed)?;
        tar::pad(out, bytes.len() as u64).map_err(&failed)?;
    }
    for layer in layers {
        start(out, &blob(&layer.digest), layer.size).map_err(&failed)?;
        copy(layer, out, &failed, stop)?;
        tar::pad(out, layer.size).map_err(&failed)?;
    }
    tar::finish(out).map_err(&failed)
}

/// All that is named by its digest, each once: parts may have anything in common.
fn blobs(image: &Image) -> (Vec<(&Digest, &[u8])>, Vec<&Layer>) {
    let (mut documents, mut seen) = (Vec::new(), HashSet::new());
    if let Body::Several(index, _) = &image.body {
        documents.push((&index.digest, index.bytes.as_slice()));
    }
    for Part { documents: own, said, .. } in image.body.parts() {
        let own = [(&own.manifest_digest, own.manifest.as_slice()), (&own.config_digest, own.config.as_slice())];
        documents.extend(own.into_iter().chain(said.iter().map(|(digest, bytes)| (digest, bytes.as_slice()))));
    }
    documents.retain(|(digest, _)| seen.insert(*digest));
    let layers = image.body.parts().iter().flat_map(|part| &part.layers);
    (documents, layers.filter(|layer| seen.insert(&layer.digest)).collect())
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn start(out: &mut dyn Write, name: &str, size: u64) -> io::Result<()> {
    Header { mode: 0o644, ..Header::file(name.as_bytes(), size) }.write(out)
}

fn copy(
    layer: &Layer,
    out: &mut dyn Write,
    failed: &dyn Fn(io::Error) -> ExportError,
    stop: Stop<'_>,
) -> Result<(), ExportError> {
    let unreadable = |error: io::Error| ExportError::Tree(TreeError::new(&layer.path, error));
    let mut file = File::open(&layer.path).map_err(unreadable)?;
    let mut buffer = vec![0; STRIDE];
    let mut left = layer.size;
    while left > 0 {
        if stop() {
            return Err(ExportError::Cancelled);
        }
        let count = match file.read(&mut buffer) {
            Ok(0) => return Err(unreadable(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => count.min(usize::try_from(left).unwrap_or(count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        out.write_all(buffer.get(..count).unwrap_or_default()).map_err(failed)?;
        left -= count as u64;
    }
    Ok(())
}

/// An entry for each name, under which containerd and tools for layouts find the image.
fn entries(image: &Image) -> Value {
    let (media_type, digest, size) = match &image.body {
        Body::Several(index, _) => (index.media_type, &index.digest, index.bytes.len()),
        Body::One(Part { documents, .. }) => {
            (documents.media_type, &documents.manifest_digest, documents.manifest.len())
        }
    };
    let entry = |name: Option<&Reference>| {
        let mut entry = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size });
        let mut annotations = image.annotations.clone();
        if let Some(name) = name {
            annotations.insert(CONTAINERD_NAME.to_owned(), name.to_string());
            annotations.insert(REF_NAME.to_owned(), name.tag().unwrap_or_default().to_owned());
        }
        if let Some(entry) = entry.as_object_mut().filter(|_| !annotations.is_empty()) {
            entry.insert("annotations".to_owned(), json!(annotations));
        }
        entry
    };
    let named = image.names.iter().map(|name| entry(Some(name)));
    let entries: Vec<Value> = if image.names.is_empty() { vec![entry(None)] } else { named.collect() };
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries })
}

/// What `docker load` of old engines goes by.
fn docker_manifest(image: &Image) -> Value {
    let names: Vec<String> = image.names.iter().map(Reference::familiar).collect();
    let each = image.body.parts().iter().map(|part| {
        let layers: Vec<String> = part.layers.iter().map(|layer| blob(&layer.digest)).collect();
        json!({ "Config": blob(&part.documents.config_digest), "RepoTags": names, "Layers": layers })
    });
    each.collect()
}
