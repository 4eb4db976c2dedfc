//! The distribution protocol: one registry, one request at a time.
//!
//! Owns requests, authentication, repetition and the check of what arrives. Does not know which registry to ask; `images`
//! does.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode, Url};

use crate::credentials::{Challenge, Credential, Credentials};
use crate::failure::FailureKind;
use crate::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::transport::{Body, Clients, broken, send, send_body};

/// Repetitions of a request that met a passing fault.
pub(crate) const MAX_REPEATS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Manifests, tokens and error texts are small.
const MAX_DOCUMENT: usize = 4 << 20;

/// A registry or mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme, host and port; what the user is shown.
    pub(crate) base: Url,
    /// What a mirror wants before the repository's name, empty or with a slash at its end.
    pub(crate) prefix: String,
}

/// Content that is being received: checked as it passes, and continued where it broke off.
pub(crate) struct Sink<'a> {
    writer: &'a mut (dyn Write + Send),
    progress: &'a mut (dyn FnMut(u64) + Send),
    hasher: Hasher,
    written: u64,
    /// How much is expected, if that is known.
    size: Option<u64>,
}

/// Why content did not arrive.
pub(crate) enum Stop {
    Registry(FailureKind),
    Write(io::Error),
}

/// What a request is to be allowed to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access<'a> {
    /// Read a repository.
    Pull(&'a str),
    /// Write a repository.
    Push(&'a str),
    /// Write a repository, and read another one.
    Mount { into: &'a str, from: &'a str },
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

pub(crate) struct Client {
    credentials: Arc<dyn Credentials>,
    clients: Clients,
    /// What was accepted, by endpoint and what was to be done there.
    authorizations: Mutex<HashMap<(String, String), HeaderValue>>,
}

impl Client {
    pub(crate) fn new(credentials: Arc<dyn Credentials>) -> Self {
        Self { credentials, clients: Clients::default(), authorizations: Mutex::new(HashMap::new()) }
    }

    /// A manifest or index by tag or digest, with the type that the registry gives it. It is not checked.
    pub(crate) async fn manifest(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        selector: &str,
    ) -> Result<(Vec<u8>, String), FailureKind> {
        let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(", ");
        let mut repeats = 0;
        loop {
            let response = self.get(endpoint, repository, &format!("manifests/{selector}"), &accept, 0).await?;
            let media_type = header(&response, CONTENT_TYPE).unwrap_or_default();
            match body(response).await {
                Ok(bytes) => return Ok((bytes, media_type)),
                Err(FailureKind::Broken { .. }) if repeats < MAX_REPEATS => {
                    pause(repeats, None).await;
                    repeats += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Receives a blob from where the sink is. What has arrived stays in the sink when the registry fails.
    pub(crate) async fn blob(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        digest: &Digest,
        sink: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let mut repeats = 0;
        loop {
            let before = sink.written;
            let response = self
                .get(endpoint, repository, &format!("blobs/{digest}"), "*/*", before)
                .await
                .map_err(Stop::Registry)?;
            match sink.receive(response).await {
                Err(Stop::Registry(FailureKind::Broken { reason })) => {
                    repeats = if sink.written > before { 0 } else { repeats + 1 };
                    if repeats > MAX_REPEATS {
                        return Err(Stop::Registry(FailureKind::Broken { reason }));
                    }
                    pause(repeats, None).await;
                }
                other => return other,
            }
        }
    }

    async fn get(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        what: &str,
        accept: &str,
        offset: u64,
    ) -> Result<Response, FailureKind> {
        let repository = format!("{}{repository}", endpoint.prefix);
        let mut headers = vec![(ACCEPT, accept.to_owned())];
        if offset > 0 {
            headers.push((RANGE, format!("bytes={offset}-")));
        }
        let call = Call {
            access: Access::Pull(&repository),
            method: Method::GET,
            url: endpoint.url(&repository, what)?,
            headers,
            body: Body::None,
            repeats: MAX_REPEATS,
        };
        self.call(endpoint, &call).await
    }

    /// Makes a request, with the authorization that the registry asks for. The answer is a success.
    pub(crate) async fn call(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Response, FailureKind> {
        let client = self.clients.get(&call.url, call.body.is_large())?;
        let account = (endpoint.base.to_string(), call.access.name());
        // A registry may send uploads elsewhere, which is none of the credential's business.
        let at_home = call.url.origin() == endpoint.base.origin();
        let mut authorized = false;
        let mut repeats = 0;
        loop {
            let mut request = client.request(call.method.clone(), call.url.clone());
            for (name, value) in &call.headers {
                request = request.header(name, value);
            }
            let known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
            if let Some(value) = known.filter(|_| at_home) {
                request = request.header(AUTHORIZATION, value);
            }
            let response = match send_body(request, &call.body).await {
                Ok(response) => response,
                Err(failure @ FailureKind::Local { .. }) => return Err(failure),
                // Nobody is there: asking at length would only make the user wait for the same answer.
                Err(failure @ FailureKind::Connect { .. }) if repeats > 0 => return Err(failure),
                Err(failure) if repeats >= call.repeats => return Err(failure),
                Err(_) => {
                    pause(repeats, None).await;
                    repeats += 1;
                    continue;
                }
            };
            match response.status() {
                status if status.is_success() => return Ok(response),
                StatusCode::UNAUTHORIZED if !authorized && at_home => {
                    authorized = true;
                    let value = self.authorize(endpoint, call.access, response).await?;
                    let mut known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(account.clone(), value);
                }
                status
                    if (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS)
                        && repeats < call.repeats =>
                {
                    let wanted = header(&response, RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
                    pause(repeats, wanted.map(Duration::from_secs)).await;
                    repeats += 1;
                }
                _ => return Err(refusal(response).await),
            }
        }
    }

    /// Does what the registry asks for in its refusal. Returns the header that satisfies it.
    async fn authorize(
        &self,
        endpoint: &Endpoint,
        access: Access<'_>,
        refused: Response,
    ) -> Result<HeaderValue, FailureKind> {
        let challenge = refused
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(Challenge::read);
        let (credential, trouble) = match self.credential(&endpoint.base).await {
            Ok(credential) => (credential, None),
            Err(trouble) => (None, Some(trouble)),
        };
        let denied = |message: String| FailureKind::Denied {
            status: StatusCode::UNAUTHORIZED.as_u16(),
            message: trouble.as_ref().map_or(message.clone(), |trouble| format!("{message}; {trouble}")),
        };
        let value = match (challenge, credential) {
            (None, _) => return Err(refusal(refused).await),
            (Some(Challenge::Basic), Some(Credential::Password { user, password })) => basic(&user, &password),
            (Some(Challenge::Basic), _) => return Err(denied("it wants a user and a password".to_owned())),
            (Some(Challenge::Bearer { realm, service, scope }), credential) => {
                let scopes = access.scopes(scope);
                let token = self.token(endpoint, &realm, service.as_deref(), &scopes, credential).await;
                let token = token.map_err(|failure| match failure {
                    FailureKind::Denied { message, .. } => denied(message),
                    other => other,
                })?;
                format!("Bearer {token}")
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| denied("its credential cannot be sent in a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn token(
        &self,
        endpoint: &Endpoint,
        realm: &str,
        service: Option<&str>,
        scopes: &[String],
        credential: Option<Credential>,
    ) -> Result<String, FailureKind> {
        let wrong = |reason: String| FailureKind::Content { reason };
        let mut url =
            Url::parse(realm).map_err(|error| wrong(format!("its token service `{realm}` is no address: {error}")))?;
        // Whoever can change the answers of a plain registry could otherwise collect passwords for a secure one.
        if credential.is_some() && url.scheme() != "https" && endpoint.base.scheme() == "https" {
            return Err(wrong(format!("its token service `{realm}` would get the password without encryption")));
        }
        let client = self.clients.get(&url, false)?;
        let request = match credential {
            Some(Credential::IdentityToken(token)) => {
                let mut form = Url::parse("x:").map_err(|error| wrong(error.to_string()))?;
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service.unwrap_or_default())
                    .append_pair("client_id", "hlbc")
                    .append_pair("scope", &scopes.join(" "))
                    .append_pair("refresh_token", &token);
                let form = form.query().unwrap_or_default().to_owned();
                client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
            other => {
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", service);
                }
                for scope in scopes {
                    url.query_pairs_mut().append_pair("scope", scope);
                }
                match other {
                    Some(Credential::Password { user, password }) => {
                        client.get(url).header(AUTHORIZATION, basic(&user, &password))
                    }
                    _ => client.get(url),
                }
            }
        };
        let response = send(request).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let answer: serde_json::Value = serde_json::from_slice(&body(response).await?)
            .map_err(|error| wrong(format!("the answer of its token service is not JSON: {error}")))?;
        ["token", "access_token"]
            .iter()
            .find_map(|name| answer.get(name).and_then(serde_json::Value::as_str))
            .map(ToOwned::to_owned)
            .ok_or_else(|| wrong("the answer of its token service has no token".to_owned()))
    }

    async fn credential(&self, base: &Url) -> Result<Option<Credential>, String> {
        let server = match base.host_str() {
            Some("registry-1.docker.io") => "https://index.docker.io/v1/".to_owned(),
            host => match base.port() {
                Some(port) => format!("{}:{port}", host.unwrap_or_default()),
                None => host.unwrap_or_default().to_owned(),
            },
        };
        let credentials = Arc::clone(&self.credentials);
        // A credential helper is a process that may ask the user.
        tokio::task::spawn_blocking(move || credentials.get(&server)).await.map_err(|error| error.to_string())?
    }
}

impl Access<'_> {
    /// Tells authorizations of one registry apart.
    fn name(self) -> String {
        match self {
            Self::Pull(repository) => format!("pull {repository}"),
            Self::Push(repository) => format!("push {repository}"),
            Self::Mount { into, from } => format!("push {into} from {from}"),
        }
    }

    /// What a token must allow. To pull, a registry knows best itself; before a push it often names less than will be
    /// needed.
    fn scopes(self, named: Option<String>) -> Vec<String> {
        let pull = |repository: &str| format!("repository:{repository}:pull");
        let push = |repository: &str| format!("repository:{repository}:pull,push");
        match self {
            Self::Pull(repository) => vec![named.unwrap_or_else(|| pull(repository))],
            Self::Push(repository) => vec![push(repository)],
            Self::Mount { into, from } => vec![push(into), pull(from)],
        }
    }
}

impl Endpoint {
    /// An address below a repository, whose name has the prefix already.
    pub(crate) fn url(&self, repository: &str, what: &str) -> Result<Url, FailureKind> {
        let joined = self.base.join(&format!("/v2/{repository}/{what}"));
        joined.map_err(|error| FailureKind::Content { reason: format!("no address: {error}") })
    }
}

impl<'a> Sink<'a> {
    /// A sink for `size` bytes.
    pub(crate) fn new(
        writer: &'a mut (dyn Write + Send),
        progress: &'a mut (dyn FnMut(u64) + Send),
        size: u64,
    ) -> Self {
        Self { size: Some(size), ..Self::of_any_size(writer, progress) }
    }

    /// A sink for whatever comes.
    pub(crate) fn of_any_size(writer: &'a mut (dyn Write + Send), progress: &'a mut (dyn FnMut(u64) + Send)) -> Self {
        Self { writer, progress, hasher: Hasher::default(), written: 0, size: None }
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if let Some(size) = self.size.filter(|size| self.written + bytes.len() as u64 > *size) {
            let reason = format!("more than the {size} bytes that the manifest says");
            return Err(Stop::Registry(FailureKind::Content { reason }));
        }
        self.writer.write_all(bytes).map_err(Stop::Write)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        (self.progress)(self.written);
        Ok(())
    }

    /// Whether everything has arrived and is what it should be.
    pub(crate) fn finish(self, expected: &Digest) -> Result<(), String> {
        if let Some(reason) = self.missing() {
            return Err(reason);
        }
        match self.hasher.finish() {
            actual if actual == *expected => Ok(()),
            actual => Err(format!("digest {actual} instead of {expected}")),
        }
    }

    fn missing(&self) -> Option<String> {
        let size = self.size.filter(|size| self.written < *size)?;
        Some(format!("{} bytes instead of the {size} that the manifest says", self.written))
    }

    async fn receive(&mut self, mut response: Response) -> Result<(), Stop> {
        // A server that does not know ranges sends everything again.
        let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { self.written };
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => {
                    let known = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
                    skip -= known as u64;
                    self.write(bytes.get(known..).unwrap_or_default())?;
                }
                Ok(None) => {
                    let broken = |reason| Stop::Registry(FailureKind::Broken { reason });
                    return self.missing().map_or(Ok(()), |reason| Err(broken(reason)));
                }
                Err(error) => return Err(Stop::Registry(broken(&error))),
            }
        }
    }
}

/// A small body.
async fn body(mut response: Response) -> Result<Vec<u8>, FailureKind> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FailureKind::Content { reason: format!("a document of more than {MAX_DOCUMENT} bytes") });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What an answer that is not the content means.
async fn refusal(response: Response) -> FailureKind {
    let status = response.status();
    let text = body(response).await.unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(&text).ok().and_then(|answer| {
        let error = answer.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&answer);
        ["message", "details", "code"].iter().find_map(|name| error.get(name)?.as_str().map(ToOwned::to_owned))
    });
    let message = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned());
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

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) async fn pause(repeats: u32, wanted: Option<Duration>) {
    let usual = FIRST_PAUSE * 2_u32.saturating_pow(repeats);
    tokio::time::sleep(wanted.unwrap_or(usual).min(MAX_PAUSE)).await;
}
