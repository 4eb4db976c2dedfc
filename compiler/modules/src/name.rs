//! Names of things that move.
//!
//! Owns how a request is called in a lock file and on a command line. No password ever stands in a name.

use std::fmt;

use hlb_compiler::PinRequest;

/// What sort of thing it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum NameKind {
    /// A branch or tag of a repository.
    Git,
    /// The body behind a URL.
    Http,
    /// A tag of an image.
    Image,
}

/// A name that stands for something else from time to time.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name {
    /// What sort of thing it is.
    pub kind: NameKind,
    /// `docker.io/library/alpine:3.20`, `https://h/o/r#main`, `https://h/x.tar`.
    pub text: String,
}

impl NameKind {
    /// All of them, in the order of lock files.
    pub(crate) const ALL: [Self; 3] = [Self::Git, Self::Http, Self::Image];

    /// Its table in a lock file.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Http => "http",
            Self::Image => "image",
        }
    }

    /// The key of what it stands for.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Git => "commit",
            Self::Http | Self::Image => "digest",
        }
    }
}

impl Name {
    /// The name of what is asked for.
    pub fn of(request: &PinRequest) -> Self {
        match request {
            PinRequest::Image { reference, .. } => Self { kind: NameKind::Image, text: reference.clone() },
            PinRequest::Git { git, .. } => Self::git(&git.url, &git.reference),
            PinRequest::Http { http, .. } => {
                let mut text = without_password(&http.url);
                // A server may give another body for it.
                if !http.accept.is_empty() {
                    text.push_str(" as ");
                    text.push_str(&http.accept);
                }
                Self { kind: NameKind::Http, text }
            }
        }
    }

    /// The name of a ref; an empty one is that of the default branch.
    pub fn git(remote: &str, reference: &str) -> Self {
        let reference = if reference.is_empty() { "HEAD" } else { reference };
        Self { kind: NameKind::Git, text: format!("{}#{reference}", without_password(remote)) }
    }

    /// Whether somebody means this by a text: the name, its beginning up to a tag or ref, or the short name of an image.
    pub fn is_meant_by(&self, text: &str) -> bool {
        if self.text == text {
            return true;
        }
        let mark = match self.kind {
            NameKind::Image => ':',
            NameKind::Git => '#',
            NameKind::Http => ' ',
        };
        let spellings: &[&str] = match self.kind {
            NameKind::Image => &["", "docker.io/", "docker.io/library/"],
            NameKind::Git => &["", "https://", "http://", "ssh://", "git://"],
            NameKind::Http => &["", "https://", "http://"],
        };
        spellings.iter().filter_map(|prefix| self.text.strip_prefix(prefix)).any(|name| {
            name == text || name.rsplit_once(mark).is_some_and(|(bare, tag)| bare == text && !tag.contains('/'))
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A URL without user and password, where it has a password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("{scheme}://{host}{path}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_meant_by_their_usual_spellings() {
        let image = Name { kind: NameKind::Image, text: "docker.io/library/alpine:3.20".to_owned() };
        for text in ["alpine", "alpine:3.20", "library/alpine", "docker.io/library/alpine:3.20"] {
            assert!(image.is_meant_by(text), "{text}");
        }
        for text in ["alp", "alpine:3", "alpine:3.21", "3.20", ""] {
            assert!(!image.is_meant_by(text), "{text}");
        }
        let local = Name { kind: NameKind::Image, text: "localhost:5000/a:1".to_owned() };
        assert!(local.is_meant_by("localhost:5000/a") && !local.is_meant_by("localhost"));
        let git = Name::git("https://h/o/r", "main");
        for text in ["https://h/o/r#main", "https://h/o/r", "h/o/r", "h/o/r#main"] {
            assert!(git.is_meant_by(text), "{text}");
        }
    }

    #[test]
    fn no_password_stands_in_a_name() {
        assert_eq!(Name::git("https://me:secret@h/r", "").text, "https://h/r#HEAD");
        assert_eq!(Name::git("ssh://git@h/r", "v1").text, "ssh://git@h/r#v1");
        assert_eq!(Name::git("git@h:r", "v1").text, "git@h:r#v1");
    }
}
