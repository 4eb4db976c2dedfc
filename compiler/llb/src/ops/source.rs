//! Sources other than Git: images, blobs, downloads, directories.
//!
//! Owns identifiers and attributes.

use std::collections::BTreeMap;

use crate::caps::{Cap, Caps};
use crate::graph::{Annotations, NewVertex, Output};
use crate::json;
use crate::pb;

/// An image of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Full reference, such as `docker.io/library/alpine:latest`.
    pub reference: String,
    /// What it is pulled for.
    pub platform: pb::Platform,
    /// Where it is looked for.
    pub resolve_mode: ResolveMode,
    /// Kind of cache record that keeps it; empty is the usual.
    pub record_type: String,
    /// How many of its layers, from the lowest, are used; `None` is all.
    pub layer_limit: Option<u32>,
    /// Digest that the reference must have; empty is any.
    pub checksum: String,
}

/// Where an image is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveMode {
    /// The solver decides.
    Default,
    /// Always in the registry.
    Pull,
    /// First where the solver keeps images.
    Local,
}

/// An image in an OCI layout that the client holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciLayout {
    /// Name with digest.
    pub reference: String,
    /// What it is read for.
    pub platform: pb::Platform,
    /// Session of the client; empty is that of the solve.
    pub session: String,
    /// Which of the client's layouts; empty is the name.
    pub store: String,
    /// How many of its layers, from the lowest, are used; `None` is all.
    pub layer_limit: Option<u32>,
}

/// A blob of a registry, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Full name with digest and without tag, such as `docker.io/library/alpine@sha256:…`.
    pub reference: String,
    /// The file that it becomes; without a name it is called by the digits of the digest.
    pub file: FileInfo,
    /// Kind of cache record that keeps it; empty is the usual.
    pub record_type: String,
}

/// A blob in an OCI layout that the client holds, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutBlob {
    /// Name with digest and without tag.
    pub reference: String,
    /// The file that it becomes; without a name it is called by the digits of the digest.
    pub file: FileInfo,
    /// Session of the client; empty is that of the solve.
    pub session: String,
    /// Which of the client's layouts.
    pub store: String,
}

/// How a single file lies in its file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileInfo {
    /// Name; empty is one that the source has.
    pub filename: String,
    /// Permission bits; 0 is the solver's default.
    pub perm: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A file behind a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The URL, http or https.
    pub url: String,
    /// Digest that the file must have; empty is any.
    pub checksum: String,
    /// Name of the file; empty is what URL or server say.
    pub filename: String,
    /// Permission bits; 0 is the solver's default.
    pub perm: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Name of the secret with an `Authorization` header; empty is none.
    pub auth_header_secret: String,
    /// `Accept` header; empty is none.
    pub accept: String,
    /// `User-Agent` header; empty is none.
    pub user_agent: String,
    /// By whom the file must be signed.
    pub signature: Option<HttpSignature>,
}

/// By whom a file must be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSignature {
    /// Public key of OpenPGP, armoured.
    pub public_key: String,
    /// The signature, detached and armoured.
    pub signature: String,
}

/// A directory of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The name under which the client offers it.
    pub name: String,
    /// Whose it is.
    pub owner: LocalOwner,
    /// Only what matches one of these is sent; empty is everything.
    pub include: Vec<String>,
    /// What matches one of these is not sent.
    pub exclude: Vec<String>,
    /// Only these paths, and what they link to, are sent; empty is everything.
    pub follow: Vec<String>,
    /// What tells directories of one name apart that are kept from solve to solve; empty is nothing.
    pub shared_key_hint: String,
    /// How changed files are found: `none` or `metadata`; empty is the default.
    pub differ: String,
    /// Whether a solver that does not know `differ` must refuse.
    pub differ_required: bool,
    /// Whether only names and attributes of files are sent, and content only of those that match one of these patterns.
    pub metadata_only: Option<Vec<String>>,
}

/// What makes a directory another than that of another client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalOwner {
    /// Some unique text.
    Unique(String),
    /// A session.
    Session(String),
}

/// Pulls an image.
pub fn image(image: Image, annotations: Annotations) -> Output {
    let mut attrs = Attrs::new(Cap::SourceImage);
    match image.resolve_mode {
        ResolveMode::Default => {}
        ResolveMode::Pull => attrs.set("image.resolvemode", "pull", Some(Cap::SourceImageResolvemode)),
        // Not looking in the registry is a wish; only looking there is a promise that a solver must know.
        ResolveMode::Local => attrs.set("image.resolvemode", "local", None),
    }
    attrs.set("image.recordtype", image.record_type, None);
    let limit = image.layer_limit.map(|limit| limit.to_string()).unwrap_or_default();
    attrs.set("image.layerlimit", limit, Some(Cap::SourceImageLayerlimit));
    attrs.set("image.checksum", image.checksum, Some(Cap::SourceImageChecksum));
    attrs.source(format!("docker-image://{}", image.reference), Some(image.platform), annotations)
}

/// Reads an image from an OCI layout.
pub fn oci_layout(layout: OciLayout, annotations: Annotations) -> Output {
    let mut attrs = Attrs::new(Cap::SourceOcilayout);
    attrs.set("oci.session", layout.session, None);
    attrs.set("oci.store", layout.store, None);
    attrs.set("oci.layerlimit", layout.layer_limit.map(|limit| limit.to_string()).unwrap_or_default(), None);
    attrs.source(format!("oci-layout://{}", layout.reference), Some(layout.platform), annotations)
}

/// Fetches a blob from a registry.
pub fn image_blob(blob: Blob, annotations: Annotations) -> Output {
    let mut attrs = Attrs::new(Cap::SourceImageblob);
    attrs.file(blob.file, None, None);
    attrs.set("image.recordtype", blob.record_type, None);
    attrs.source(format!("docker-image+blob://{}", blob.reference), None, annotations)
}

