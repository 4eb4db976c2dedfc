//! What went into a result from outside.
//!
//! Owns what of a trace is told as materials: sources with what they were found to be, secrets and agents by their ids, whether
//! there was a network. Passwords in addresses are left out.

use std::collections::{BTreeMap, BTreeSet};

use hlb_llb::{Digest, pb};
use hlb_registry::{Platform, Reference};
use serde::Serialize;

use super::purl;
use crate::solver::trace::Traced;
use crate::why::SourcePart;

/// The agent that is meant when none is named.
const DEFAULT_AGENT: &str = "default";

/// Something from outside, by its address and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Dependency {
    uri: String,
    digest: BTreeMap<String, String>,
}

/// A secret or an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Lent {
    id: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

/// A directory of the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct LocalDir {
    name: String,
}

/// What went into a result.
#[derive(Clone, Debug, Default)]
pub(super) struct Materials {
    /// In the order in which they are told: images, blobs, repositories, files of the web.
    dependencies: BTreeSet<(Order, Dependency)>,
    /// By id, with whether the steps can do without.
    secrets: BTreeMap<String, bool>,
    agents: BTreeMap<String, bool>,
    locals: BTreeSet<LocalDir>,
    /// Sources of which it is not known what they were.
    unknown: bool,
    /// Whether a process had a network.
    pub(super) network: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Image,
    Blob,
    Git,
    Http,
}

impl Materials {
    /// Those of the vertices of a solve.
    pub(super) fn of(vertices: &[Traced]) -> Self {
        let mut materials = Self::default();
        for vertex in vertices {
            match &vertex.op.op {
                Some(pb::OpKind::Source(source)) => materials.source(vertex, source),
                Some(pb::OpKind::Exec(exec)) => materials.exec(exec),
                _ => {}
            }
        }
        materials
    }

    /// Adds an image.
    pub(super) fn add(&mut self, image: Dependency) {
        self.dependencies.insert((Order::Image, image));
    }

    pub(super) fn dependencies(&self) -> Vec<&Dependency> {
        self.dependencies.iter().map(|(_, dependency)| dependency).collect()
    }

    pub(super) fn secrets(&self) -> Vec<Lent> {
        lent(&self.secrets)
    }

    pub(super) fn agents(&self) -> Vec<Lent> {
        lent(&self.agents)
    }

    pub(super) fn locals(&self) -> Vec<&LocalDir> {
        self.locals.iter().collect()
    }

    /// Whether the dependencies are all there is. Directories of the caller have no address that others could go to.
    pub(super) fn are_complete(&self) -> bool {
        !self.unknown && self.locals.is_empty()
    }

    fn source(&mut self, vertex: &Traced, source: &pb::SourceOp) {
        let (scheme, rest) = source.identifier.split_once("://").unwrap_or(("", &source.identifier));
        if scheme == "local" {
            self.locals.insert(LocalDir { name: rest.to_owned() });
            return;
        }
        for name in ["git.authtokensecret", "git.authheadersecret"] {
            lend(&mut self.secrets, source.attrs.get(name), true);
        }
        lend(&mut self.secrets, source.attrs.get("http.authheadersecret"), false);
        lend(&mut self.agents, source.attrs.get("git.mountsshsock"), true);
        let kind = if scheme.starts_with("oci-layout") { purl::OCI } else { purl::DOCKER };
        let found = match &vertex.source {
            Some(SourcePart::Image { digest, .. }) => {
                let platform = platform(vertex.op.platform.as_ref());
                let url = Reference::parse(rest).ok().map(|name| purl::image(kind, &name, Some(&platform)));
                url.map(|uri| (Order::Image, Dependency::new(uri, digest)))
            }
            Some(SourcePart::Blob { digest }) => {
                let url = Reference::parse(rest).ok().map(|name| purl::blob(kind, &name));
                url.map(|uri| (Order::Blob, Dependency::new(uri, digest)))
            }
            Some(SourcePart::Git { remote, reference, commit }) => {
                let uri = if reference.is_empty() { remote.clone() } else { format!("{remote}#{reference}") };
                Some((Order::Git, Dependency { uri, digest: of_commit(commit) }))
            }
            Some(SourcePart::Http { digest, .. }) => {
                Some((Order::Http, Dependency::new(without_password(&source.identifier), digest)))
            }
            Some(SourcePart::Local { .. }) | None => None,
        };
        match found {
            Some(found) => drop(self.dependencies.insert(found)),
            None => self.unknown = true,
        }
    }

