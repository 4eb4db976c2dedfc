//! Image references as people write them.
//!
//! Owns the grammar and the normal form: `debian` is `docker.io/library/debian:latest`. The rules are those of the
//! distribution project, so that a name means the same here as in docker and BuildKit.

use std::fmt;
use std::str::FromStr;

use hlb_llb::Digest;

const DEFAULT_DOMAIN: &str = "docker.io";
/// What old configurations call the default domain.
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// An image's name in its normal form. It has a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct InvalidReference {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Reference {
    /// Reads a reference and brings it into its normal form; without tag and digest it gets the tag `latest`.
    ///
    /// # Errors
    /// When it breaks a rule; the error says which.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let mut reference = Self::parse_bare(text)?;
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some(DEFAULT_TAG.to_owned());
        }
        Ok(reference)
    }

    /// As [`Reference::parse`], but adds no tag.
    pub(crate) fn parse_bare(text: &str) -> Result<Self, InvalidReference> {
        read(text).map_err(|reason| InvalidReference { text: text.to_owned(), reason })
    }

    /// The registry, `docker.io` or `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry, `library/debian`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if there is one. It wins over the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What has this digest in the same repository.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        Self { tag: None, digest: Some(digest.clone()), ..self.clone() }
    }

    /// Registry and repository, `docker.io/library/debian`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The name as people write it, and as `docker images` shows it: without the default registry and its default directory.
    pub fn familiar(&self) -> String {
        let text = self.to_string();
        let Some(short) = text.strip_prefix("docker.io/") else { return text };
        let bare = short.strip_prefix("library/").filter(|bare| !bare.contains('/'));
        bare.unwrap_or(short).to_owned()
    }

    /// What the registry is asked for: the digest if there is one, else the tag.
    pub(crate) fn selector(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        Self::parse(text)
    }
}

fn read(text: &str) -> Result<Reference, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("64 hexadecimal digits would be taken for an image id");
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(read_digest(digest)?)),
        None => (text, None),
    };
    let (domain, rest) = split_domain(name);
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(read_tag(tag)?)),
        None => (rest, None),
    };
    if !is_domain(domain) {
        return Err("the registry's name is not a host name with an optional port");
    }
    let path =
        if domain == DEFAULT_DOMAIN && !path.contains('/') { format!("{OFFICIAL}{path}") } else { path.to_owned() };
    check_path(&path)?;
    if path.len() > MAX_NAME {
        return Err("repository name must not be more than 255 characters");
    }
    Ok(Reference { domain: domain.to_owned(), path, tag, digest })
}

/// The first part is a registry only if it cannot be a part of a repository: it has a dot, a port or an upper-case
/// letter, or is `localhost`.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((domain, rest))
            if domain == "localhost"
                || domain.contains(['.', ':'])
                || domain.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (if domain == LEGACY_DOMAIN { DEFAULT_DOMAIN } else { domain }, rest)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = if let Some(rest) = domain.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
            return false;
        }
        match rest.strip_prefix(':') {
            Some(port) => (None, Some(port)),
            None if rest.is_empty() => (None, None),
            None => return false,
        }
    } else {
        match domain.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(domain), None),
        }
    };
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.is_none_or(|host| host.split('.').all(label))
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("repository name must be lowercase");
    }
    for part in path.split('/') {
        if part.is_empty() {
            return Err("repository name must have at least one character between slashes");
        }
        if !is_component(part) {
            return Err("repository name may have letters, digits and, between them, `.`, `_`, `__` or dashes");
        }
    }
    Ok(())
}

/// Runs of letters and digits with one separator between each two: `.`, `_`, `__` or any number of `-`.
fn is_component(part: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = part.as_bytes();
    loop {
        let run = rest.iter().take_while(|byte| plain(byte)).count();
        if run == 0 {
            return false;
        }
        rest = rest.get(run..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        let gap = rest.iter().take_while(|byte| !plain(byte)).count();
        let separator = rest.get(..gap).unwrap_or_default();
        if !(matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')) {
            return false;
        }
        rest = rest.get(gap..).unwrap_or_default();
    }
}

fn read_tag(tag: &str) -> Result<String, &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
    if valid {
        Ok(tag.to_owned())
    } else {
        Err("a tag has 1 to 128 letters, digits, `_`, `.` and `-`, with neither `.` nor `-` first")
    }
}

