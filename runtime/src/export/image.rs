//! A result as an image, or results as one for several platforms: in a file, in a Docker engine or in a registry.
//!
//! Owns what is made of a snapshot for which place. How each place takes it is known to `archive`, `engine` and `push`, where
//! its layers are to `layers`, what is said about it to `attest`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::{InvalidReference, Platform, PushError, Reference};
use hlb_store::BlobError;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::archive::{self, Body, Form as ArchiveForm, Image, Part};
use super::engine::{Engine as DockerEngine, EngineError};
use super::index::{self, Entry, Index};
use super::layers::{at_hand, blobs};
use super::manifest::{self, ConfigError, Documents, Style, rfc3339};
use super::options::{ImageOptions, of_pairs, of_platform};
use super::{ExportError, Stop, push};
use crate::attest::{self, AttestationManifest, Statement, Subject};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::layer_blob::{Form, LayerBlob, LayerBlobError};
use crate::runtime::{Exported, ImageExport, ImageTarget, ImageVariant, IndexExport, Solved};

/// Media type of the manifest that brings statements, and its annotations in the index.
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
const CREATED: &str = "org.opencontainers.image.created";

/// Blobs of one image that travel at a time.
pub(super) const TRANSFERS: usize = 4;

/// An image that does not get where it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("an image for a registry needs a name")]
    NoName,
    #[error("an image cannot be given the name `{0}`, which has a digest: write a tag in its place")]
    DigestName(Box<Reference>),
    #[error("{0}")]
    Name(#[from] InvalidReference),
    #[error("an image for several platforms needs at least one of them")]
    NoPlatform,
    #[error("an image for several platforms has two for {0}")]
    SamePlatform(Platform),
    #[error("{place} takes an image for one platform, and not an index of several: write an OCI archive, or push it")]
    NoIndex { place: &'static str },
    #[error("{place} holds no attestations: write an OCI archive, or push it")]
    NoAttestations { place: &'static str },
    #[error("there is no index to annotate: the image is for one platform, and nothing is said about it")]
    NoIndexToAnnotate,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("what is said about the image is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Said(SolveError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Layer(#[from] LayerBlobError),
    #[error(transparent)]
    Archive(#[from] ExportError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error("the layer {digest} of `{origin}` is needed, but cannot be had: {reason}")]
    Origin { digest: Digest, origin: String, reason: String },
    #[error("a defect: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl ImageError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_)
            | Self::Name(_)
            | Self::NoName
            | Self::DigestName(_)
            | Self::NoPlatform
            | Self::SamePlatform(_)
            | Self::NoIndex { .. }
            | Self::NoAttestations { .. }
            | Self::NoIndexToAnnotate => ErrorKind::Definition,
            Self::Said(error) => error.kind(),
            Self::Blob(_) => ErrorKind::Environment,
            Self::Layer(LayerBlobError::Cancelled)
            | Self::Archive(ExportError::Cancelled)
            | Self::Engine(EngineError::Cancelled | EngineError::Archive(ExportError::Cancelled)) => {
                ErrorKind::Cancelled
            }
            Self::Layer(LayerBlobError::Mark(_) | LayerBlobError::Reserved | LayerBlobError::Archive(_)) => {
                ErrorKind::Step
            }
            Self::Layer(_) => ErrorKind::Environment,
            Self::Origin { .. } => ErrorKind::Source,
            Self::Archive(_) | Self::Engine(_) | Self::Push(_) => ErrorKind::Step,
            Self::Task(_) | Self::Json(_) => ErrorKind::Internal,
        }
    }
}

/// An image that is known by its digests; its layers may be elsewhere.
pub(super) struct Packed {
    pub(super) documents: Documents,
    /// Bottom first.
    pub(super) blobs: Vec<LayerBlob>,
    pub(super) said: Option<Said>,
    platform: Platform,
}

/// What is said about an image.
pub(super) struct Said {
    pub(super) manifest: AttestationManifest,
    statements: Vec<Statement>,
}

/// What names mean.
pub(super) enum Made {
    One(Box<Packed>),
    Several(Index, Vec<Packed>),
}

/// Makes an image of a result and brings it where it should go.
pub(crate) async fn export(
    engine: &Arc<Engine>,
    solved: &Solved,
    wanted: &ImageExport,
    cancel: &CancellationToken,
) -> Result<Exported, SolveError> {
    let ImageExport { to, config, options } = wanted;
    let work = async {
        let names = named(to, options)?;
        if options.attestations != attest::Attestations::default()
            && let ImageTarget::DockerTar(_) | ImageTarget::DockerEngine(_) = to
        {
            return Err(ImageError::NoAttestations { place: place(to) });
        }
        let platform = manifest::platform(config, &Platform::host());
        let image = pack(engine, solved, config, &platform, (&names, options), cancel).await?;
        let made = if image.said.is_some() {
            several(vec![image], options)?
        } else if options.annotations.need_index() {
            return Err(ImageError::NoIndexToAnnotate);
        } else {
            Made::One(Box::new(image))
        };
        bring(engine, made, names, (to, options), cancel).await
    };
    work.await.map_err(told)
}

/// Makes an index of the images of several results and brings it where it should go.
pub(crate) async fn export_index(
    engine: &Arc<Engine>,
    variants: &[ImageVariant],
    wanted: &IndexExport,
    cancel: &CancellationToken,
) -> Result<Exported, SolveError> {
    let IndexExport { to, options } = wanted;
    let work = async {
        let platforms: Vec<Platform> = variants.iter().map(|variant| variant.platform.clone()).collect();
        let names = check(wanted, &platforms)?;
        let mut images = Vec::with_capacity(variants.len());
        for ImageVariant { solved, platform, config } in variants {
            images.push(pack(engine, solved, config, platform, (&names, options), cancel).await?);
        }
        bring(engine, several(images, options)?, names, (to, options), cancel).await
    };
    work.await.map_err(told)
}

/// Whether an index for these platforms can be brought there.
pub(crate) fn check_index(wanted: &IndexExport, platforms: &[Platform]) -> Result<(), SolveError> {
    check(wanted, platforms).map(drop).map_err(told)
}

pub(crate) fn told(error: ImageError) -> SolveError {
    match error {
        ImageError::Said(error) => error,
        error if error.kind() == ErrorKind::Cancelled => SolveError::cancelled(),
        error => SolveError::new(error.kind(), error),
    }
}

/// The index of images, and of what is said about them behind them.
fn several(images: Vec<Packed>, options: &ImageOptions) -> Result<Made, ImageError> {
    let nothing = Platform::new("unknown", "unknown", "");
    let annotations = &options.annotations;
    let mut entries: Vec<Entry<'_>> = images
        .iter()
        .map(|Packed { documents, platform, .. }| Entry {
            media_type: documents.media_type,
            digest: documents.manifest_digest.as_str(),
            size: documents.manifest.len() as u64,
            annotations: of_platform(&annotations.manifest_descriptor, platform),
            platform,
        })
        .collect();
    for Packed { documents, said, .. } in &images {
        let Some(Said { manifest, .. }) = said else { continue };
        let about = [(REFERENCE_DIGEST, documents.manifest_digest.as_str()), (REFERENCE_TYPE, "attestation-manifest")];
        entries.push(Entry {
            media_type: OCI_MANIFEST,
            digest: manifest.manifest_digest.as_str(),
            size: manifest.manifest.len() as u64,
            annotations: about.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            platform: &nothing,
        });
    }
    let index = index::index(&entries, &of_pairs(&annotations.index), options.are_oci())?;
    Ok(Made::Several(index, images))
}

/// Brings an image where it should go.
async fn bring(
    engine: &Arc<Engine>,
    made: Made,
    names: Vec<Reference>,
    (to, options): (&ImageTarget, &ImageOptions),
    cancel: &CancellationToken,
) -> Result<Exported, ImageError> {
    let mut exported = exported(&made, &names, options);
    match to {
        ImageTarget::OciTar(_) | ImageTarget::DockerTar(_) | ImageTarget::OciDirectory(_) => {
            let image = complete(engine, made, names, options, cancel).await?;
            let (to, cancel) = (to.clone(), cancel.clone());
            let saved = tokio::task::spawn_blocking(move || {
                let stop: Stop<'_> = &|| cancel.is_cancelled();
                match &to {
                    ImageTarget::OciDirectory(path) => archive::export_directory(&image, path, stop),
                    ImageTarget::DockerTar(place) => archive::export(&image, ArchiveForm::Docker, place, stop),
                    ImageTarget::OciTar(place) => archive::export(&image, ArchiveForm::Oci, place, stop),
                    ImageTarget::DockerEngine(_) | ImageTarget::Registry | ImageTarget::Store => Ok(()),
                }
            });
            saved.await??;
        }
        ImageTarget::DockerEngine(socket) => {
            let docker = DockerEngine::new(socket)?;
            let ids = exported.config_digest.iter().chain(&exported.digest);
            if !docker.name(ids, &names).await? {
                exported.sent = match &made {
                    Made::One(image) => docker.pull(engine, image, &names, cancel).await?,
                    Made::Several(..) => None,
                };
                if exported.sent.is_none() {
                    let image = complete(engine, made, names, options, cancel).await?;
                    docker.load(&image, cancel).await?;
                }
            }
        }
        ImageTarget::Registry => {
            let pushing = push::all(engine, &names, &made, options.push_by_digest);
            tokio::select! {
                // What is done is done, even if the cancellation comes at the same time.
                biased;
                pushed = pushing => pushed?,
                () = cancel.cancelled() => return Err(ExportError::Cancelled.into()),
            }
        }
        ImageTarget::Store => {
            let image = complete(engine, made, names, options, cancel).await?;
            for (_, bytes) in image.documents() {
                engine.store.blobs().put(bytes)?;
            }
        }
    }
    Ok(exported)
}

/// An image with its layers on this machine.
async fn complete(
    engine: &Arc<Engine>,
    made: Made,
    names: Vec<Reference>,
    options: &ImageOptions,
    cancel: &CancellationToken,
) -> Result<Image, ImageError> {
    let annotations = &options.annotations;
    let mut all = Vec::new();
    let (index, images, mut annotations) = match made {
        Made::One(image) => {
            let annotations = of_platform(&annotations.manifest_descriptor, &image.platform);
            (None, vec![*image], annotations)
        }
        Made::Several(index, images) => (Some(index), images, of_pairs(&annotations.index_descriptor)),
    };
    for Packed { documents, blobs, said, .. } in images {
        let layers = at_hand(engine, &blobs, cancel).await?;
        all.push(Part { documents, layers, said: said.map(Said::into_blobs).unwrap_or_default() });
    }
    if let Some(epoch) = options.epoch {
        annotations.insert(CREATED.to_owned(), rfc3339(epoch));
    }
    let body = match (index, all.pop()) {
        (None, Some(one)) => Body::One(one),
        (None, None) => return Err(ImageError::NoPlatform),
        (Some(index), last) => Body::Several(index, all.into_iter().chain(last).collect()),
    };
    Ok(Image { names, body, annotations })
}

impl Said {
    /// All that the index leads to, manifest first.
    fn into_blobs(self) -> Vec<(Digest, Vec<u8>)> {
        let AttestationManifest { manifest, manifest_digest, config, config_digest } = self.manifest;
        let statements = self.statements.into_iter().map(|it| (Digest::of(&it.bytes), it.bytes));
        [(manifest_digest, manifest), (config_digest, config)].into_iter().chain(statements).collect()
    }

    /// What its manifest names.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (Digest, &[u8])> {
        let statements = self.statements.iter().map(|it| (Digest::of(&it.bytes), it.bytes.as_slice()));
        statements.chain([(self.manifest.config_digest.clone(), self.manifest.config.as_slice())])
    }
}

/// What is told of an image that was made.
fn exported(made: &Made, names: &[Reference], options: &ImageOptions) -> Exported {
    let (media_type, digest, size, config_digest, annotations) = match made {
        Made::One(image) => (
            image.documents.media_type,
            &image.documents.manifest_digest,
            image.documents.manifest.len(),
            Some(image.documents.config_digest.clone()),
            of_platform(&options.annotations.manifest_descriptor, &image.platform),
        ),
        Made::Several(index, images) => {
            let config = if let [one] = images.as_slice() { Some(one.documents.config_digest.clone()) } else { None };
            let annotations = of_pairs(&options.annotations.index_descriptor);
            (index.media_type, &index.digest, index.bytes.len(), config, annotations)
        }
    };
    let mut descriptor = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size });
    if let Some(descriptor) = descriptor.as_object_mut() {
        if !annotations.is_empty() {
            descriptor.insert("annotations".to_owned(), json!(annotations));
        }
        if let Made::One(image) = made {
            let Platform { os, architecture, variant } = &image.platform;
            let mut platform: BTreeMap<&str, &String> = [("os", os), ("architecture", architecture)].into();
            if !variant.is_empty() {
                platform.insert("variant", variant);
            }
            descriptor.insert("platform".to_owned(), json!(platform));
        }
    }
    Exported {
        digest: Some(digest.clone()),
        config_digest,
        descriptor: Some(descriptor),
        names: names.iter().map(Reference::to_string).collect(),
        sent: None,
    }
}

