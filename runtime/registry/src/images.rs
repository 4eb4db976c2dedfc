//! The façade: which source is asked for an image, and in which order.
//!
//! Owns the path from a reference to a checked manifest and configuration, and to the bytes of its layers.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::Digest;
use reqwest::Url;
use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;

use crate::client::{Client, Endpoint, Sink, Stop};
use crate::config::RegistryConfig;
use crate::credentials::{Credentials, DockerCredentials};
use crate::failure::{Failure, FailureKind, advice, summary};
use crate::image::{Descriptor, ImageConfig, Manifest, Root};
use crate::layout::{Layout, LayoutError};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::transport::is_loopback;

/// An index in an index in an index is somebody's joke.
const MAX_NESTED: usize = 3;
const MAX_CONFIG: u64 = 16 << 20;

/// Images from layouts, mirrors and registries.
pub struct Images {
    config: RegistryConfig,
    pub(crate) client: Client,
    resolved: Mutex<InFlight>,
}

type Resolved = Result<Arc<ResolvedImage>, ImageError>;
type InFlight = HashMap<(Reference, Platform), Arc<OnceCell<Resolved>>>;

/// One image for one platform, with everything but its layers.
#[derive(Debug, Clone)]
pub struct ResolvedImage {
    /// What was asked for.
    pub reference: Reference,
    /// What the reference led to: the digest of the index if there is one, else of the manifest.
    pub root_digest: Digest,
    /// The digest of the platform's manifest.
    pub manifest_digest: Digest,
    /// The platform's manifest.
    pub manifest: Manifest,
    /// The configuration as it came.
    pub config_bytes: Vec<u8>,
    /// The configuration.
    pub config: ImageConfig,
    source: Source,
}

/// Where an image was found.
#[derive(Debug, Clone)]
enum Source {
    Layout(Layout),
    Registry { endpoints: Vec<Endpoint> },
}

/// An image cannot be had. It holds text only, so that all who wait for an image can have it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImageError {
    /// No registry gave it.
    #[error("cannot get `{reference}`: {}", summary(reference.domain(), .failures))]
    Registry {
        /// The image.
        reference: Box<Reference>,
        /// What each registry or mirror answered, in the order in which they were asked.
        failures: Vec<Failure>,
    },
    /// The layout that the configuration names does not give it.
    #[error("cannot get `{reference}`: {cause}")]
    Layout {
        /// The image.
        reference: Box<Reference>,
        /// Why not.
        cause: LayoutError,
    },
    /// It is not made for the platform.
    #[error("`{reference}` has no image for {wanted}, it has {}", .offered.join(", "))]
    Platform {
        /// The image.
        reference: Box<Reference>,
        /// The platform.
        wanted: Platform,
        /// The platforms that it is made for.
        offered: Vec<String>,
    },
    /// What was found is not an image that can be used.
    #[error("`{reference}` is not usable: {reason}")]
    Unusable {
        /// The image.
        reference: Box<Reference>,
        /// What is wrong with it.
        reason: String,
    },
    /// What was received cannot be kept.
    #[error("cannot keep a layer of `{reference}`: {reason}")]
    Write {
        /// The image.
        reference: Box<Reference>,
        /// Why not.
        reason: String,
    },
}

impl Images {
    /// Images with the credentials of `docker login`.
    pub fn new(config: RegistryConfig) -> Self {
        Self::with_credentials(config, Arc::new(DockerCredentials))
    }

    /// Images with credentials from elsewhere.
    pub fn with_credentials(config: RegistryConfig, credentials: Arc<dyn Credentials>) -> Self {
        Self { config, client: Client::new(credentials), resolved: Mutex::new(HashMap::new()) }
    }

    /// Finds an image. Whoever asks for the same image meanwhile or later gets the same answer, so that one build sees
    /// one image; a failure is only shared with those who are waiting.
    ///
    /// # Errors
    /// When nobody has it, it has no image for the platform, or it is not what its digest says.
    pub async fn resolve(&self, reference: &Reference, platform: &Platform) -> Result<Arc<ResolvedImage>, ImageError> {
        let key = (reference.clone(), platform.clone());
        let cell = {
            let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(resolved.entry(key.clone()).or_default())
        };
        let result = cell.get_or_init(|| self.find(reference, platform)).await.clone();
        if result.is_err() {
            let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
            if resolved.get(&key).is_some_and(|known| Arc::ptr_eq(known, &cell)) {
                resolved.remove(&key);
            }
        }
        result
    }

