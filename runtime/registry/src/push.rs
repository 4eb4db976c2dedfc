//! Images into a registry.
//!
//! Owns the order of requests that makes a blob or a manifest be there. Which blobs an image needs, and that they go before
//! its manifest, is for the caller to know.

use std::path::Path;

use hlb_llb::Digest;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderName, LOCATION};
use reqwest::{Method, Response, Url};

use crate::authorize::Access;
use crate::client::{Call, Endpoint, header};
use crate::failure::{Failure, FailureKind};
use crate::images::Images;
use crate::patience::Repeats;
use crate::reference::Reference;
use crate::transport::Body;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A repository that is being written, and the tag that its manifest gets.
pub struct Pusher<'a> {
    images: &'a Images,
    reference: Reference,
    tag: String,
    endpoint: Endpoint,
    /// With the endpoint's prefix.
    repository: String,
}

/// An image cannot be pushed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The name says which content it must have.
    #[error("cannot push to `{reference}`: what is pushed decides on the digest; write a tag in its place")]
    Digest {
        /// The name.
        reference: Box<Reference>,
    },
    /// Nobody is to be asked.
    #[error("cannot push to `{reference}`: this run asks nobody (`--offline`)")]
    Offline {
        /// The name.
        reference: Box<Reference>,
    },
    /// The registry has no address.
    #[error("cannot push to `{reference}`: the registry's name is no address")]
    Address {
        /// The name.
        reference: Box<Reference>,
    },
    /// The registry did not take it.
    #[error("cannot push to `{reference}`: {failure}{}", advice(.failure, .reference))]
    Registry {
        /// The name.
        reference: Box<Reference>,
        /// What the registry answered.
        failure: Failure,
    },
}

impl Images {
    /// Opens the repository of a reference for writing. Mirrors are not written.
    ///
    /// # Errors
    /// When the reference has a digest, or nobody is to be asked.
    pub fn pusher(&self, reference: &Reference) -> Result<Pusher<'_>, PushError> {
        if reference.digest().is_some() {
            return Err(PushError::Digest { reference: Box::new(reference.clone()) });
        }
        if self.is_offline() {
            return Err(PushError::Offline { reference: Box::new(reference.clone()) });
        }
        let Some(endpoint) = self.endpoints(reference).pop() else {
            return Err(PushError::Address { reference: Box::new(reference.clone()) });
        };
        let repository = format!("{}{}", endpoint.prefix, reference.path());
        let tag = reference.tag().unwrap_or("latest").to_owned();
        Ok(Pusher { images: self, reference: reference.clone(), tag, endpoint, repository })
    }
}

