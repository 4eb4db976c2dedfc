//! The façade: which source is asked for an image, and in which order.
//!
//! Owns the path from a reference to a checked manifest and configuration. The bytes of its layers are `delivery`'s.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use hlb_llb::Digest;
use reqwest::Url;
use tokio::sync::OnceCell;

use crate::circuit::Circuit;
use crate::client::{Client, Endpoint};
use crate::config::RegistryConfig;
use crate::credentials::{Credentials, DockerCredentials};
use crate::date;
use crate::failure::{Failure, FailureKind, advice, summary};
use crate::fetch::{Arrival, Memory};
use crate::image::{Descriptor, ImageConfig, Manifest, Root};
use crate::layout::{Layout, LayoutError};
use crate::patience::Patience;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::shelf::{Recalled, Shelf};
use crate::transport::{Clients, is_loopback};

/// An index in an index in an index is somebody's joke.
const MAX_NESTED: usize = 3;
const MAX_CONFIG: u64 = 16 << 20;
const MAX_LAYERS: usize = 1_000;
const MAX_ENTRIES: usize = 10_000;

/// Images from layouts, mirrors and registries.
pub struct Images {
    config: RegistryConfig,
    pub(crate) client: Client,
    pub(crate) circuit: Circuit,
    shelf: Option<Arc<dyn Shelf>>,
    resolved: Mutex<InFlight>,
}

type Resolved = Result<Arc<ResolvedImage>, ImageError>;
type InFlight = HashMap<(Reference, Platform, Asking), Arc<OnceCell<Resolved>>>;

/// When a registry is asked what a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asking {
    /// At each build; a digest stands for itself.
    Always,
    /// When it is not known from an earlier build.
    IfUnknown,
}

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
    pub(crate) source: Source,
}

/// Where an image was found.
#[derive(Debug, Clone)]
pub(crate) enum Source {
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
    /// It is not here, and nobody is to be asked.
    #[error("`{}` is not here as a whole, and `--offline` forbids to ask for it; build once without `--offline`", .reference.familiar())]
    Offline {
        /// The image.
        reference: Box<Reference>,
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
        let clients = Clients::new(config.hosts.clone(), Patience::USUAL);
        Self {
            config,
            client: Client::new(credentials, clients),
            circuit: Circuit::default(),
            shelf: None,
            resolved: Mutex::new(HashMap::new()),
        }
    }