    fn exec(&mut self, exec: &pb::ExecOp) {
        for mount in &exec.mounts {
            if let (pb::MountType::Secret, Some(secret)) = (mount.mount_type(), &mount.secret_opt) {
                lend(&mut self.secrets, Some(&secret.id), secret.optional);
            }
            if let (pb::MountType::Ssh, Some(ssh)) = (mount.mount_type(), &mount.ssh_opt) {
                let id = if ssh.id.is_empty() { DEFAULT_AGENT.to_owned() } else { ssh.id.clone() };
                lend(&mut self.agents, Some(&id), ssh.optional);
            }
        }
        for secret in &exec.secretenv {
            lend(&mut self.secrets, Some(&secret.id), secret.optional);
        }
        self.network |= exec.network() != pb::NetMode::None;
    }
}

impl Dependency {
    /// An image that was resolved.
    pub(super) fn image(reference: &Reference, platform: &Platform, digest: &Digest) -> Self {
        Self::new(purl::image(purl::DOCKER, reference, Some(platform)), digest.as_str())
    }

    fn new(uri: String, digest: &str) -> Self {
        let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", digest));
        Self { uri, digest: BTreeMap::from([(algorithm.to_owned(), hex.to_owned())]) }
    }
}

/// The digest of a commit, whose length says by which algorithm it was made.
pub(super) fn of_commit(commit: &str) -> BTreeMap<String, String> {
    let algorithm = if commit.len() == 64 { "sha256" } else { "sha1" };
    BTreeMap::from([(algorithm.to_owned(), commit.to_owned())])
}

/// A text without the users and passwords of the addresses in it.
pub(super) fn without_password(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', '?', '#', ' ']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        let host = authority.rsplit_once('@').map(|(_, host)| format!("xxxxx@{host}"));
        shown.extend(["://", host.as_deref().unwrap_or(authority), rest]);
    }
    shown
}

/// What an image is looked for with.
fn platform(wanted: Option<&pb::Platform>) -> Platform {
    wanted.map_or_else(Platform::host, |it| Platform::new(&it.os, &it.architecture, &it.variant))
}

fn lend(lent: &mut BTreeMap<String, bool>, id: Option<&String>, optional: bool) {
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        // Who needs it anywhere needs it.
        *lent.entry(id.clone()).or_insert(true) &= optional;
    }
}

