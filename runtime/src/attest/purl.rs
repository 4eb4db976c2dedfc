//! Package URLs: names of images and packages that say where these are from.
//!
//! Owns their text. Those of images are to the byte what BuildKit makes of a name.

use std::fmt::Write as _;

use hlb_registry::{Platform, Reference};

/// Images of registries.
pub(super) const DOCKER: &str = "docker";
/// Images of layouts.
pub(super) const OCI: &str = "oci";

/// The package URL of an image.
pub(super) fn image(kind: &str, reference: &Reference, platform: Option<&Platform>) -> String {
    let mut qualifiers = Vec::new();
    if let Some(digest) = reference.digest() {
        qualifiers.push(("digest", digest.as_str().to_owned()));
    }
    qualifiers.extend(platform.map(|platform| ("platform", platform.to_string())));
    of_reference(kind, reference, &qualifiers)
}

/// The package URL of a blob of a repository.
pub(super) fn blob(kind: &str, reference: &Reference) -> String {
    let digest = reference.digest().map_or("", |digest| digest.as_str());
    of_reference(kind, reference, &[("digest", digest.to_owned()), ("ref_type", "blob".to_owned())])
}

fn of_reference(kind: &str, reference: &Reference, qualifiers: &[(&str, String)]) -> String {
    let path = match (reference.domain(), reference.path()) {
        ("docker.io", path) => {
            path.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(path).to_owned()
        }
        (domain, path) => format!("{domain}/{path}"),
    };
    let path: Vec<String> = path.split('/').map(|part| escape(part, "-_.~")).collect();
    let mut url = format!("pkg:{kind}/{}", path.join("/"));
    if let Some(tag) = reference.tag() {
        let _ = write!(url, "@{}", escape(tag, IN_VALUE));
    }
    for (number, (key, value)) in qualifiers.iter().enumerate() {
        let _ = write!(url, "{}{key}={}", if number == 0 { '?' } else { '&' }, escape(value, IN_VALUE));
    }
    url
}

/// What Go leaves as it is in a segment of a path.
const IN_VALUE: &str = "-_.~$&+=:@";

/// The package URL of a package: its sort, where its name is good for, its name, its version if it has one, and more by key.
pub(super) fn package(kind: &str, namespace: &str, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> String {
    let plain = |text: &str| escape(text, "-_.~");
    let mut url = format!("pkg:{kind}/");
    for part in namespace.split('/').filter(|part| !part.is_empty()) {
        let _ = write!(url, "{}/", plain(part));
    }
    url.push_str(&plain(name));
    if !version.is_empty() {
        let _ = write!(url, "@{}", escape(version, "-_.~:"));
    }
    let given = qualifiers.iter().filter(|(_, value)| !value.is_empty());
    for (number, (key, value)) in given.enumerate() {
        let _ = write!(url, "{}{key}={}", if number == 0 { '?' } else { '&' }, escape(value, "-_.~:"));
    }
    url
}

/// A text with all but letters, digits and these characters escaped.
fn escape(text: &str, left: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || left.as_bytes().contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_buildkit_names_them() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let check = |text: &str, platform: Option<&str>, expected: &str| {
            let platform = platform.map(|architecture| Platform::new("linux", architecture, ""));
            assert_eq!(image(DOCKER, &Reference::parse(text).unwrap(), platform.as_ref()), expected);
        };
        check("alpine", None, "pkg:docker/alpine@latest");
        check("alpine:3.20", Some("amd64"), "pkg:docker/alpine@3.20?platform=linux%2Famd64");
        check("a/b:1", Some("arm"), "pkg:docker/a/b@1?platform=linux%2Farm%2Fv7");
        check("localhost:5000/x/y", None, "pkg:docker/localhost%3A5000/x/y@latest");
        check(
            &format!("alpine:3.20@{digest}"),
            Some("amd64"),
            &format!("pkg:docker/alpine@3.20?digest={digest}&platform=linux%2Famd64"),
        );
        check(&format!("alpine@{digest}"), None, &format!("pkg:docker/alpine?digest={digest}"));
        let reference = Reference::parse(&format!("base@{digest}")).unwrap();
        assert_eq!(blob(OCI, &reference), format!("pkg:oci/base?digest={digest}&ref_type=blob"));
    }

    #[test]
    fn packages_have_escaped_names() {
        let check = |url: String, expected: &str| assert_eq!(url, expected);
        check(
            package("deb", "debian", "login", "1:4.13+dfsg1-1", &[("arch", "amd64"), ("distro", "debian-12")]),
            "pkg:deb/debian/login@1:4.13%2Bdfsg1-1?arch=amd64&distro=debian-12",
        );
        check(package("npm", "@babel", "core", "7.1.0", &[]), "pkg:npm/%40babel/core@7.1.0");
        check(package("apk", "", "a b", "", &[("arch", "")]), "pkg:apk/a%20b");
    }
}