/// The names of an image, which must be such as an image can get.
fn named(to: &ImageTarget, options: &ImageOptions) -> Result<Vec<Reference>, ImageError> {
    let names: Vec<Reference> = options.names.iter().map(|name| Reference::parse(name)).collect::<Result<_, _>>()?;
    if let Some(name) = names.iter().find(|name| name.digest().is_some()) {
        return Err(ImageError::DigestName(Box::new(name.clone())));
    }
    if names.is_empty() && *to == ImageTarget::Registry { Err(ImageError::NoName) } else { Ok(names) }
}

fn place(to: &ImageTarget) -> &'static str {
    match to {
        ImageTarget::DockerTar(_) => "a Docker archive",
        ImageTarget::DockerEngine(_) => "a Docker engine",
        ImageTarget::OciTar(_) => "an OCI archive",
        ImageTarget::OciDirectory(_) => "an OCI layout",
        ImageTarget::Registry => "a registry",
        ImageTarget::Store => "the state directory",
    }
}

fn check(wanted: &IndexExport, platforms: &[Platform]) -> Result<Vec<Reference>, ImageError> {
    if let ImageTarget::DockerTar(_) | ImageTarget::DockerEngine(_) = &wanted.to {
        return Err(ImageError::NoIndex { place: place(&wanted.to) });
    }
    if platforms.is_empty() {
        return Err(ImageError::NoPlatform);
    }
    let mut seen = HashSet::new();
    match platforms.iter().find(|platform| !seen.insert(*platform)) {
        Some(twice) => Err(ImageError::SamePlatform(twice.clone())),
        None => named(&wanted.to, &wanted.options),
    }
}

