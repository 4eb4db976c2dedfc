//! Where images come from instead of their registry.
//!
//! Owns the `registries` and `layouts` tables of the configuration file, checked and in normal form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::reference::{InvalidReference, Reference};
use crate::trust::Trust;

/// Mirrors and layouts.
///
/// ```toml
/// [registries."docker.io"]
/// mirrors = ["http://127.0.0.1:5000"]   # tried in order, then the registry itself
///
/// [registries."r.example:5000"]
/// plain-http = true                     # loopback addresses need no word
/// ca = ["corp.pem"]                     # authorities of certificates beside those that the machine knows
/// client-cert = { cert = "me.pem", key = "me.key" }
/// insecure = true                       # anybody may answer
/// timeout = 60                          # seconds of silence
///
/// [layouts]
/// "debian" = "/var/lib/images/debian"   # an OCI layout directory or an archive; without a tag the key is for every tag
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Raw")]
pub struct RegistryConfig {
    pub(crate) hosts: BTreeMap<String, Host>,
    layouts: BTreeMap<String, PathBuf>,
    offline: bool,
}

/// What is said about a registry, or about a mirror.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) mirrors: Vec<Url>,
    pub(crate) plain_http: Option<bool>,
    pub(crate) trust: Trust,
    /// Of silence.
    pub(crate) timeout: Option<Duration>,
}