    /// The same with another patience than the usual one.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.client.clients_mut().set_patience(patience);
        self
    }

    /// The same with what is known from earlier builds: what has a digest is not asked for again.
    #[must_use]
    pub fn with_shelf(self, shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf: Some(shelf), ..self }
    }

    /// Whether nobody is asked for anything.
    pub fn is_offline(&self) -> bool {
        self.config.is_offline()
    }

    /// What users should know that has come up since the last call, a sentence each. Nothing is said twice.
    pub fn warnings(&self) -> Vec<String> {
        self.client.warnings.take()
    }

    /// Finds an image. Whoever asks for the same image meanwhile or later gets the same answer, so that one build sees
    /// one image; a failure is only shared with those who are waiting.
    ///
    /// # Errors
    /// When nobody has it, it has no image for the platform, or it is not what its digest says.
    pub async fn resolve(&self, reference: &Reference, platform: &Platform) -> Result<Arc<ResolvedImage>, ImageError> {
        self.resolve_as(reference, platform, Asking::Always).await
    }

    /// The same, with a say in whether a registry is asked.
    ///
    /// # Errors
    /// As [`Images::resolve`].
    pub async fn resolve_as(
        &self,
        reference: &Reference,
        platform: &Platform,
        asking: Asking,
    ) -> Result<Arc<ResolvedImage>, ImageError> {
        let key = (reference.clone(), platform.clone(), asking);
        let cell = {
            let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(resolved.entry(key.clone()).or_default())
        };
        let result = cell.get_or_init(|| self.find(reference, platform, asking)).await.clone();
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

    /// Finds an image in an OCI layout directory or an archive, whatever the configuration says about its name.
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
            .await
            .map_err(|cause| ImageError::Layout { reference: boxed(reference), cause })?;
        self.open(reference, platform, source, root).await
    }

    /// What a registry has under a reference, whatever that is; checked against the digest of the reference, if it has one.
    ///
    /// # Errors
    /// When no registry gives it.
    pub async fn raw_manifest(&self, reference: &Reference) -> Result<Vec<u8>, ImageError> {
        self.find_in_registry(reference, Asking::Always).await.map(|(_, document)| document.bytes)
    }

    async fn find(&self, reference: &Reference, platform: &Platform, asking: Asking) -> Resolved {
        let in_layout = self.find_in_layout(reference, platform).await;
        let (source, root) = match in_layout {
            Some(Ok(found)) => found,
            // A digest is pinned to one content, wherever it comes from.
            Some(Err(LayoutError::NoSuchImage { .. })) if reference.digest().is_some() => {
                self.find_in_registry(reference, asking).await?
            }
            Some(Err(cause)) => return Err(ImageError::Layout { reference: boxed(reference), cause }),
            None => self.find_in_registry(reference, asking).await?,
        };
        self.open(reference, platform, source, root).await
    }

    /// Reads what belongs to an image, from its manifest or index on.
    async fn open(&self, reference: &Reference, platform: &Platform, source: Source, root: Document) -> Resolved {
        let unusable = |reason: String| ImageError::Unusable { reference: boxed(reference), reason };
        let (root_digest, root_type, root_is_new) = (root.digest.clone(), root.media_type.clone(), root.is_new);
        let mut at = root;
        let mut news = Vec::new();
        let mut nested = 0;
        let manifest = loop {
            match Root::read(&at.bytes, &at.media_type).map_err(unusable)? {
                Root::Manifest(manifest) if manifest.layers.len() > MAX_LAYERS => {
                    let count = manifest.layers.len();
                    return Err(unusable(format!("its manifest has {count} layers, more than {MAX_LAYERS}")));
                }
                Root::Manifest(manifest) => break *manifest,
                Root::Index(index) if index.manifests.len() > MAX_ENTRIES => {
                    let count = index.manifests.len();
                    return Err(unusable(format!("its index has {count} entries, more than {MAX_ENTRIES}")));
                }
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
                    let next = self.document(&source, reference, descriptor, true).await?;
                    news.push(std::mem::replace(&mut at, next));
                    nested += 1;
                }
            }
        };
        let config_document = self.document(&source, reference, &manifest.config, false).await?;
        let config: ImageConfig = serde_json::from_slice(&config_document.bytes)
            .map_err(|error| unusable(format!("its configuration cannot be read: {error}")))?;
        let (layers, contents) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != contents {
            let reason =
                format!("its manifest and its configuration differ in the number of layers: {layers} and {contents}");
            return Err(unusable(reason));
        }
        let manifest_digest = at.digest.clone();
        // What makes no image is not kept.
        if let Some(shelf) = &self.shelf {
            news.push(at);
            let documents = news.iter().chain([&config_document]).filter(|document| document.is_new);
            documents.for_each(|document| shelf.keep(&document.bytes));
            if root_is_new && reference.digest().is_none() {
                shelf.note(&reference.to_string(), &root_digest, &root_type);
            }
        }
        Ok(Arc::new(ResolvedImage {
            reference: reference.clone(),
            root_digest,
            manifest_digest,
            manifest,
            config_bytes: config_document.bytes,
            config,
            source,
        }))
    }

    async fn find_in_layout(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Option<Result<(Source, Document), LayoutError>> {
        let dir = self.config.layout(reference)?;
        Some(open_in_layout(dir, reference, platform).await)
    }

    async fn find_in_registry(&self, reference: &Reference, asking: Asking) -> Result<(Source, Document), ImageError> {
        let endpoints = self.endpoints(reference);
        if let Some(known) = self.recall(reference, asking) {
            return Ok((Source::Registry { endpoints }, known));
        }
        if self.is_offline() {
            return Err(ImageError::Offline { reference: boxed(reference) });
        }
        let mut failures = Vec::new();
        for endpoint in self.circuit.closed(&endpoints) {
            let answer = self.client.manifest(endpoint, reference.path(), reference.selector()).await;
            self.circuit.note(endpoint, answer.as_ref().err());
            match answer {
                Ok((bytes, media_type)) => {
                    let digest = Digest::of(&bytes);
                    if reference.digest().is_some_and(|expected| *expected != digest) {
                        let reason = format!("digest {digest} instead of the one in the reference");
                        failures.push(failure(endpoint, FailureKind::Content { reason }));
                        continue;
                    }
                    // Who has the manifest most likely has the rest; the others may help out.
                    let position = endpoints.iter().position(|other| other == endpoint).unwrap_or(0);
                    let mut endpoints = endpoints.clone();
                    endpoints.rotate_left(position);
                    let found = Document { bytes, digest, media_type, is_new: true };
                    return Ok((Source::Registry { endpoints }, found));
                }
                Err(kind) => failures.push(failure(endpoint, kind)),
            }
        }
        Err(ImageError::Registry { reference: boxed(reference), failures })
    }

    /// What a reference leads to, if that is known and nobody need be asked.
    fn recall(&self, reference: &Reference, asking: Asking) -> Option<Document> {
        let shelf = self.shelf.as_ref()?;
        if let Some(digest) = reference.digest() {
            let bytes = self.on_shelf(digest)?;
            return Some(Document { bytes, digest: digest.clone(), media_type: String::new(), is_new: false });
        }
        if asking == Asking::Always && !self.is_offline() {
            return None;
        }
        let Recalled { digest, media_type, at } = shelf.recall(&reference.to_string())?;
        let bytes = self.on_shelf(&digest)?;
        if self.is_offline() {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let day = date::day(i64::try_from(since).unwrap_or(0));
            self.client.warnings.tell(format!("offline: `{}` is taken as it was on {day}", reference.familiar()));
        }
        Some(Document { bytes, digest, media_type, is_new: false })
    }

    /// A document that was kept and is still what it was.
    fn on_shelf(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.shelf.as_ref()?.document(digest).filter(|bytes| Digest::of(bytes) == *digest)
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
        let (bytes, is_new) = match source {
            Source::Layout(layout) => {
                let bytes = layout.document(&descriptor.digest);
                (bytes.map_err(|cause| ImageError::Layout { reference: boxed(reference), cause })?, false)
            }
            Source::Registry { endpoints } => match self.on_shelf(&descriptor.digest) {
                Some(bytes) => (bytes, false),
                None => (self.remote_document(endpoints, reference, descriptor, is_manifest).await?, true),
            },
        };
        let (digest, media_type) = (descriptor.digest.clone(), descriptor.media_type.clone());
        Ok(Document { bytes, digest, media_type, is_new })
    }

    async fn remote_document(
        &self,
        endpoints: &[Endpoint],
        reference: &Reference,
        descriptor: &Descriptor,
        is_manifest: bool,
    ) -> Result<Vec<u8>, ImageError> {
        let digest = &descriptor.digest;
        if self.is_offline() {
            return Err(ImageError::Offline { reference: boxed(reference) });
        }
        if !is_manifest {
            let (mut memory, mut progress) = (Memory::default(), |_| {});
            let size = Some(descriptor.size);
            let arrival = Arrival { digest, size, landing: &mut memory, progress: &mut progress };
            return self.receive(reference, endpoints, arrival).await.map(|()| memory.into_bytes());
        }
        let mut failures = Vec::new();
        for endpoint in self.circuit.closed(endpoints) {
            let got = self.client.manifest(endpoint, reference.path(), digest.as_str()).await;
            self.circuit.note(endpoint, got.as_ref().err());
            let got = got.and_then(|(bytes, _)| match Digest::of(&bytes) {
                actual if actual == *digest => Ok(bytes),
                actual => Err(FailureKind::Content { reason: format!("digest {actual} instead of {digest}") }),
            });
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
        let mut endpoints: Vec<Endpoint> = mirrors.iter().filter_map(|url| endpoint(url, true)).collect();
        let name = match reference.domain() {
            "docker.io" => "registry-1.docker.io",
            domain => domain,
        };
        let at = |scheme: &str| Url::parse(&format!("{scheme}://{name}")).ok();
        let plain = host.and_then(|host| host.plain_http);
        let plain = plain.unwrap_or_else(|| at("http").is_some_and(|url| is_loopback(&url)));
        endpoints.extend(at(if plain { "http" } else { "https" }).and_then(|url| endpoint(&url, false)));
        endpoints
    }
}

impl ImageError {
    /// What to do about it, where that is known. The error's text ends with it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Registry { reference, failures } => advice(reference.domain(), failures),
            Self::Offline { .. } => Some("build once without `--offline`".to_owned()),
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
    /// Whether a registry gave it just now.
    is_new: bool,
}

async fn open_in_layout(
    dir: &Path,
    reference: &Reference,
    platform: &Platform,
) -> Result<(Source, Document), LayoutError> {
    let layout = open_layout(dir).await?;
    let root = layout.find(reference, platform)?;
    let bytes = layout.document(&root.digest)?;
    let root = Document { bytes, digest: root.digest, media_type: root.media_type, is_new: false };
    Ok((Source::Layout(layout), root))
}

/// Opens a layout off the async threads if it is an archive: all of it may have to be read.
async fn open_layout(dir: &Path) -> Result<Layout, LayoutError> {
    if !dir.is_file() {
        return Layout::open(dir);
    }
    let path = dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || Layout::open(&path)).await;
    opened.unwrap_or_else(|error| Err(LayoutError::Read { path: dir.to_owned(), reason: error.to_string() }))
}

fn endpoint(url: &Url, is_mirror: bool) -> Option<Endpoint> {
    let path = url.path().trim_matches('/');
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    Some(Endpoint { base: url.join("/").ok()?, prefix, is_mirror })
}

pub(crate) fn failure(endpoint: &Endpoint, kind: FailureKind) -> Failure {
    Failure { host: endpoint.base.as_str().trim_end_matches('/').to_owned(), kind }
}

pub(crate) fn boxed(reference: &Reference) -> Box<Reference> {
    Box::new(reference.clone())
}
