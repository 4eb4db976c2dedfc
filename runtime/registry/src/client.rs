//! The distribution protocol: one registry, one request at a time.
//!
//! Owns requests, authentication, repetition and the check of what arrives. Does not know which registry to ask; `images`
//! does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use crate::authorize::Access;
use crate::credentials::Credentials;
use crate::failure::FailureKind;
use crate::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::patience::{self, Pace, Patience, Repeats};
use crate::transport::{Body, Clients, MAX_REDIRECTS, broken, redirected, send_body};
use crate::warnings::Warnings;

/// Manifests, tokens and error texts are small.
const MAX_DOCUMENT: usize = 4 << 20;

/// A registry or mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme, host and port; what the user is shown.
    pub(crate) base: Url,
    /// What a mirror wants before the repository's name, empty or with a slash at its end.
    pub(crate) prefix: String,
    /// Whether others have what it has.
    pub(crate) is_mirror: bool,
}

/// One request, which may have to be made more than once.
pub(crate) struct Call<'a> {
    pub(crate) access: Access<'a>,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Body,
    /// How often it is repeated after a passing fault.
    pub(crate) repeats: u32,
}

/// What is remembered of all registries.
pub(crate) struct Client {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) warnings: Warnings,
    clients: Clients,
    /// What was accepted, by endpoint and what was to be done there.
    authorizations: Mutex<HashMap<(String, String), HeaderValue>>,
}

impl Client {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, clients: Clients) -> Self {
        Self { credentials, warnings: Warnings::default(), clients, authorizations: Mutex::new(HashMap::new()) }
    }

    /// How long the host of an address is waited for.
    pub(crate) fn patience(&self, url: &Url) -> Patience {
        self.clients.patience(url)
    }

    pub(crate) fn clients_mut(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// A manifest or index by tag or digest, with the type that the registry gives it. It is not checked.
    pub(crate) async fn manifest(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        selector: &str,
    ) -> Result<(Vec<u8>, String), FailureKind> {
        let repository = format!("{}{repository}", endpoint.prefix);
        let call = Call {
            access: Access::Pull(&repository),
            method: Method::GET,
            url: endpoint.url(&repository, &format!("manifests/{selector}"))?,
            headers: vec![(ACCEPT, [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(", "))],
            body: Body::None,
            repeats: u32::MAX,
        };
        let patience = self.patience(&endpoint.base);
        let mut repeats = Repeats::new(patience, call.repeats);
        loop {
            let response = self.call(endpoint, &call).await?;
            let media_type = header(&response, CONTENT_TYPE).unwrap_or_default();
            match body(response, patience).await {
                Ok(bytes) => return Ok((bytes, media_type)),
                Err(failure) if failure.is_break() && repeats.wait(None).await => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Makes a request, with the authorization that the registry asks for. The answer is a success.
    pub(crate) async fn call(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Response, FailureKind> {
        let account = (endpoint.base.to_string(), call.access.name());
        // A registry may send uploads and downloads elsewhere, which is none of the credential's business.
        let is_home = |url: &Url| url.origin() == endpoint.base.origin();
        let patience = self.patience(&call.url);
        let mut authorized = false;
        let mut repeats = Repeats::new(patience, call.repeats);
        loop {
            let known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
            let dress = |url: &Url, mut request: RequestBuilder| {
                for (name, value) in &call.headers {
                    request = request.header(name, value);
                }
                match &known {
                    Some(value) if is_home(url) => request.header(AUTHORIZATION, value),
                    _ => request,
                }
            };
            let response = match self.send(&call.method, &call.url, &call.body, true, &dress).await {
                Ok(response) => response,
                // Nobody is there: asking at length would only make the user wait for the same answer.
                Err(failure @ FailureKind::Connect { .. }) if repeats.done() > 0 => return Err(failure),
                Err(failure) if failure.is_lasting() || !repeats.wait(None).await => return Err(failure),
                Err(_) => continue,
            };
            match response.status() {
                status if status.is_success() => return Ok(response),
                StatusCode::UNAUTHORIZED if !authorized && is_home(response.url()) => {
                    authorized = true;
                    let value = self.authorize(endpoint, call.access, response).await?;
                    let mut known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(account.clone(), value);
                }
                status if is_passing(status) && repeats.wait(wanted(&response)).await => {}
                _ => return Err(refusal(response, patience).await),
            }
        }
    }

    /// Sends a request, and on to where the answers point if it `follows`. `dress` gives it what an address may see.
    pub(crate) async fn send(
        &self,
        method: &Method,
        start: &Url,
        body: &Body,
        follows: bool,
        dress: &(dyn Fn(&Url, RequestBuilder) -> RequestBuilder + Sync),
    ) -> Result<Response, FailureKind> {
        let mut url = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = self.clients.get(&url, body.is_large(), &self.warnings)?;
            let request = dress(&url, client.request(method.clone(), url.clone()));
            let sent = send_body(request, body, self.patience(&url).silence).await;
            let response = sent.map_err(|failure| self.clients.explained(&url, failure))?;
            match redirected(method, &url, &response)?.filter(|_| follows) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        Err(FailureKind::Content { reason: format!("it sends on more than {MAX_REDIRECTS} times") })
    }
}

/// Whether the same request may get another answer later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        status => status >= 500,
    }
}

/// How long a server asks to wait.
pub(crate) fn wanted(response: &Response) -> Option<std::time::Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    patience::retry_after(text)
}

impl Endpoint {
    /// An address below a repository, whose name has the prefix already.
    pub(crate) fn url(&self, repository: &str, what: &str) -> Result<Url, FailureKind> {
        let joined = self.base.join(&format!("/v2/{repository}/{what}"));
        joined.map_err(|error| FailureKind::Content { reason: format!("no address: {error}") })
    }
}

/// A small body.
pub(crate) async fn body(mut response: Response, patience: Patience) -> Result<Vec<u8>, FailureKind> {
    let mut bytes = Vec::new();
    let mut pace = Pace::new(patience);
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FailureKind::Content { reason: format!("a document of more than {MAX_DOCUMENT} bytes") });
        }
        bytes.extend_from_slice(&chunk);
        pace.came(chunk.len())?;
    }
    Ok(bytes)
}

/// What an answer that is not the content means.
pub(crate) async fn refusal(response: Response, patience: Patience) -> FailureKind {
    let status = response.status();
    let wanted = wanted(&response).filter(|wanted| patience::is_too_long(*wanted));
    let text = body(response, patience).await.unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(&text).ok().and_then(|answer| {
        let error = answer.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&answer);
        ["message", "details", "code"].iter().find_map(|name| error.get(name)?.as_str().map(ToOwned::to_owned))
    });
    let mut message = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned());
    if let Some(wanted) = wanted {
        message = format!("{message}; it asks to wait {} s", wanted.as_secs());
    }
    match status {
        StatusCode::NOT_FOUND => FailureKind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureKind::Denied { status: status.as_u16(), message },
        StatusCode::TOO_MANY_REQUESTS => FailureKind::Limited { message },
        status => FailureKind::Status { status: status.as_u16(), message },
    }
}

pub(crate) fn header(response: &Response, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    // Of a type only the type: `application/json; charset=utf-8`.
    Some(value.split(';').next().unwrap_or_default().trim().to_owned())
}
