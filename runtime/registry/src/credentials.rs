//! Who the user is to a registry.
//!
//! Owns the lookup of credentials and the registries' challenges. Does not talk to anybody.

use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};

/// A credential for one registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// User and password.
    Password {
        /// The user.
        user: String,
        /// The password, or an access token in its place.
        password: String,
    },
    /// A token that is exchanged for others.
    IdentityToken(String),
}

/// Where credentials come from.
pub trait Credentials: Send + Sync {
    /// The credential for a registry, named as `docker login` stores it. May block.
    ///
    /// # Errors
    /// What went wrong, for the user. Having none is no error.
    fn get(&self, server: &str) -> Result<Option<Credential>, String>;
}

/// The credentials of `docker login`: its configuration file and credential helpers.
#[derive(Debug, Clone, Copy)]
pub struct DockerCredentials;

impl Credentials for DockerCredentials {
    fn get(&self, server: &str) -> Result<Option<Credential>, String> {
        match docker_credential::get_credential(server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credential::Password { user, password })),
            Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::IdentityToken(token))),
            Err(CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound) => {
                Ok(None)
            }
            Err(CredentialRetrievalError::ConfigReadError) => Err(damaged()),
            Err(error) => Err(format!("docker's credentials for {server} cannot be read: {error}")),
        }
    }
}

/// What is wrong with the configuration of docker.
fn damaged() -> String {
    let below_home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let dir = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(below_home).unwrap_or_default();
    let path = dir.join("config.json");
    let read = std::fs::read(&path).map_err(|error| error.to_string());
    let reason = match read.as_deref().map(serde_json::from_slice::<serde_json::Value>) {
        Ok(Ok(_)) => "its logins are not as docker writes them".to_owned(),
        Ok(Err(error)) => format!("it is not JSON: {error}"),
        Err(reason) => reason.clone(),
    };
    format!("docker's configuration `{}` cannot be read: {reason}", path.display())
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// Reads a header; a bearer challenge wins over a basic one. None if it has neither.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let mut basic = false;
        for (scheme, parameters) in challenges(header) {
            let get = |name: &str| {
                parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = get("realm")
            {
                return Some(Self::Bearer { realm, service: get("service"), scope: get("scope") });
            }
            basic |= scheme.eq_ignore_ascii_case("basic");
        }
        basic.then_some(Self::Basic)
    }
}

type Parameters = Vec<(String, String)>;

/// Splits `Scheme name=value, name="value", Scheme …`.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut chars = header.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, ',' | '=')) {
            word.push(c);
        }
        if chars.next_if_eq(&'=').is_some() {
            let mut value = String::new();
            if chars.next_if_eq(&'"').is_some() {
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => value.extend(chars.next()),
                        c => value.push(c),
                    }
                }
            } else {
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != ',') {
                    value.push(c);
                }
            }
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word, value));
            }
        } else if !word.is_empty() {
            found.push((word, Vec::new()));
        } else if chars.next().is_none() {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) })
    }

    #[test]
    fn challenges_are_read() {
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            ("Bearer realm=\"https://a/t\",service=\"s\"", bearer("https://a/t", Some("s"), None)),
            ("bearer realm=https://a/t , scope=\"a:b:pull,push\"", bearer("https://a/t", None, Some("a:b:pull,push"))),
            ("Basic realm=\"x\", Bearer realm=\"y\"", bearer("y", None, None)),
            ("Bearer realm=\"a\\\"b\"", bearer("a\"b", None, None)),
            ("Bearer service=x", None),
            ("Negotiate", None),
            ("", None),
            ("=,=\"", None),
            ("Bearer realm=\"open", bearer("open", None, None)),
        ] {
            assert_eq!(Challenge::read(header), expected, "{header}");
        }
    }
}
