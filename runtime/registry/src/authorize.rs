//! What registries want to see before they answer.
//!
//! Owns the way from a refusal to the header that satisfies it: passwords, and tokens from token services.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use crate::client::{Client, Endpoint, body, is_passing, refusal, wanted};
use crate::credentials::{Challenge, Credential};
use crate::failure::FailureKind;
use crate::patience::Repeats;
use crate::transport::Body;

/// How forms are sent.
const FORM: &str = "application/x-www-form-urlencoded";

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

impl Client {
    /// Does what the registry asks for in its refusal. Returns the header that satisfies it.
    pub(crate) async fn authorize(
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
            Err(trouble) => {
                self.warnings.tell(format!("{trouble}; asking without a login"));
                (None, Some(trouble))
            }
        };
        let denied = |message: String| FailureKind::Denied {
            status: StatusCode::UNAUTHORIZED.as_u16(),
            message: trouble.as_ref().map_or(message.clone(), |trouble| format!("{message}; {trouble}")),
        };
        let value = match (challenge, credential) {
            (None, _) => return Err(refusal(refused, self.patience(&endpoint.base)).await),
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
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("its token service `{realm}` has no address that begins with `https:`")));
        }
        // Whoever can change the answers of a plain registry could otherwise collect passwords for a secure one.
        if credential.is_some() && url.scheme() != "https" && endpoint.base.scheme() == "https" {
            return Err(wrong(format!("its token service `{realm}` would get the password without encryption")));
        }
        let mut basic_header = None;
        let (method, form) = match credential {
            Some(Credential::IdentityToken(token)) => {
                let mut form = Url::parse("x:").map_err(|error| wrong(error.to_string()))?;
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service.unwrap_or_default())
                    .append_pair("client_id", "hlbc")
                    .append_pair("scope", &scopes.join(" "))
                    .append_pair("refresh_token", &token);
                let bytes = form.query().unwrap_or_default().as_bytes().to_vec();
                (Method::POST, Body::Bytes { media_type: FORM.to_owned(), bytes })
            }
            other => {
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", service);
                }
                for scope in scopes {
                    url.query_pairs_mut().append_pair("scope", scope);
                }
                if let Some(Credential::Password { user, password }) = other {
                    basic_header = Some(basic(&user, &password));
                }
                (Method::GET, Body::None)
            }
        };
        let dress = |at: &Url, request: RequestBuilder| match &basic_header {
            Some(value) if at.origin() == url.origin() => request.header(AUTHORIZATION, value),
            _ => request,
        };
        let patience = self.patience(&url);
        let mut repeats = Repeats::new(patience, u32::MAX);
        let response = loop {
            // A form holds a secret, and goes to no other address.
            let sent = self.send(&method, &url, &form, method == Method::GET, &dress).await;
            match sent {
                Ok(answer) if answer.status().is_success() => break answer,
                Ok(answer) if is_passing(answer.status()) && repeats.wait(wanted(&answer)).await => {}
                Ok(answer) => return Err(refusal(answer, patience).await),
                Err(failure) if failure.is_break() && repeats.wait(None).await => {}
                Err(failure) => return Err(failure),
            }
        };
        let answer: serde_json::Value = serde_json::from_slice(&body(response, patience).await?)
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
    pub(crate) fn name(self) -> String {
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

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
