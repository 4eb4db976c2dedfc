//! An image, for one platform or several, in one tar file.
//!
//! Owns which files are in it: an OCI layout, and for Docker the list that `docker load` goes by as well. Equal images give
//! equal bytes. The stream may be a file or a connection.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_registry::Reference;
use hlb_store::Lease;
use serde_json::{Value, json};

use super::destination::Destination;
use super::index::Index;
use super::manifest::Documents;
use super::{ExportError, Stop, unwritable};
use crate::layer_blob::tar::{self, Flag, Header};
use crate::tree::TreeError;

/// Bytes that are copied between two looks at whether anybody still wants them.
const STRIDE: usize = 256 << 10;
const CONTAINERD_NAME: &str = "io.containerd.image.name";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image with all that belongs to it on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) names: Vec<Reference>,
    pub(crate) body: Body,
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

impl Body {
    fn parts(&self) -> &[Part] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Several(_, parts) => parts,
        }
    }
}

/// Writes an archive into a file, which appears when it is complete. Directories above it are made.
pub(crate) fn export(image: &Image, form: Form, destination: &Path, stop: Stop<'_>) -> Result<(), ExportError> {
    let mut out = Destination::open(destination, stop)?;
    write(image, form, &mut out, destination, stop)
        .map_err(|error| if stop() { ExportError::Cancelled } else { error })?;
    out.finish()
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
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), entries(image).to_string().into_bytes()),
    ];
    if form == Form::Docker {
        small.push(("manifest.json".to_owned(), docker_manifest(image).to_string().into_bytes()));
    }
    if let Body::Several(index, _) = &image.body {
        small.push((blob(&index.digest), index.bytes.clone()));
    }
    // Parts may have anything in common.
    let mut written = HashSet::new();
    for Part { documents, .. } in image.body.parts() {
        for (digest, bytes) in
            [(&documents.manifest_digest, &documents.manifest), (&documents.config_digest, &documents.config)]
        {
            if written.insert(digest) {
                small.push((blob(digest), bytes.clone()));
            }
        }
    }
    for (name, bytes) in &small {
        start(out, name, bytes.len() as u64).map_err(&failed)?;
        out.write_all(bytes).map_err(&failed)?;
        tar::pad(out, bytes.len() as u64).map_err(&failed)?;
    }
    for layer in image.body.parts().iter().flat_map(|part| &part.layers) {
        if written.insert(&layer.digest) {
            start(out, &blob(&layer.digest), layer.size).map_err(&failed)?;
            copy(layer, out, &failed, stop)?;
            tar::pad(out, layer.size).map_err(&failed)?;
        }
    }
    tar::finish(out).map_err(&failed)
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
    let entry = || json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size });
    let named = |name: &Reference| {
        let mut entry = entry();
        let annotations = json!({ CONTAINERD_NAME: name.to_string(), REF_NAME: name.tag().unwrap_or_default() });
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("annotations".to_owned(), annotations);
        }
        entry
    };
    let entries = if image.names.is_empty() { vec![entry()] } else { image.names.iter().map(named).collect() };
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
