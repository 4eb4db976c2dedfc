//! Git sources.
//!
//! Owns how an address becomes an identifier that is the same for every transport.

use std::collections::BTreeMap;

use super::clean_path;
use crate::graph::{Annotations, Output, Vertex};
use crate::pb;

/// A commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    /// Address: a URL, `user@host:path`, or a URL without scheme, which means https.
    pub url: String,
    /// Branch, tag or commit; empty is the default branch.
    pub reference: String,
    /// Directory in the repository; empty is all.
    pub subdir: String,
    /// Whether `.git` is kept.
    pub keep_git_dir: bool,
    /// Name of the secret with an access token, where it is not the default one.
    pub auth_token_secret: Option<String>,
    /// Name of the secret with an `Authorization` header, where it is not the default one.
    pub auth_header_secret: Option<String>,
    /// Known hosts for SSH, as in `known_hosts`; empty is none.
    pub known_ssh_hosts: String,
    /// Name of the SSH agent, where it is not the default one.
    pub ssh_agent: Option<String>,
    /// Commit that `reference` must be, or its beginning; empty is any.
    pub checksum: String,
    /// Whether submodules are left out.
    pub skip_submodules: bool,
    /// What modification times are: `checkout` or `commit`; empty is the default.
    pub mtime: String,
}

/// Where a repository is.
struct Remote {
    url: String,
    ssh: bool,
    host: String,
    path: String,
}

impl Git {
    /// A repository with no options.
    pub fn new(url: impl Into<String>, reference: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            reference: reference.into(),
            subdir: String::new(),
            keep_git_dir: false,
            auth_token_secret: None,
            auth_header_secret: None,
            known_ssh_hosts: String::new(),
            ssh_agent: None,
            checksum: String::new(),
            skip_submodules: false,
            mtime: String::new(),
        }
    }
}

/// Fetches a commit.
pub fn git(git: Git, annotations: Annotations) -> Output {
    let remote = Remote::parse(&git.url);
    let identifier = match &remote {
        Some(remote) => remote.identifier(&git.reference, &git.subdir),
        // The solver is to say what is wrong with it.
        None => git.url.clone(),
    };
    let url = remote.as_ref().map_or_else(|| git.url.clone(), |remote| remote.url.clone());
    let ssh = remote.is_some_and(|remote| remote.ssh);

    let mut attrs = BTreeMap::new();
    let mut caps = vec!["source.git"];
    let mut set = |name: &str, value: String, cap: Option<&'static str>| {
        if !value.is_empty() {
            attrs.insert(name.to_owned(), value);
            caps.extend(cap);
        }
    };
    let flag = |on: bool| if on { "true".to_owned() } else { String::new() };
    let named_secret = git.auth_token_secret.is_some() || git.auth_header_secret.is_some();
    let auth_cap = named_secret.then_some("source.git.httpauth");
    set("git.fullurl", url, Some("source.git.fullurl"));
    set("git.keepgitdir", flag(git.keep_git_dir), Some("source.git.keepgitdir"));
    set("git.authtokensecret", git.auth_token_secret.unwrap_or_else(|| "GIT_AUTH_TOKEN".to_owned()), auth_cap);
    set("git.authheadersecret", git.auth_header_secret.unwrap_or_else(|| "GIT_AUTH_HEADER".to_owned()), auth_cap);
    if ssh {
        set("git.knownsshhosts", git.known_ssh_hosts, None);
        let agent = git.ssh_agent.filter(|agent| !agent.is_empty()).unwrap_or_else(|| "default".to_owned());
        set("git.mountsshsock", agent, Some("source.git.mountsshsock"));
    }
    set("git.checksum", git.checksum, Some("source.git.checksum"));
    set("git.skipsubmodules", flag(git.skip_submodules), Some("source.git.skipsubmodules"));
    set("git.mtime", git.mtime, Some("source.git.mtime"));
    if ssh {
        caps.push("source.git.knownsshhosts");
    }

    let source = pb::SourceOp { identifier: format!("git://{identifier}"), attrs };
    Vertex::new(&super::op(&[], None, pb::OpKind::Source(source)), &caps, annotations, Vec::new()).output(0)
}

impl Remote {
    fn parse(url: &str) -> Option<Self> {
        let bare = url.split_once('#').map_or(url, |(bare, _)| bare);
        match bare.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => Self::from_url(&scheme.to_ascii_lowercase(), rest),
            None => Self::from_scp(bare).or_else(|| Self::from_url("https", bare)),
        }
    }

    fn from_url(scheme: &str, rest: &str) -> Option<Self> {
        if !matches!(scheme, "http" | "https" | "ssh" | "git") {
            return None;
        }
        let place = rest.split_once('?').map_or(rest, |(place, _)| place);
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Some(Self {
            url: format!("{scheme}://{rest}"),
            ssh: scheme == "ssh",
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }

    /// `user@host:path`.
    fn from_scp(text: &str) -> Option<Self> {
        let (user, rest) = text.split_once('@')?;
        let (host, path) = rest.split_once(':')?;
        let plain = |text: &str, also: char| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == also)
        };
        (plain(user, '_') && plain(host, '.')).then(|| Self {
            url: text.to_owned(),
            ssh: true,
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }

    fn identifier(&self, reference: &str, subdir: &str) -> String {
        let mut identifier = format!("{}{}", self.host, clean_path(&format!("/{}", self.path)));
        let subdir = clean_path(&format!("/{subdir}"));
        let subdir = subdir.trim_start_matches('/');
        if !reference.is_empty() || !subdir.is_empty() {
            identifier.push('#');
            identifier.push_str(reference);
        }
        if !subdir.is_empty() {
            identifier.push(':');
            identifier.push_str(subdir);
        }
        identifier
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