/// A configuration that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key of `registries` has more than a host in it.
    #[error(
        "`{key}` in `registries` is not the name of a registry: write the host as it stands in image names, `docker.io` or `localhost:5000`"
    )]
    Host {
        /// The key.
        key: String,
    },
    /// A mirror is not an address.
    #[error("`{mirror}`, a mirror of `{host}`, is not an address: {reason}")]
    Mirror {
        /// The registry.
        host: String,
        /// The mirror.
        mirror: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A time is too short or too long.
    #[error("`timeout` of `{host}` is {seconds} seconds: it must be from 5 to 3600")]
    Timeout {
        /// The registry.
        host: String,
        /// What it is.
        seconds: u64,
    },
    /// A key of `layouts` is not a reference.
    #[error("in `layouts`: {0}")]
    Layout(InvalidReference),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    registries: BTreeMap<String, RawHost>,
    #[serde(default)]
    layouts: BTreeMap<String, PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawHost {
    #[serde(default)]
    mirrors: Vec<String>,
    plain_http: Option<bool>,
    #[serde(default)]
    ca: Vec<PathBuf>,
    client_cert: Option<RawIdentity>,
    #[serde(default)]
    insecure: bool,
    timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    cert: PathBuf,
    key: PathBuf,
}

impl RegistryConfig {
    /// Every image from its own registry.
    pub fn empty() -> Self {
        Self { hosts: BTreeMap::new(), layouts: BTreeMap::new(), offline: false }
    }

    /// Whether nobody is to be asked for anything.
    pub fn set_offline(&mut self, offline: bool) {
        self.offline = offline;
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// Takes an image from an OCI layout directory, or from an archive. `name` is a reference; without a tag it answers for every tag.
    ///
    /// # Errors
    /// When the name is no reference.
    pub fn add_layout(&mut self, name: &str, dir: impl Into<PathBuf>) -> Result<(), ConfigError> {
        self.layouts.insert(Reference::parse_bare(name).map_err(ConfigError::Layout)?.to_string(), dir.into());
        Ok(())
    }

    /// Reads relative paths from `base` on, the directory of the configuration file.
    pub fn relative_to(&mut self, base: &Path) {
        for host in self.hosts.values_mut() {
            host.trust.relative_to(base);
        }
        for dir in self.layouts.values_mut() {
            *dir = base.join(&*dir);
        }
    }

    /// The layout directory for a reference: that of its whole name, else that of its repository.
    pub(crate) fn layout(&self, reference: &Reference) -> Option<&Path> {
        let tagged = reference.tag().map(|tag| format!("{}:{tag}", reference.repository()));
        [Some(reference.to_string()), tagged, Some(reference.repository())]
            .into_iter()
            .flatten()
            .find_map(|name| self.layouts.get(&name))
            .map(PathBuf::as_path)
    }
}

impl TryFrom<Raw> for RegistryConfig {
    type Error = ConfigError;

    fn try_from(raw: Raw) -> Result<Self, ConfigError> {
        let mut config = Self::empty();
        for (key, host) in raw.registries {
            let name = host_name(&key).ok_or_else(|| ConfigError::Host { key: key.clone() })?;
            let mirrors = host.mirrors.iter().map(|mirror| read_mirror(&key, mirror)).collect::<Result<_, _>>()?;
            if let Some(seconds) = host.timeout.filter(|seconds| !(5..=3600).contains(seconds)) {
                return Err(ConfigError::Timeout { host: key, seconds });
            }
            let timeout = host.timeout.map(Duration::from_secs);
            let client = host.client_cert.map(|identity| (identity.cert, identity.key));
            let trust = Trust { ca: host.ca, client, insecure: host.insecure };
            config.hosts.insert(name, Host { mirrors, plain_http: host.plain_http, trust, timeout });
        }
        for (name, dir) in raw.layouts {
            config.add_layout(&name, dir)?;
        }
        Ok(config)
    }
}

/// The host as references have it.
fn host_name(key: &str) -> Option<String> {
    let reference = Reference::parse(&format!("{key}/x/x")).ok()?;
    (matches!(reference.path(), "x/x") && reference.tag() == Some("latest")).then(|| reference.domain().to_owned())
}

fn read_mirror(host: &str, mirror: &str) -> Result<Url, ConfigError> {
    let wrong = |reason: &str| ConfigError::Mirror {
        host: host.to_owned(),
        mirror: mirror.to_owned(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(mirror).map_err(|error| wrong(&format!("{error}; write `https://HOST` or `http://HOST`")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("it must begin with `https://` or `http://`"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it may have a host, a port and a path, nothing else"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(config: &str, name: &str) -> Option<String> {
        let config: RegistryConfig = toml::from_str(config).unwrap();
        config.layout(&Reference::parse(name).unwrap()).map(|path| path.display().to_string())
    }

    #[test]
    fn layouts_are_found_by_every_spelling() {
        let config = "[layouts]\n'debian' = '/any'\n'docker.io/library/debian:12' = '/twelve'\n'l:5/a/b:1' = '/b'";
        for (name, found) in [
            ("debian", Some("/any")),
            ("docker.io/debian:11", Some("/any")),
            ("library/debian:12", Some("/twelve")),
            ("l:5/a/b:1", Some("/b")),
            ("l:5/a/b", None),
            ("user/debian", None),
        ] {
            assert_eq!(layout(config, name).as_deref(), found, "{name}");
        }
    }

    #[test]
    fn hosts_are_in_normal_form() {
        let config: RegistryConfig = toml::from_str(
            "[registries.'index.docker.io']\nmirrors = ['http://127.0.0.1:5000', 'https://m.example/cache']\n
             [registries.'localhost:5000']\nplain-http = false",
        )
        .unwrap();
        assert_eq!(config.hosts["docker.io"].mirrors.len(), 2);
        assert_eq!(config.hosts["docker.io"].plain_http, None);
        assert_eq!(config.hosts["localhost:5000"].plain_http, Some(false));
    }

    fn refused(config: &str) -> String {
        toml::from_str::<RegistryConfig>(config).unwrap_err().message().to_owned()
    }

    #[test]
    fn nonsense_is_refused() {
        insta::assert_snapshot!(refused("[registries.'docker.io/library']"), @"`docker.io/library` in `registries` is not the name of a registry: write the host as it stands in image names, `docker.io` or `localhost:5000`");
        insta::assert_snapshot!(refused("[registries.'x']"), @"`x` in `registries` is not the name of a registry: write the host as it stands in image names, `docker.io` or `localhost:5000`");
        insta::assert_snapshot!(refused("[registries.'a.b']\nmirrors = ['m.example']"), @"`m.example`, a mirror of `a.b`, is not an address: relative URL without a base; write `https://HOST` or `http://HOST`");
        insta::assert_snapshot!(refused("[registries.'a.b']\nmirrors = ['ftp://m.example']"), @"`ftp://m.example`, a mirror of `a.b`, is not an address: it must begin with `https://` or `http://`");
        insta::assert_snapshot!(refused("[registries.'a.b']\nmirrors = ['http://u:p@m.example']"), @"`http://u:p@m.example`, a mirror of `a.b`, is not an address: it may have a host, a port and a path, nothing else");
        insta::assert_snapshot!(refused("[registries.'a.b']\nmirror = []"), @"unknown field `mirror`, expected one of `mirrors`, `plain-http`, `ca`, `client-cert`, `insecure`, `timeout`");
        insta::assert_snapshot!(refused("[registries.'a.b']\ntimeout = 4"), @"`timeout` of `a.b` is 4 seconds: it must be from 5 to 3600");
        insta::assert_snapshot!(refused("[registries.'a.b']\nclient-cert = { cert = 'a' }"), @"missing field `key`");
        insta::assert_snapshot!(refused("[layouts]\n'Debian' = '/x'"), @"in `layouts`: `Debian` is not an image reference: repository name must be lowercase");
    }
}
