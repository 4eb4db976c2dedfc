//! Who the user is to a registry.
//!
//! Owns the lookup of credentials and the registries' challenges. Does not talk to anybody.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};

/// What helpers say on standard output when they have no login, which they take for a failure.
const NO_LOGIN: &str = "credentials not found in native keychain";

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

/// The credentials of `docker login`, with its credential helpers, and then those of `podman login`.
#[derive(Debug, Clone, Copy)]
pub struct DockerCredentials;

impl Credentials for DockerCredentials {
    fn get(&self, server: &str) -> Result<Option<Credential>, String> {
        let mut trouble = None;
        for (whose, path) in files(&|name| std::env::var_os(name)) {
            match read(whose, &path, server) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(reason) => trouble = trouble.or(Some(reason)),
            }
        }
        trouble.map_or(Ok(None), Err)
    }
}

/// The files with logins that may be there, and whose they are.
fn files(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<(&'static str, PathBuf)> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = path("HOME");
    let docker = path("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let podman = match path("REGISTRY_AUTH_FILE") {
        Some(named) => vec![named],
        None => {
            let running = path("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
            let kept = home.map(|home| home.join(".config/containers/auth.json"));
            running.into_iter().chain(kept).collect()
        }
    };
    let docker = docker.map(|dir| ("docker", dir.join("config.json")));
    docker.into_iter().chain(podman.into_iter().map(|path| ("podman", path))).collect()
}

/// The login for a server in one file; none if there is no file.
fn read(whose: &str, path: &Path, server: &str) -> Result<Option<Credential>, String> {
    let wrong = |reason: String| format!("{whose}'s configuration `{}` cannot be read: {reason}", path.display());
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let name = match server {
        "https://index.docker.io/v1/" if whose == "podman" => "docker.io",
        server => server,
    };
    match docker_credential::get_credential_from_reader(bytes.as_slice(), name) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credential::Password { user, password })),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::IdentityToken(token))),
        Err(CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.trim() == NO_LOGIN => Ok(None),
        Err(CredentialRetrievalError::ConfigReadError) => {
            Err(wrong(match serde_json::from_slice::<serde_json::Value>(&bytes) {
                Ok(_) => "its logins are not as they should be".to_owned(),
                Err(error) => format!("it is not JSON: {error}"),
            }))
        }
        Err(error) => Err(format!("{whose}'s credentials for {server} cannot be read: {error}")),
    }
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
    fn logins_are_read_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        let check = |whose: &str, text: &str, server: &str| {
            std::fs::write(&path, text).unwrap();
            match read(whose, &path, server) {
                Ok(Some(Credential::Password { user, password })) => format!("{user} {password}"),
                Ok(Some(Credential::IdentityToken(token))) => token,
                Ok(None) => "nothing".to_owned(),
                Err(reason) => reason.replace(&path.display().to_string(), "FILE"),
            }
        };
        let login = r#"{"auths":{"h:5000":{"auth":"dXNlcjpzZWNyZXQ="},"docker.io":{"auth":"YTpi"}}}"#;
        assert_eq!(check("docker", login, "h:5000"), "user secret");
        assert_eq!(check("docker", login, "h"), "nothing");
        assert_eq!(check("podman", login, "https://index.docker.io/v1/"), "a b");
        assert_eq!(check("docker", "{}", "h"), "nothing");
        insta::assert_snapshot!(check("docker", "{", "h"), @"docker's configuration `FILE` cannot be read: it is not JSON: EOF while parsing an object at line 1 column 1");
        insta::assert_snapshot!(check("podman", r#"{"auths":5}"#, "h"), @"podman's configuration `FILE` cannot be read: its logins are not as they should be");
        insta::assert_snapshot!(check("docker", r#"{"auths":{"h":{"auth":"?"}}}"#, "h"), @"docker's credentials for h cannot be read: Unable to decode credential");
        assert!(matches!(read("docker", &dir.path().join("none"), "h"), Ok(None)));
        assert!(matches!(read("docker", &path.join("below"), "h"), Ok(None)));
        assert!(read("docker", dir.path(), "h").is_err());
    }

    #[test]
    fn files_with_logins_are_where_their_programs_keep_them() {
        let check = |variables: &[(&str, &str)], expected: &[&str]| {
            let get =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
            let found: Vec<String> = files(&get).into_iter().map(|(_, path)| path.display().to_string()).collect();
            assert_eq!(found, expected);
        };
        check(&[], &[]);
        check(&[("HOME", "/h")], &["/h/.docker/config.json", "/h/.config/containers/auth.json"]);
        check(
            &[("HOME", "/h"), ("DOCKER_CONFIG", "/d"), ("XDG_RUNTIME_DIR", "/r")],
            &["/d/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"],
        );
        check(&[("HOME", ""), ("REGISTRY_AUTH_FILE", "/a.json")], &["/a.json"]);
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