/// Reads a blob from an OCI layout.
pub fn layout_blob(blob: LayoutBlob, annotations: Annotations) -> Output {
    let mut attrs = Attrs::new(Cap::SourceImageblob);
    attrs.file(blob.file, None, None);
    attrs.set("oci.session", blob.session, None);
    attrs.set("oci.store", blob.store, None);
    attrs.source(format!("oci-layout+blob://{}", blob.reference), None, annotations)
}

/// Downloads a file.
pub fn http(http: Http, annotations: Annotations) -> Output {
    let mut attrs = Attrs::new(Cap::SourceHttp);
    attrs.set("http.checksum", http.checksum, Some(Cap::SourceHttpChecksum));
    let file = FileInfo { filename: http.filename, perm: http.perm, uid: http.uid, gid: http.gid };
    // The misspelling is part of the protocol.
    attrs.file(file, Some(Cap::SourceHttpPerm), Some(Cap::SourceHttpUidgid));
    attrs.set("http.authheadersecret", http.auth_header_secret, Some(Cap::SourceHttpAuth));
    attrs.set("http.header.accept", http.accept, Some(Cap::SourceHttpHeader));
    attrs.set("http.header.user-agent", http.user_agent, Some(Cap::SourceHttpHeader));
    if let Some(signature) = http.signature {
        let cap = Some(Cap::SourceHttpSignatureverify);
        attrs.set("http.sig.pubkey", signature.public_key, cap);
        attrs.set("http.sig.signature", signature.signature, cap);
    }
    attrs.source(http.url, None, annotations)
}

/// Sends a directory.
pub fn local(local: Local, annotations: Annotations) -> Output {
    let list = |items: &[String]| if items.is_empty() { String::new() } else { json::string_array(items) };
    let mut attrs = Attrs::new(Cap::SourceLocal);
    match local.owner {
        LocalOwner::Session(id) => attrs.set("local.session", id, Some(Cap::SourceLocalSessionid)),
        LocalOwner::Unique(id) => attrs.set("local.unique", id, Some(Cap::SourceLocalUnique)),
    }
    attrs.set("local.includepattern", list(&local.include), Some(Cap::SourceLocalIncludepatterns));
    attrs.set("local.followpaths", list(&local.follow), Some(Cap::SourceLocalFollowpaths));
    attrs.set("local.excludepatterns", list(&local.exclude), Some(Cap::SourceLocalExcludepatterns));
    attrs.set("local.sharedkeyhint", local.shared_key_hint, Some(Cap::SourceLocalSharedkeyhint));
    // Comparing otherwise is a wish, unless it is required.
    attrs.set("local.differ", local.differ, local.differ_required.then_some(Cap::SourceLocalDiffer));
    if let Some(patterns) = local.metadata_only {
        attrs.set("local.metadatatransfer", "true", Some(Cap::SourceLocalMetadatatransfer));
        attrs.set("local.metadatatransferexclude", list(&patterns), None);
    }
    attrs.source(format!("local://{}", local.name), None, annotations)
}

impl Image {
    /// An image with no options.
    pub fn new(reference: impl Into<String>, platform: pb::Platform) -> Self {
        Self {
            reference: reference.into(),
            platform,
            resolve_mode: ResolveMode::Default,
            record_type: String::new(),
            layer_limit: None,
            checksum: String::new(),
        }
    }
}

impl Http {
    /// A download with no options.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            checksum: String::new(),
            filename: String::new(),
            perm: 0,
            uid: 0,
            gid: 0,
            auth_header_secret: String::new(),
            accept: String::new(),
            user_agent: String::new(),
            signature: None,
        }
    }
}

impl Local {
    /// A directory with no options.
    pub fn new(name: impl Into<String>, owner: LocalOwner) -> Self {
        Self {
            name: name.into(),
            owner,
            include: Vec::new(),
            exclude: Vec::new(),
            follow: Vec::new(),
            shared_key_hint: String::new(),
            differ: String::new(),
            differ_required: false,
            metadata_only: None,
        }
    }
}

/// Attributes, and the capabilities that they need.
pub(super) struct Attrs {
    attrs: BTreeMap<String, String>,
    caps: Caps,
}

impl Attrs {
    pub(super) fn new(cap: Cap) -> Self {
        Self { attrs: BTreeMap::new(), caps: cap.into() }
    }

    /// Sets an attribute unless its value is empty.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>, cap: Option<Cap>) {
        let value = value.into();
        if !value.is_empty() {
            self.attrs.insert(name.to_owned(), value);
            if let Some(cap) = cap {
                self.caps.add(cap);
            }
        }
    }

    pub(super) fn need(&mut self, cap: Cap) {
        self.caps.add(cap);
    }

    fn file(&mut self, file: FileInfo, perm_cap: Option<Cap>, owner_cap: Option<Cap>) {
        let number = |id: u32| if id == 0 { String::new() } else { id.to_string() };
        let perm = if file.perm == 0 { String::new() } else { format!("0{:o}", file.perm) };
        self.set("http.filename", file.filename, None);
        self.set("http.perm", perm, perm_cap);
        self.set("http.uid", number(file.uid), owner_cap);
        self.set("http.gid", number(file.gid), owner_cap);
    }

    /// Only images are for a platform: `platform` is that of one.
    pub(super) fn source(self, identifier: String, platform: Option<pb::Platform>, annotations: Annotations) -> Output {
        let kind = pb::OpKind::Source(pb::SourceOp { identifier, attrs: self.attrs });
        let caps = self.caps;
        NewVertex { kind, inputs: Vec::new(), listed: None, platform, caps, annotations }.build().output(0)
    }
}
