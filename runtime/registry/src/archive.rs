//! Images in one file: OCI layouts and `docker save` in a tar archive.
//!
//! Owns where the parts of an image are in the file. What `docker save` has written gets the manifest that it lacks; which image a
//! reference means is for `layout` to find.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use serde::Deserialize;
use serde_json::json;

use crate::image::{Descriptor, ImageConfig, Index, OCI_MANIFEST};
use crate::layout::{CONTAINERD_NAME, MAX_DOCUMENT};

/// An archive of more files is no image.
const MAX_ENTRIES: usize = 100_000;
const MAX_IMAGES: usize = 1_000;

/// An archive whose parts are known.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    files: HashMap<String, Range>,
    /// What is not under its digest in the archive, or not in it at all.
    blobs: HashMap<Digest, Content>,
}

/// A part of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

#[derive(Debug)]
enum Content {
    At(Range),
    /// A manifest that was made here.
    Made(Vec<u8>),
}

/// An image in the `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Archive {
    /// Looks through an archive. Gives it with the index of its images.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Index), String> {
        let mut archive = Self { path: path.to_owned(), files: HashMap::new(), blobs: HashMap::new() };
        archive.files = entries(path)?;
        let index = if archive.files.contains_key("index.json") {
            crate::layout::check_marker(&archive.file("oci-layout")?)?;
            let bytes = archive.file("index.json")?;
            serde_json::from_slice(&bytes).map_err(|error| format!("its `index.json` is no image index: {error}"))?
        } else if archive.files.contains_key("manifest.json") {
            archive.saved()?
        } else {
            let neither = "it is neither an OCI layout nor what `docker save` writes";
            return Err(format!("{neither}: it has neither `index.json` nor `manifest.json`"));
        };
        Ok((archive, index))
    }

    /// A small blob. Not checked.
    pub(crate) fn document(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        match self.blobs.get(digest) {
            Some(Content::Made(bytes)) => Ok(bytes.clone()),
            _ => {
                let missing = || io::Error::new(io::ErrorKind::NotFound, "the archive does not have it");
                self.read(self.blob(digest).ok_or_else(missing)?)
            }
        }
    }

    /// Where a blob is in the archive.
    pub(crate) fn blob(&self, digest: &Digest) -> Option<Range> {
        match self.blobs.get(digest) {
            Some(Content::At(range)) => Some(*range),
            Some(Content::Made(_)) => None,
            None => self.files.get(&format!("blobs/sha256/{}", digest.hex())).copied(),
        }
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, String> {
        let range = self.files.get(name).ok_or_else(|| format!("it has no `{name}`"))?;
        self.read(*range).map_err(|error| format!("its `{name}` cannot be read: {error}"))
    }

    fn read(&self, range: Range) -> io::Result<Vec<u8>> {
        if range.size > MAX_DOCUMENT {
            let size = range.size;
            return Err(io::Error::other(format!("it has {size} bytes, too many for a manifest or configuration")));
        }
        let mut bytes = Vec::new();
        open_range(&self.path, range)?.read_to_end(&mut bytes)?;
        match bytes.len() as u64 == range.size {
            true => Ok(bytes),
            false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off")),
        }
    }

    /// Makes the manifests of what `docker save` has written.
    fn saved(&mut self) -> Result<Index, String> {
        let images: Vec<Saved> = serde_json::from_slice(&self.file("manifest.json")?)
            .map_err(|error| format!("its `manifest.json` is not that of `docker save`: {error}"))?;
        if images.len() > MAX_IMAGES {
            return Err(format!("it has {} images, more than {MAX_IMAGES}", images.len()));
        }
        let mut manifests = Vec::new();
        // Images share layers, and an image may name one often.
        let mut hashes = HashMap::new();
        for image in &images {
            let config_bytes = self.file(&normal(&image.config))?;
            let config: ImageConfig = serde_json::from_slice(&config_bytes)
                .map_err(|error| format!("its `{}` is no configuration: {error}", image.config))?;
            let layers = image.layers.as_deref().unwrap_or_default();
            let contents = &config.rootfs.diff_ids;
            if layers.len() != contents.len() {
                let (layers, contents) = (layers.len(), contents.len());
                return Err(format!(
                    "its `manifest.json` and its `{}` differ in the number of layers: {layers} and {contents}",
                    image.config
                ));
            }
            let mut listed = Vec::new();
            for (name, diff_id) in layers.iter().zip(contents) {
                listed.push(self.layer(name, diff_id, &mut hashes)?);
            }
            let config_digest = Digest::of(&config_bytes);
            let size = config_bytes.len();
            self.blobs.insert(config_digest.clone(), Content::Made(config_bytes));
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": config_digest.as_str(), "size": size,
                },
                "layers": listed,
            });
            let bytes = manifest.to_string().into_bytes();
            let descriptor = Descriptor {
                media_type: OCI_MANIFEST.to_owned(),
                digest: Digest::of(&bytes),
                size: bytes.len() as u64,
                platform: None,
                annotations: BTreeMap::new(),
                rest: BTreeMap::new(),
            };
            self.blobs.insert(descriptor.digest.clone(), Content::Made(bytes));
            match image.repo_tags.as_deref() {
                None | Some([]) => manifests.push(descriptor),
                Some(tags) => manifests.extend(tags.iter().map(|tag| Descriptor {
                    annotations: [(CONTAINERD_NAME.to_owned(), tag.clone())].into(),
                    ..descriptor.clone()
                })),
            }
        }
        Ok(Index { schema_version: 2, media_type: String::new(), manifests, rest: BTreeMap::new() })
    }

    /// The descriptor of a layer. One that is not compressed has the digest of its content, which need not be computed: it is
    /// checked when the layer is read. `hashes` are those that were computed before.
    fn layer(
        &mut self,
        name: &str,
        diff_id: &Digest,
        hashes: &mut HashMap<Range, Digest>,
    ) -> Result<serde_json::Value, String> {
        let name = normal(name);
        let range = *self.files.get(&name).ok_or_else(|| format!("it has no `{name}`, a layer"))?;
        let failed = |error: io::Error| format!("its `{name}` cannot be read: {error}");
        let mut first = Vec::new();
        open_range(&self.path, range).and_then(|file| file.take(4).read_to_end(&mut first)).map_err(failed)?;
        let kind = match first.as_slice() {
            [0x1f, 0x8b, ..] => "+gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "+zstd",
            _ => "",
        };
        let digest = match hashes.get(&range) {
            _ if kind.is_empty() => diff_id.clone(),
            Some(known) => known.clone(),
            None => {
                let digest = hash(&self.path, range).map_err(failed)?;
                hashes.insert(range, digest.clone());
                digest
            }
        };
        let media_type = format!("application/vnd.oci.image.layer.v1.tar{kind}");
        let described = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": range.size });
        self.blobs.insert(digest, Content::At(range));
        Ok(described)
    }
}

