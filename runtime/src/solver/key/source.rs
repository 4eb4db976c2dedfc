//! Keys of sources.
//!
//! Owns what of a resolved source makes a difference: the commit, not the branch; the layers, not the tag.

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_llb::json::{Object, ToJson};

use super::SESSION_ONLY;

/// A commit that was resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GitKey<'a> {
    /// Its hash; of an annotated tag the hash of what it names, unless `.git` is kept.
    pub(crate) commit: &'a str,
    /// The reference, if `.git` is kept, since it shows there; empty is none.
    pub(crate) kept_reference: Option<&'a str>,
    /// Directory in the repository; empty is all.
    pub(crate) subdir: &'a str,
    /// Submodules are left out.
    pub(crate) skip_submodules: bool,
    /// Modification times are those of the commit.
    pub(crate) mtime_of_commit: bool,
}

/// A download that was resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpKey<'a> {
    /// Name of the file.
    pub(crate) filename: &'a str,
    /// Permission bits as the op has them; 0 is the default.
    pub(crate) perm: i64,
    /// Owner.
    pub(crate) uid: i64,
    /// Group.
    pub(crate) gid: i64,
    /// Digest of the file.
    pub(crate) checksum: &'a Digest,
    /// Time of last modification in the form of HTTP headers; empty if the server told none or the checksum was given.
    pub(crate) last_modified: &'a str,
    /// Name of the secret with an `Authorization` header; empty is none.
    pub(crate) auth_header_secret: &'a str,
    /// Headers of the request, by canonical name, sorted.
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

/// An image whose name was resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageKey<'a> {
    /// Of its index or manifest.
    pub(crate) digest: &'a Digest,
    /// The platform that is wanted, by its usual names.
    pub(crate) os: &'a str,
    /// The processor.
    pub(crate) architecture: &'a str,
    /// Its variant; empty is none.
    pub(crate) variant: &'a str,
    /// How many of its layers are used; 0 is all.
    pub(crate) limit: u32,
}

/// A blob as a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobKey<'a> {
    /// Of the blob.
    pub(crate) digest: &'a Digest,
    /// Name of the file.
    pub(crate) filename: &'a str,
    /// Permission bits as the op has them; 0 is the default.
    pub(crate) perm: i64,
    /// Owner.
    pub(crate) uid: i64,
    /// Group.
    pub(crate) gid: i64,
}

/// A directory of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalKey<'a> {
    /// The name under which the client offers it.
    pub(crate) name: &'a str,
    /// What tells this solve from all others.
    pub(crate) session: &'a str,
    /// What is sent; empty is everything.
    pub(crate) include: &'a [String],
    /// What is not sent.
    pub(crate) exclude: &'a [String],
    /// Paths that are sent with what they link to; empty is everything.
    pub(crate) follow: &'a [String],
}

/// The first key of an image: its manifest or index.
pub(crate) fn image_manifest(image: &ImageKey<'_>) -> String {
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object
        .field("Digest", image.digest.as_str())
        .field("OS", image.os)
        .field("Arch", image.architecture)
        .optional_text("Variant", image.variant)
        .optional_number("Limit", image.limit);
    object.end();
    source_key(Digest::of(text).as_str())
}

/// The second key of an image: its layers, or without layers its configuration. Images that were pushed again with the same
/// layers have the same.
pub(crate) fn image_layers(diff_ids: &[Digest], config: &[u8]) -> String {
    let mut layers = diff_ids.iter();
    let Some(first) = layers.next() else { return source_key(Digest::of(config).as_str()) };
    let chain = layers.fold(first.clone(), |below, layer| {
        let mut hasher = Hasher::default();
        hasher.update(&below);
        hasher.update(" ");
        hasher.update(layer);
        hasher.finish()
    });
    source_key(chain.as_str())
}

/// The key of a commit.
pub(crate) fn git(git: &GitKey<'_>) -> String {
    let mut key = git.commit.to_owned();
    if let Some(reference) = git.kept_reference {
        key.push_str(".git");
        if !reference.is_empty() {
            key.push('#');
            key.push_str(reference);
        }
    }
    if !git.subdir.is_empty() {
        key.push(':');
        key.push_str(git.subdir);
    }
    if git.skip_submodules {
        key.push_str("(skip-submodules)");
    }
    if git.mtime_of_commit {
        key.push_str("(mtime=commit)");
    }
    source_key(&key)
}

/// The key of a download.
pub(crate) fn http(http: &HttpKey<'_>) -> String {
    let headers: Vec<Header<'_>> = http.headers.iter().map(|(name, value)| Header { name, value }).collect();
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object
        .field("Filename", http.filename)
        .field("Perm", &http.perm)
        .field("UID", &http.uid)
        .field("GID", &http.gid)
        .field("Checksum", http.checksum.as_str())
        .optional_text("LastModTime", http.last_modified)
        .optional_text("AuthHeaderSecret", http.auth_header_secret)
        .optional_list("Header", &headers);
    object.end();
    source_key(Digest::of(text).as_str())
}

/// The key of a blob.
pub(crate) fn blob(blob: &BlobKey<'_>) -> String {
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object
        .field("Digest", blob.digest.as_str())
        .field("Filename", blob.filename)
        .field("Perm", &blob.perm)
        .field("UID", &blob.uid)
        .field("GID", &blob.gid);
    object.end();
    source_key(Digest::of(text).as_str())
}

/// The key of a directory, good for one session only. What reads it is found by content.
pub(crate) fn local(local: &LocalKey<'_>) -> String {
    fn list(items: &[String]) -> Option<&[String]> {
        (!items.is_empty()).then_some(items)
    }
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object
        .field("SessionID", local.session)
        .field("IncludePatterns", &list(local.include))
        .field("ExcludePatterns", &list(local.exclude))
        .field("FollowPaths", &list(local.follow));
    object.end();
    source_key(&format!("session:{}:{}", local.name, Digest::of(text)))
}

fn source_key(key: &str) -> String {
    let digest = Digest::of(format!("buildkit.source.v0:{key}"));
    if key.starts_with("session:") { format!("{SESSION_ONLY}{}", digest.hex()) } else { digest.to_string() }
}

struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

impl ToJson for Header<'_> {
    fn write_json(&self, out: &mut String) {
        let mut object = Object::begin(out);
        object.field("Name", self.name).field("Value", self.value);
        object.end();
    }
}