    /// Whether the configuration has an OCI layout stand for a name.
    pub fn has_layout(&self, reference: &Reference) -> bool {
        self.config.layout(reference).is_some()
    }

    /// Writes a blob of an image to `writer`, checked against the descriptor's size and digest as it passes: the content
    /// is good if and only if this succeeds. `progress` gets the number of bytes written so far.
    ///
    /// # Errors
    /// When no source gives the whole blob, it is wrong, or it cannot be written.
    pub async fn fetch_blob(
        &self,
        image: &ResolvedImage,
        blob: &Descriptor,
        writer: &mut (dyn Write + Send),
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ImageError> {
        let reference = &image.reference;
        let write = |error: io::Error| ImageError::Write { reference: boxed(reference), reason: error.to_string() };
        let mut sink = Sink::new(writer, progress, blob.size);
        match &image.source {
            Source::Layout(layout) => {
                let failed = |reason: String| ImageError::Layout {
                    reference: boxed(reference),
                    cause: LayoutError::Read { path: layout.path(&blob.digest), reason },
                };
                copy(layout, &blob.digest, &mut sink).await.map_err(|stop| match stop {
                    Stop::Write(error) => write(error),
                    Stop::Registry(FailureKind::Content { reason }) => failed(reason),
                    Stop::Registry(failure) => failed(failure.to_string()),
                })?;
                sink.finish(&blob.digest).map_err(failed)
            }
            Source::Registry { endpoints } => {
                let mut failures = Vec::new();
                for endpoint in endpoints {
                    match self.client.blob(endpoint, reference.path(), &blob.digest, &mut sink).await {
                        Ok(()) => {
                            let Err(reason) = sink.finish(&blob.digest) else { return Ok(()) };
                            failures.push(failure(endpoint, FailureKind::Content { reason }));
                            return Err(ImageError::Registry { reference: boxed(reference), failures });
                        }
                        Err(Stop::Write(error)) => return Err(write(error)),
                        Err(Stop::Registry(kind)) => failures.push(failure(endpoint, kind)),
                    }
                }
                Err(ImageError::Registry { reference: boxed(reference), failures })
            }
        }
    }

    /// Finds an image in an OCI layout directory, whatever the configuration says about its name.
    ///
    /// # Errors
    /// When there is no layout, it does not have the image, the image is not for the platform or is not what its digest
    /// says.
    pub async fn resolve_in_layout(
        &self,
        dir: &Path,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Arc<ResolvedImage>, ImageError> {
        let (source, root) = open_in_layout(dir, reference, platform)
            .map_err(|cause| ImageError::Layout { reference: boxed(reference), cause })?;
        self.open(reference, platform, source, root).await
    }

    /// Writes the blob that a reference names by its digest to `writer`, checked as it passes: the content is good if and
    /// only if this succeeds.
    ///
    /// # Errors
    /// When the reference has no digest, or nobody gives the whole blob.
    pub async fn fetch_single(
        &self,
        reference: &Reference,
        writer: &mut (dyn Write + Send),
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ImageError> {
        let Some(digest) = reference.digest() else {
            let reason = "a blob is named by its digest".to_owned();
            return Err(ImageError::Unusable { reference: boxed(reference), reason });
        };
        let mut sink = Sink::of_any_size(writer, progress);
        let mut failures = Vec::new();
        for endpoint in self.endpoints(reference) {
            match self.client.blob(&endpoint, reference.path(), digest, &mut sink).await {
                Ok(()) => {
                    let Err(reason) = sink.finish(digest) else { return Ok(()) };
                    failures.push(failure(&endpoint, FailureKind::Content { reason }));
                    break;
                }
                Err(Stop::Write(error)) => {
                    return Err(ImageError::Write { reference: boxed(reference), reason: error.to_string() });
                }
                Err(Stop::Registry(kind)) => failures.push(failure(&endpoint, kind)),
            }
        }
        Err(ImageError::Registry { reference: boxed(reference), failures })
    }

    /// What a registry has under a reference, whatever that is; checked against the digest of the reference, if it has one.
    ///
    /// # Errors
    /// When no registry gives it.
    pub async fn raw_manifest(&self, reference: &Reference) -> Result<Vec<u8>, ImageError> {
        self.find_in_registry(reference).await.map(|(_, document)| document.bytes)
    }

    async fn find(&self, reference: &Reference, platform: &Platform) -> Resolved {
        let in_layout = self.find_in_layout(reference, platform);
        let (source, root) = match in_layout {
            Some(Ok(found)) => found,
            // A digest is pinned to one content, wherever it comes from.
            Some(Err(LayoutError::NoSuchImage { .. })) if reference.digest().is_some() => {
                self.find_in_registry(reference).await?
            }
            Some(Err(cause)) => return Err(ImageError::Layout { reference: boxed(reference), cause }),
            None => self.find_in_registry(reference).await?,
        };
        self.open(reference, platform, source, root).await
    }

    /// Reads what belongs to an image, from its manifest or index on.
    async fn open(&self, reference: &Reference, platform: &Platform, source: Source, root: Document) -> Resolved {
        let unusable = |reason: String| ImageError::Unusable { reference: boxed(reference), reason };
        let root_digest = root.digest.clone();
        let mut at = root;
        let mut nested = 0;
        let manifest = loop {
            match Root::read(&at.bytes, &at.media_type).map_err(unusable)? {
                Root::Manifest(manifest) => break *manifest,
                Root::Index(_) if nested >= MAX_NESTED => {
                    return Err(unusable("its indexes are nested too deeply".to_owned()));
                }
                Root::Index(index) => {
                    let Some(descriptor) = index.select(platform) else {
                        return Err(ImageError::Platform {
                            reference: boxed(reference),
                            wanted: platform.clone(),
                            offered: index.offered(),
                        });
                    };
                    at = self.document(&source, reference, descriptor, true).await?;
                    nested += 1;
                }
            }
        };
        let config_bytes = self.document(&source, reference, &manifest.config, false).await?.bytes;
        let config: ImageConfig = serde_json::from_slice(&config_bytes)
            .map_err(|error| unusable(format!("its configuration cannot be read: {error}")))?;
        let (layers, contents) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != contents {
            let reason =
                format!("its manifest and its configuration differ in the number of layers: {layers} and {contents}");
            return Err(unusable(reason));
        }
        Ok(Arc::new(ResolvedImage {
            reference: reference.clone(),
            root_digest,
            manifest_digest: at.digest,
            manifest,
            config_bytes,
            config,
            source,
        }))
    }

    fn find_in_layout(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Option<Result<(Source, Document), LayoutError>> {
        let dir = self.config.layout(reference)?;
        Some(open_in_layout(dir, reference, platform))
    }

    async fn find_in_registry(&self, reference: &Reference) -> Result<(Source, Document), ImageError> {
        let mut endpoints = self.endpoints(reference);
        let mut failures = Vec::new();
        for (position, endpoint) in endpoints.iter().enumerate() {
            match self.client.manifest(endpoint, reference.path(), reference.selector()).await {
                Ok((bytes, media_type)) => {
                    let digest = Digest::of(&bytes);
                    if reference.digest().is_some_and(|expected| *expected != digest) {
                        let reason = format!("digest {digest} instead of the one in the reference");
                        failures.push(failure(endpoint, FailureKind::Content { reason }));
                        continue;
                    }
                    // Who has the manifest most likely has the rest; the others may help out.
                    endpoints.rotate_left(position);
                    return Ok((Source::Registry { endpoints }, Document { bytes, digest, media_type }));
                }
                Err(kind) => failures.push(failure(endpoint, kind)),
            }
        }
        Err(ImageError::Registry { reference: boxed(reference), failures })
    }

    /// A manifest or configuration that a descriptor points at, checked.
    async fn document(
        &self,
        source: &Source,
        reference: &Reference,
        descriptor: &Descriptor,
        is_manifest: bool,
    ) -> Result<Document, ImageError> {
        if descriptor.size > MAX_CONFIG {
            let reason = format!("its metadata {} has {} bytes", descriptor.digest, descriptor.size);
            return Err(ImageError::Unusable { reference: boxed(reference), reason });
        }
        let bytes = match source {
            Source::Layout(layout) => layout
                .document(&descriptor.digest)
                .map_err(|cause| ImageError::Layout { reference: boxed(reference), cause })?,
            Source::Registry { endpoints } => {
                self.remote_document(endpoints, reference, descriptor, is_manifest).await?
            }
        };
        Ok(Document { bytes, digest: descriptor.digest.clone(), media_type: descriptor.media_type.clone() })
    }

    async fn remote_document(
        &self,
        endpoints: &[Endpoint],
        reference: &Reference,
        descriptor: &Descriptor,
        is_manifest: bool,
    ) -> Result<Vec<u8>, ImageError> {
        let digest = &descriptor.digest;
        let mut failures = Vec::new();
        for endpoint in endpoints {
            let got = if is_manifest {
                let got = self.client.manifest(endpoint, reference.path(), digest.as_str()).await;
                got.and_then(|(bytes, _)| match Digest::of(&bytes) {
                    actual if actual == *digest => Ok(bytes),
                    actual => Err(FailureKind::Content { reason: format!("digest {actual} instead of {digest}") }),
                })
            } else {
                let mut bytes = Vec::new();
                let mut progress = |_| {};
                let mut sink = Sink::new(&mut bytes, &mut progress, descriptor.size);
                let got = match self.client.blob(endpoint, reference.path(), digest, &mut sink).await {
                    Ok(()) => sink.finish(digest).map_err(|reason| FailureKind::Content { reason }),
                    Err(Stop::Registry(kind)) => Err(kind),
                    Err(Stop::Write(error)) => Err(FailureKind::Content { reason: error.to_string() }),
                };
                got.map(|()| bytes)
            };
            match got {
                Ok(bytes) => return Ok(bytes),
                Err(kind) => failures.push(failure(endpoint, kind)),
            }
        }
        Err(ImageError::Registry { reference: boxed(reference), failures })
    }

    /// Whom to ask for an image: its mirrors in order, then its registry.
    pub(crate) fn endpoints(&self, reference: &Reference) -> Vec<Endpoint> {
        let host = self.config.hosts.get(reference.domain());
        let mirrors = host.map(|host| host.mirrors.as_slice()).unwrap_or_default();
        let mut endpoints: Vec<Endpoint> = mirrors.iter().filter_map(endpoint).collect();
        let name = match reference.domain() {
            "docker.io" => "registry-1.docker.io",
            domain => domain,
        };
        let at = |scheme: &str| Url::parse(&format!("{scheme}://{name}")).ok();
        let plain = host.and_then(|host| host.plain_http);
        let plain = plain.unwrap_or_else(|| at("http").is_some_and(|url| is_loopback(&url)));
        endpoints.extend(at(if plain { "http" } else { "https" }).as_ref().and_then(endpoint));
        endpoints
    }
}

impl ImageError {
    /// What to do about it, where that is known. The error's text ends with it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Registry { reference, failures } => advice(reference.domain(), failures),
            _ => None,
        }
    }
}

impl ResolvedImage {
    /// Where a blob is on this machine, for an image from a layout. Its content is **not** checked.
    pub fn local_blob(&self, blob: &Descriptor) -> Option<PathBuf> {
        match &self.source {
            Source::Layout(layout) => layout.blob(&blob.digest),
            Source::Registry { .. } => None,
        }
    }
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Checked bytes and what they are.
struct Document {
    bytes: Vec<u8>,
    digest: Digest,
    media_type: String,
}

fn open_in_layout(dir: &Path, reference: &Reference, platform: &Platform) -> Result<(Source, Document), LayoutError> {
    let layout = Layout::open(dir)?;
    let root = layout.find(reference, platform)?;
    let bytes = layout.document(&root.digest)?;
    Ok((Source::Layout(layout), Document { bytes, digest: root.digest, media_type: root.media_type }))
}

fn endpoint(url: &Url) -> Option<Endpoint> {
    let path = url.path().trim_matches('/');
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    Some(Endpoint { base: url.join("/").ok()?, prefix })
}

fn failure(endpoint: &Endpoint, kind: FailureKind) -> Failure {
    Failure { host: endpoint.base.as_str().trim_end_matches('/').to_owned(), kind }
}

fn boxed(reference: &Reference) -> Box<Reference> {
    Box::new(reference.clone())
}

async fn copy(layout: &Layout, digest: &Digest, sink: &mut Sink<'_>) -> Result<(), Stop> {
    let read = |error: io::Error| Stop::Registry(FailureKind::Content { reason: error.to_string() });
    let mut file = tokio::fs::File::open(layout.path(digest)).await.map_err(read)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).await.map_err(read)?;
        match buffer.get(..count) {
            None | Some([]) => return Ok(()),
            Some(bytes) => sink.write(bytes)?,
        }
    }
}