/// The blobs and documents of an image, and what is said about it.
async fn pack(
    engine: &Arc<Engine>,
    solved: &Solved,
    config: &[u8],
    platform: &Platform,
    (names, options): (&[Reference], &ImageOptions),
    cancel: &CancellationToken,
) -> Result<Packed, ImageError> {
    let blobs = blobs(engine, &solved.snapshot, (form(options), options.force), cancel).await?;
    let annotations = of_platform(&options.annotations.manifest, platform);
    let style = Style { oci: options.are_oci(), annotations, epoch: options.epoch };
    let documents = manifest::documents(config, &blobs, &style, platform)?;
    let subjects = subjects(names, platform, &documents.manifest_digest);
    let statements = attest::statements(engine, solved, &subjects, &options.attestations, cancel).await;
    let statements = statements.map_err(ImageError::Said)?;
    let said =
        if statements.is_empty() { None } else { Some(Said { manifest: attest::manifest(&statements)?, statements }) };
    Ok(Packed { documents, blobs, said, platform: platform.clone() })
}

/// The form of layers that are made here.
pub(crate) fn form(options: &ImageOptions) -> Form {
    let ImageOptions { compression, level, epoch, rewrite, .. } = options;
    Form { compression: *compression, level: *level, epoch: epoch.filter(|_| *rewrite) }
}

/// An image as what is said is about: once for each of its names.
fn subjects(names: &[Reference], platform: &Platform, digest: &Digest) -> Vec<Subject> {
    let platform = platform.to_string().replace('/', "%2F");
    let named = names.iter().map(|name| {
        let tag = name.tag().map(|tag| format!("@{tag}")).unwrap_or_default();
        let familiar = name.familiar();
        let repository = familiar.strip_suffix(&format!(":{}", name.tag().unwrap_or_default())).unwrap_or(&familiar);
        let name = format!("pkg:docker/{}{tag}?platform={platform}", repository.replace(':', "%3A"));
        Subject { name, digest: digest.clone() }
    });
    let mut subjects: Vec<Subject> = named.collect();
    if subjects.is_empty() {
        subjects.push(Subject { name: "_".to_owned(), digest: digest.clone() });
    }
    subjects
}

#[cfg(test)]
mod tests;