fn lent(lent: &BTreeMap<String, bool>) -> Vec<Lent> {
    lent.iter().map(|(id, optional)| Lent { id: id.clone(), optional: *optional }).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A vertex as a solve leaves it.
    pub(in crate::attest) fn traced(op: pb::OpKind, inputs: &[&Traced], source: Option<SourcePart>) -> Traced {
        let op = pb::Op {
            inputs: inputs.iter().map(|it| pb::Input { digest: it.digest.to_string(), index: 0 }).collect(),
            op: Some(op),
            platform: Some(pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() }),
            constraints: None,
        };
        Traced {
            digest: Digest::of(hlb_llb::encode_op(&op)),
            op,
            inputs: inputs.iter().map(|it| (it.digest.clone(), 0)).collect(),
            source,
            keys: BTreeMap::new(),
            export_cache: None,
        }
    }

    pub(in crate::attest) fn source(identifier: &str, attrs: &[(&str, &str)], found: Option<SourcePart>) -> Traced {
        let attrs = attrs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        traced(pb::OpKind::Source(pb::SourceOp { identifier: identifier.to_owned(), attrs }), &[], found)
    }

    fn digest() -> String {
        Digest::of("x").to_string()
    }

    fn check(vertices: &[Traced]) -> String {
        let materials = Materials::of(vertices);
        let parts = [
            serde_json::to_string_pretty(&materials.dependencies()),
            serde_json::to_string(&materials.secrets()),
            serde_json::to_string(&materials.agents()),
            serde_json::to_string(&materials.locals()),
        ];
        let text = parts.map(Result::unwrap).join("\n");
        format!("{text}\ncomplete: {}, network: {}", materials.are_complete(), materials.network)
    }

    #[test]
    fn sources_are_told_with_what_they_were() {
        let image = |reference: &str| SourcePart::Image { reference: reference.to_owned(), digest: digest() };
        let git = SourcePart::Git {
            remote: "https://xxxxx@h/r.git".to_owned(),
            reference: "refs/heads/main".to_owned(),
            commit: "0".repeat(40),
        };
        let http = SourcePart::Http { digest: digest(), modified: String::new() };
        let sources = [
            source("https://user:hush@h:1/f?q=a@b", &[("http.authheadersecret", "H")], Some(http)),
            source("git://h/r.git#main", &[("git.authtokensecret", "T"), ("git.mountsshsock", "a")], Some(git)),
            source("docker-image://docker.io/library/alpine:3.20", &[], Some(image("alpine"))),
            source("docker-image://docker.io/library/alpine:3.20", &[], Some(image("alpine"))),
            source(&format!("oci-layout://base@{}", digest()), &[], Some(image("base"))),
            source(
                &format!("docker-image+blob://r:5/a@{}", digest()),
                &[],
                Some(SourcePart::Blob { digest: digest() }),
            ),
        ];
        insta::assert_snapshot!(check(&sources), @r#"
        [
          {
            "uri": "pkg:docker/alpine@3.20?platform=linux%2Famd64",
            "digest": {
              "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
            }
          },
          {
            "uri": "pkg:oci/base?digest=sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881&platform=linux%2Famd64",
            "digest": {
              "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
            }
          },
          {
            "uri": "pkg:docker/r%3A5/a?digest=sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881&ref_type=blob",
            "digest": {
              "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
            }
          },
          {
            "uri": "https://xxxxx@h/r.git#refs/heads/main",
            "digest": {
              "sha1": "0000000000000000000000000000000000000000"
            }
          },
          {
            "uri": "https://xxxxx@h:1/f?q=a@b",
            "digest": {
              "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
            }
          }
        ]
        [{"id":"H"},{"id":"T","optional":true}]
        [{"id":"a","optional":true}]
        []
        complete: true, network: false
        "#);
    }

    #[test]
    fn directories_and_steps_make_it_incomplete() {
        let exec = |network: pb::NetMode, optional: bool| {
            let secret = pb::SecretOpt { id: "s".into(), optional, ..Default::default() };
            let mounts = vec![
                pb::Mount { mount_type: pb::MountType::Secret.into(), secret_opt: Some(secret), ..Default::default() },
                pb::Mount {
                    mount_type: pb::MountType::Ssh.into(),
                    ssh_opt: Some(pb::SshOpt::default()),
                    ..Default::default()
                },
            ];
            let secretenv = vec![pb::SecretEnv { id: "e".into(), name: "E".into(), optional: true }];
            let op = pb::ExecOp { mounts, secretenv, network: network.into(), ..Default::default() };
            traced(pb::OpKind::Exec(op), &[], None)
        };
        let local = source("local://src", &[], None);
        insta::assert_snapshot!(check(&[exec(pb::NetMode::None, true), exec(pb::NetMode::None, false)]), @r#"
        []
        [{"id":"e","optional":true},{"id":"s"}]
        [{"id":"default"}]
        []
        complete: true, network: false
        "#);
        insta::assert_snapshot!(check(&[local, exec(pb::NetMode::Unset, true)]), @r#"
        []
        [{"id":"e","optional":true},{"id":"s","optional":true}]
        [{"id":"default"}]
        [{"name":"src"}]
        complete: false, network: true
        "#);
        insta::assert_snapshot!(check(&[source("https://h/f", &[], None)]), @r"
        []
        []
        []
        []
        complete: false, network: false
        ");
    }

    #[test]
    fn addresses_lose_their_passwords() {
        for (address, shown) in [
            ("https://h/a", "https://h/a"),
            ("https://u:p@h/a", "https://xxxxx@h/a"),
            ("https://t@h?x=1", "https://xxxxx@h?x=1"),
            ("https://h/a@b", "https://h/a@b"),
            ("git@h:r", "git@h:r"),
            ("git://https://u:p@h/r", "git://https://xxxxx@h/r"),
            ("https://h?to=https://u@h", "https://h?to=https://xxxxx@h"),
        ] {
            assert_eq!(without_password(address), shown);
        }
        assert_eq!(of_commit(&"a".repeat(64)).into_keys().next().unwrap(), "sha256");
    }
}