fn read_digest(text: &str) -> Result<Digest, &'static str> {
    match text.split_once(':') {
        Some(("sha256", _)) => text.parse().map_err(|_| "a sha256 digest has 64 lower-case hexadecimal digits"),
        Some(_) => Err("only sha256 digests are supported"),
        None => Err("what follows `@` must be a digest, `sha256:…`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_leave_the_default_registry_out() {
        let check = |text: &str, familiar: &str| assert_eq!(Reference::parse(text).unwrap().familiar(), familiar);
        check("debian", "debian:latest");
        check("docker.io/library/debian:12", "debian:12");
        check("acme/tool:1", "acme/tool:1");
        check("docker.io/library/acme/tool:1", "library/acme/tool:1");
        check("localhost:5000/library/debian:12", "localhost:5000/library/debian:12");
    }

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn check(text: &str, normal: &str) {
        let text = text.replace("HEX", HEX);
        assert_eq!(Reference::parse(&text).unwrap().to_string(), normal.replace("HEX", HEX), "{text}");
        assert_eq!(
            Reference::parse(normal.replace("HEX", HEX).as_str()).unwrap().to_string(),
            normal.replace("HEX", HEX)
        );
    }

    #[test]
    fn names_have_one_normal_form() {
        check("debian", "docker.io/library/debian:latest");
        check("debian:12", "docker.io/library/debian:12");
        check("user/app", "docker.io/user/app:latest");
        check("docker.io/debian", "docker.io/library/debian:latest");
        check("index.docker.io/debian", "docker.io/library/debian:latest");
        check("index.docker.io/library/debian", "docker.io/library/debian:latest");
        check("library/debian", "docker.io/library/debian:latest");
        check("localhost/app", "localhost/app:latest");
        check("localhost:5000/app", "localhost:5000/app:latest");
        check("127.0.0.1:5000/a/b/c:T_a.g-1", "127.0.0.1:5000/a/b/c:T_a.g-1");
        check("[::1]:5000/app", "[::1]:5000/app:latest");
        check("[2001:db8::1]/app", "[2001:db8::1]/app:latest");
        check("HOST/app", "HOST/app:latest");
        check("app@sha256:HEX", "docker.io/library/app@sha256:HEX");
        check("app:1@sha256:HEX", "docker.io/library/app:1@sha256:HEX");
        check("localhost:5000/app:1@sha256:HEX", "localhost:5000/app:1@sha256:HEX");
        check("u/a-b--c__d.e_f", "docker.io/u/a-b--c__d.e_f:latest");
        check("debian:5000", "docker.io/library/debian:5000");
    }

    fn refused(text: &str, reason: &str) {
        let error = Reference::parse(&text.replace("HEX", HEX)).unwrap_err();
        assert!(error.reason.contains(reason), "{text}: {error}");
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_rule() {
        refused("", "empty");
        refused("HEX", "image id");
        refused("Debian", "must be lowercase");
        refused("library/Debian", "must be lowercase");
        refused("ghcr.io/Org/app", "must be lowercase");
        refused("a//b", "between slashes");
        refused("a/", "between slashes");
        refused("/a", "between slashes");
        refused(":tag", "between slashes");
        refused("a..b/c", "host name");
        refused("x/a..b", "between them");
        refused("x/a___b", "between them");
        refused("x/-a", "between them");
        refused("x/a-", "between them");
        refused("x/a b", "between them");
        refused("x/ä", "between them");
        refused("-host.io/a", "host name");
        refused("host:port/a", "host name");
        refused("host:/a", "host name");
        refused("[::1/a", "host name");
        refused("[::1]x:5/a", "host name");
        refused("a:", "a tag has");
        refused("a:.b", "a tag has");
        refused("a:b:c", "a tag has");
        refused("a:b/c", "host name");
        refused(&format!("a:{}", "t".repeat(129)), "a tag has");
        refused("a@", "must be a digest");
        refused("a@sha256:00", "64 lower-case");
        refused("a@sha512:00", "only sha256");
        refused("a@sha256:HEX@sha256:HEX", "64 lower-case");
        refused(&"a/".repeat(127).replace("a/", "aa/"), "between slashes");
        refused(&format!("x/{}", "a".repeat(260)), "255");
    }
}