/// Opens a part of a file.
pub(crate) fn open_range(path: &Path, range: Range) -> io::Result<io::Take<File>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.offset))?;
    Ok(file.take(range.size))
}

fn hash(path: &Path, range: Range) -> io::Result<Digest> {
    let (mut file, mut hasher, mut piece) = (open_range(path, range)?, Hasher::default(), vec![0; 256 << 10]);
    loop {
        let count = file.read(&mut piece)?;
        match piece.get(..count) {
            None | Some([]) => return Ok(hasher.finish()),
            Some(bytes) => hasher.update(bytes),
        }
    }
}

/// The files of an archive by their names. Of two with one name the last counts, as when it is unpacked.
fn entries(path: &Path) -> Result<HashMap<String, Range>, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut first = [0; 4];
    let count = file.read(&mut first).map_err(unreadable)?;
    let packer = match first.get(..count) {
        Some([0x1f, 0x8b, ..]) => Some("gunzip"),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => Some("unzstd"),
        _ => None,
    };
    if let Some(packer) = packer {
        return Err(format!("it is compressed: unpack it with `{packer}` first"));
    }
    file.rewind().map_err(unreadable)?;
    let mut files = HashMap::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = normal(&String::from_utf8_lossy(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        if files.len() + links.len() >= MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} files"));
        }
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().map(|target| String::from_utf8_lossy(&target).into_owned());
            let target = target.unwrap_or_default();
            // A symbolic link begins where it is, a hard one at the root.
            let folder = name.rsplit_once('/').filter(|_| kind.is_symlink()).map_or("", |(folder, _)| folder);
            let target = normal(&format!("{folder}/{target}"));
            links.push((name, target));
        } else if kind.is_gnu_sparse() {
            return Err(format!("its `{name}` is a sparse file"));
        } else if kind.is_file() {
            files.insert(name, Range { offset: entry.raw_file_position(), size: entry.size() });
        }
    }
    // `docker save` has written a layer that two images share once, and a link to it.
    for (name, target) in links {
        if let Some(range) = files.get(&target).copied() {
            files.entry(name).or_insert(range);
        }
    }
    Ok(files)
}

/// A path without what leads nowhere.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