impl Pusher<'_> {
    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, PushError> {
        Ok(self.head(&format!("blobs/{digest}"), "*/*").await?.is_some())
    }

    /// Whether the tag leads to this manifest already.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn has_manifest(&self, digest: &Digest, media_type: &str) -> Result<bool, PushError> {
        let found = self.head(&format!("manifests/{}", self.tag), media_type).await?;
        Ok(found.is_some_and(|answer| header(&answer, CONTENT_DIGEST).as_deref() == Some(digest.as_str())))
    }

    /// Whether the repository has a manifest, whatever its tags are.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn has_part(&self, digest: &Digest, media_type: &str) -> Result<bool, PushError> {
        Ok(self.head(&format!("manifests/{digest}"), media_type).await?.is_some())
    }

    /// Takes a blob over from another repository of the registry. False if the registry will not, for whatever reason.
    pub async fn mount_blob(&self, digest: &Digest, from: &Reference) -> bool {
        if from.domain() != self.reference.domain() || from.path() == self.reference.path() {
            return false;
        }
        let from = format!("{}{}", self.endpoint.prefix, from.path());
        let Ok(mut url) = self.endpoint.url(&self.repository, "blobs/uploads/") else { return false };
        url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", &from);
        let access = Access::Mount { into: &self.repository, from: &from };
        let answer = self.call(access, Method::POST, url, Body::None, 0).await;
        answer.is_ok_and(|answer| answer.status() == reqwest::StatusCode::CREATED)
    }

    /// Uploads a blob from a file.
    ///
    /// # Errors
    /// When the registry does not take it, also after repetitions, or the file cannot be read.
    pub async fn upload_file(&self, digest: &Digest, path: &Path, size: u64) -> Result<(), PushError> {
        self.upload(digest, Body::File { path: path.to_owned(), size }).await
    }

    /// Uploads a small blob.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub async fn upload_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<(), PushError> {
        let media_type = "application/octet-stream".to_owned();
        self.upload(digest, Body::Bytes { media_type, bytes: bytes.to_vec() }).await
    }

    /// Gives the tag a manifest, all of whose blobs are there; or an index, all of whose manifests are there.
    ///
    /// # Errors
    /// When the registry does not take it, or has understood something else.
    pub async fn put_manifest(&self, bytes: &[u8], media_type: &str) -> Result<(), PushError> {
        self.put(&self.tag, bytes, media_type).await
    }

    /// Puts a manifest, all of whose blobs are there, without a tag: an index will name it.
    ///
    /// # Errors
    /// When the registry does not take it, or has understood something else.
    pub async fn put_part(&self, bytes: &[u8], media_type: &str) -> Result<(), PushError> {
        self.put(Digest::of(bytes).as_str(), bytes, media_type).await
    }

    async fn put(&self, selector: &str, bytes: &[u8], media_type: &str) -> Result<(), PushError> {
        let put = async {
            let url = self.endpoint.url(&self.repository, &format!("manifests/{selector}"))?;
            let body = Body::Bytes { media_type: media_type.to_owned(), bytes: bytes.to_vec() };
            let answer = self.call(Access::Push(&self.repository), Method::PUT, url, body, u32::MAX).await?;
            let digest = Digest::of(bytes);
            match header(&answer, CONTENT_DIGEST) {
                Some(understood) if understood != digest.as_str() => {
                    let reason = format!("the manifest {digest} was stored as {understood}");
                    Err(FailureKind::Content { reason })
                }
                _ => Ok(()),
            }
        };
        put.await.map_err(|kind| self.failed(kind))
    }

    async fn head(&self, what: &str, accept: &str) -> Result<Option<Response>, PushError> {
        let head = async {
            let call = Call {
                access: Access::Push(&self.repository),
                method: Method::HEAD,
                url: self.endpoint.url(&self.repository, what)?,
                headers: vec![(ACCEPT, accept.to_owned())],
                body: Body::None,
                repeats: u32::MAX,
            };
            self.images.client.call(&self.endpoint, &call).await
        };
        match head.await {
            Ok(answer) => Ok(Some(answer)),
            Err(FailureKind::NotFound) => Ok(None),
            Err(kind) => Err(self.failed(kind)),
        }
    }

    /// An upload that breaks begins again: what a registry keeps of a broken one is its own secret.
    async fn upload(&self, digest: &Digest, body: Body) -> Result<(), PushError> {
        let mut repeats = Repeats::new(self.images.client.patience(&self.endpoint.base), u32::MAX);
        loop {
            match self.try_upload(digest, &body).await {
                Ok(()) => return Ok(()),
                Err((kind, begun)) if is_passing(&kind, begun) && repeats.wait(None).await => {}
                Err((kind, _)) => return Err(self.failed(kind)),
            }
        }
    }

    /// With a failure comes whether the registry had agreed to the upload.
    async fn try_upload(&self, digest: &Digest, body: &Body) -> Result<(), (FailureKind, bool)> {
        let access = Access::Push(&self.repository);
        let begin = async {
            let start = self.endpoint.url(&self.repository, "blobs/uploads/")?;
            let answer = self.call(access, Method::POST, start, Body::None, 0).await?;
            self.location(&answer)
        };
        let mut target = begin.await.map_err(|kind| (kind, false))?;
        target.query_pairs_mut().append_pair("digest", digest.as_str());
        self.call(access, Method::PUT, target, body.clone(), 0).await.map_err(|kind| (kind, true))?;
        Ok(())
    }

    /// Where the registry wants the content.
    fn location(&self, answer: &Response) -> Result<Url, FailureKind> {
        let wrong = |reason: &str| FailureKind::Content { reason: reason.to_owned() };
        let text = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let text = text.ok_or_else(|| wrong("the registry does not say where to upload to"))?;
        let url = answer.url().join(text).map_err(|_| wrong("the registry names an upload address that is none"))?;
        if self.endpoint.base.scheme() == "https" && url.scheme() != "https" {
            return Err(wrong("the registry wants the content at an address without encryption"));
        }
        Ok(url)
    }

    async fn call(
        &self,
        access: Access<'_>,
        method: Method,
        url: Url,
        body: Body,
        repeats: u32,
    ) -> Result<Response, FailureKind> {
        // Some proxies refuse a request without a body that does not say so.
        let headers = if matches!(body, Body::None) { vec![(CONTENT_LENGTH, "0".to_owned())] } else { Vec::new() };
        let call = Call { access, method, url, headers, body, repeats };
        self.images.client.call(&self.endpoint, &call).await
    }

    fn failed(&self, kind: FailureKind) -> PushError {
        let host = self.endpoint.base.as_str().trim_end_matches('/').to_owned();
        PushError::Registry { reference: Box::new(self.reference.clone()), failure: Failure { host, kind } }
    }
}

impl std::fmt::Debug for Pusher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pusher").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Whether the same upload may succeed when it is begun anew. Registries that are restarted forget uploads.
fn is_passing(kind: &FailureKind, begun: bool) -> bool {
    match kind {
        FailureKind::Broken { .. } | FailureKind::Slow { .. } | FailureKind::Limited { .. } => true,
        FailureKind::NotFound => begun,
        FailureKind::Status { status, .. } => *status >= 500 || (begun && *status == 416),
        _ => false,
    }
}

fn advice(failure: &Failure, reference: &Reference) -> String {
    failure.kind.push_advice(reference.domain()).map_or_else(String::new, |advice| format!("; {advice}"))
}
