//! Git sources.
//!
//! Owns how an address becomes an identifier that is the same for every transport.

use super::clean_path;
use super::source::Attrs;
use crate::caps::Cap;
use crate::graph::{Annotations, Output};

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
    /// Whether `checksum` is fetched without asking the remote what `reference` is now.
    pub fetch_by_commit: bool,
    /// Where the history comes from, if not from the remote.
    pub bundle: Option<GitBundle>,
    /// Whether the result is a file `bundle` with the history rather than a work tree.
    pub checkout_bundle: bool,
    /// By whom the commit must be signed.
    pub signature: Option<GitSignature>,
}

/// A file with the history of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitBundle {
    /// `docker-image+blob://` or `oci-layout+blob://` and a reference with a digest.
    pub locator: String,
    /// Session of the client that holds the OCI layout; empty is that of the solve.
    pub session: String,
    /// Which of the client's OCI layouts; empty is the name in the locator.
    pub store: String,
}

/// By whom a commit or tag must be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSignature {
    /// Public key, armoured, or in the form of SSH.
    pub public_key: String,
    /// Whether a key that has expired since is refused.
    pub reject_expired: bool,
    /// Whether the tag must be signed, and not only the commit.
    pub require_signed_tag: bool,
    /// Whether only the commit is looked at, also where the tag is signed.
    pub ignore_signed_tag: bool,
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
            fetch_by_commit: false,
            bundle: None,
            checkout_bundle: false,
            signature: None,
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

    let flag = |on: bool| if on { "true" } else { "" };
    let named_secret = git.auth_token_secret.is_some() || git.auth_header_secret.is_some();
    let auth_cap = named_secret.then_some(Cap::SourceGitHttpauth);
    let token = git.auth_token_secret.unwrap_or_else(|| "GIT_AUTH_TOKEN".to_owned());
    let header = git.auth_header_secret.unwrap_or_else(|| "GIT_AUTH_HEADER".to_owned());
    let mut attrs = Attrs::new(Cap::SourceGit);
    attrs.set("git.fullurl", url, Some(Cap::SourceGitFullurl));
    attrs.set("git.keepgitdir", flag(git.keep_git_dir), Some(Cap::SourceGitKeepgitdir));
    attrs.set("git.authtokensecret", token, auth_cap);
    attrs.set("git.authheadersecret", header, auth_cap);
    if ssh {
        // Needed also where no host is known.
        attrs.need(Cap::SourceGitKnownsshhosts);
        attrs.set("git.knownsshhosts", git.known_ssh_hosts, None);
        let agent = git.ssh_agent.filter(|agent| !agent.is_empty()).unwrap_or_else(|| "default".to_owned());
        attrs.set("git.mountsshsock", agent, Some(Cap::SourceGitMountsshsock));
    }
    attrs.set("git.checksum", git.checksum, Some(Cap::SourceGitChecksum));
    attrs.set("git.skipsubmodules", flag(git.skip_submodules), Some(Cap::SourceGitSkipsubmodules));
    attrs.set("git.mtime", git.mtime, Some(Cap::SourceGitMtime));
    attrs.set("git.fetchbycommit", flag(git.fetch_by_commit), Some(Cap::SourceGitFetchbycommit));
    if let Some(bundle) = git.bundle {
        attrs.set("git.bundle", bundle.locator, Some(Cap::SourceGitBundle));
        attrs.set("oci.session", bundle.session, None);
        attrs.set("oci.store", bundle.store, None);
    }
    attrs.set("git.checkoutbundle", flag(git.checkout_bundle), Some(Cap::SourceGitCheckoutbundle));
    if let Some(signature) = git.signature {
        let cap = Some(Cap::SourceGitSignatureverify);
        attrs.set("git.sig.pubkey", signature.public_key, cap);
        attrs.set("git.sig.rejectexpired", flag(signature.reject_expired), cap);
        attrs.set("git.sig.requiresignedtag", flag(signature.require_signed_tag), cap);
        attrs.set("git.sig.ignoresignedtag", flag(signature.ignore_signed_tag), cap);
    }
    attrs.source(format!("git://{identifier}"), None, annotations)
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
