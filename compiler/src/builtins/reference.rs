//! Image references.
//!
//! Owns their grammar and what short names stand for: `alpine` is `docker.io/library/alpine:latest`.

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidReference {
    #[error("it is empty")]
    Empty,
    #[error("names of images are in lower case")]
    UpperCase,
    #[error("64 hexadecimal digits alone are the id of a container or image, not a name")]
    Identifier,
    #[error("its name is longer than 255 characters")]
    TooLong,
    #[error("`{0}` cannot be a registry")]
    Domain(String),
    #[error("`{0}` cannot be a name")]
    Name(String),
    #[error("`{0}` cannot be a tag")]
    Tag(String),
    #[error("`{0}` cannot be a digest")]
    Digest(String),
}

/// The full reference that a text stands for, with the tag `latest` if it has neither tag nor digest.
pub(super) fn normalize(text: &str) -> Result<String, InvalidReference> {
    if text.is_empty() {
        return Err(InvalidReference::Empty);
    }
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        return Err(InvalidReference::Identifier);
    }
    let (domain, rest) = split_domain(text);
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (rest, None),
    };
    let (name, tag) = match rest.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (rest, None),
    };
    if name.chars().any(|ch| ch.is_ascii_uppercase()) {
        return Err(InvalidReference::UpperCase);
    }
    if !is_domain(domain) {
        return Err(InvalidReference::Domain(domain.to_owned()));
    }
    if !name.split('/').all(is_component) {
        return Err(InvalidReference::Name(name.to_owned()));
    }
    let official = domain == "docker.io" && !name.contains('/');
    let name = if official { format!("docker.io/library/{name}") } else { format!("{domain}/{name}") };
    if name.len() > 255 {
        return Err(InvalidReference::TooLong);
    }
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(InvalidReference::Tag(tag.to_owned()));
    }
    if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
        return Err(InvalidReference::Digest(digest.to_owned()));
    }
    Ok(match (tag, digest) {
        (None, None) => format!("{name}:latest"),
        (Some(tag), None) => format!("{name}:{tag}"),
        (None, Some(digest)) => format!("{name}@{digest}"),
        (Some(tag), Some(digest)) => format!("{name}:{tag}@{digest}"),
    })
}

/// The first part is a registry if it could not be part of a name.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.chars().any(|ch| ch.is_ascii_uppercase()) =>
        {
            (if first == "index.docker.io" { "docker.io" } else { first }, rest)
        }
        _ => ("docker.io", text),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !domain.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    }
    host.split('.').all(|label| {
        let edges = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && !edges && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// Letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let mut separator = String::new();
    let mut previous = false;
    for byte in part.bytes() {
        if word(byte) {
            let joined =
                matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-');
            if !joined || (!previous && !separator.is_empty()) {
                return false;
            }
            separator.clear();
            previous = true;
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    previous && separator.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// `algorithm:hex` with a length that fits the algorithm where it is known.
pub(super) fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let hexadecimal = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hexadecimal && hex.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_full() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, full) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("acme/tool", "docker.io/acme/tool:latest"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/library/alpine", "docker.io/library/alpine:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/library/busybox:latest", "localhost:5000/library/busybox:latest"),
            ("ghcr.io/a/b/c__d.e--f", "ghcr.io/a/b/c__d.e--f:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest"),
            ("x:Tag_1.2-3", "docker.io/library/x:Tag_1.2-3"),
        ] {
            assert_eq!(normalize(text).as_deref(), Ok(full), "{text}");
        }
        assert_eq!(normalize(&format!("x:1@{digest}")), Ok(format!("docker.io/library/x:1@{digest}")));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "#",
            "A B",
            "a\tb",
            "Alpine",
            "Bad Ref",
            "a/",
            "/a",
            "a:",
            "a@",
            "a@sha256:12",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a:b:c",
            "a_.b",
            "ex ample.com/a",
            "x.y:port/a",
            &"a".repeat(64),
            &"a/".repeat(200),
            "a:-tag",
            "é",
        ] {
            assert!(normalize(text).is_err(), "{text:?} is {:?}", normalize(text));
        }
    }
}
