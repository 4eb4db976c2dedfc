//! Secrets of sources: what is shown to a server instead of a password.
//!
//! Owns which secrets a source may use, by the names that BuildKit gives them, and how their values become headers. What a
//! source does with a header is its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hlb_llb::pb;

use crate::error::{ErrorKind, SolveError};
use crate::ops::git::GitSource;

const GIT_TOKEN: &str = "GIT_AUTH_TOKEN";
const GIT_HEADER: &str = "GIT_AUTH_HEADER";
const HTTP_TOKEN: &str = "HTTP_AUTH_TOKEN_";
const HTTP_HEADER: &str = "HTTP_AUTH_HEADER_";
/// What GitHub and others want to see as the user of a token; none of them looks at it.
const TOKEN_USER: &str = "x-access-token";

/// What the value of a secret is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// The whole value of the header.
    Header,
    /// A token that is sent as a password.
    Password,
    /// A token that is sent as it is.
    Bearer,
}

/// A secret that a source may use.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Candidate {
    id: String,
    form: Form,
    /// The op names it, so that it has to be there.
    needed: bool,
}

/// The ids of the secrets that a source may use, most of which are not there.
pub(crate) fn secrets_of(op: &pb::SourceOp) -> Vec<String> {
    candidates(op).into_iter().map(|candidate| candidate.id).collect()
}

/// The value of the `Authorization` header of a source's requests, if there is a secret for it.
pub(super) fn authorization(
    secrets: &BTreeMap<String, PathBuf>,
    op: &pb::SourceOp,
) -> Result<Option<String>, SolveError> {
    for candidate in candidates(op) {
        if let Some(value) = value(secrets, &candidate.id)? {
            return Ok(Some(candidate.form.header(&value)));
        }
        if candidate.needed {
            let sentence = format!("secret `{}` was not given", candidate.id);
            return Err(SolveError::say(ErrorKind::Source, sentence));
        }
    }
    Ok(None)
}

/// The first that is there counts.
fn candidates(op: &pb::SourceOp) -> Vec<Candidate> {
    let attribute = |name: &str| op.attrs.get(name).filter(|value| !value.is_empty()).cloned();
    let optional = |id: String, form: Form| Candidate { id, form, needed: false };
    match op.identifier.split_once("://").map_or("", |(scheme, _)| scheme) {
        "git" => {
            let host = GitSource::parse(&op.identifier, &op.attrs).ok().and_then(|source| source.host());
            let mut found = Vec::new();
            for (name, default, form) in
                [("git.authtokensecret", GIT_TOKEN, Form::Password), ("git.authheadersecret", GIT_HEADER, Form::Header)]
            {
                let id = attribute(name).unwrap_or_else(|| default.to_owned());
                found.extend(host.as_ref().map(|host| optional(format!("{id}.{host}"), form)));
                found.push(optional(id, form));
            }
            found
        }
        "http" | "https" => {
            if let Some(id) = attribute("http.authheadersecret") {
                return vec![Candidate { id, form: Form::Header, needed: true }];
            }
            let url = reqwest::Url::parse(&op.identifier).ok();
            let Some(host) = url.as_ref().and_then(|url| url.host_str()) else { return Vec::new() };
            let port = url.as_ref().and_then(reqwest::Url::port).map_or_else(String::new, |port| format!(":{port}"));
            [(HTTP_HEADER, Form::Header), (HTTP_TOKEN, Form::Bearer)]
                .into_iter()
                .map(|(prefix, form)| optional(format!("{prefix}{host}{port}"), form))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The text of a secret, without the end of its line.
fn value(secrets: &BTreeMap<String, PathBuf>, id: &str) -> Result<Option<String>, SolveError> {
    let Some(path) = secrets.get(id) else { return Ok(None) };
    let failed = |why: String| {
        let sentence = format!("cannot read secret `{id}` from `{}`: {why}", path.display());
        SolveError::say(ErrorKind::Source, sentence)
    };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is no text".to_owned()))?;
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(failed("it has several lines, and a header has one".to_owned()));
    }
    Ok(Some(text.to_owned()))
}

impl Form {
    fn header(self, value: &str) -> String {
        match self {
            Self::Header => value.to_owned(),
            Self::Password => {
                format!("basic {}", hlb_llb::json::base64(format!("{TOKEN_USER}:{value}").as_bytes()))
            }
            Self::Bearer => format!("Bearer {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identifier: &str, attrs: &[(&str, &str)], expected: &[(&str, Form)]) {
        let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let op = pb::SourceOp { identifier: identifier.to_owned(), attrs };
        let found = candidates(&op);
        let found: Vec<(&str, Form)> = found.iter().map(|one| (one.id.as_str(), one.form)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn secrets_of_a_host_come_first() {
        use Form::{Bearer, Header, Password};
        check(
            "git://github.com/a/b.git#main",
            &[("git.fullurl", "https://u@github.com:444/a/b.git")],
            &[
                ("GIT_AUTH_TOKEN.github.com", Password),
                ("GIT_AUTH_TOKEN", Password),
                ("GIT_AUTH_HEADER.github.com", Header),
                ("GIT_AUTH_HEADER", Header),
            ],
        );
        check(
            "git://h/a",
            &[("git.authtokensecret", "T"), ("git.authheadersecret", "H")],
            &[("T.h", Password), ("T", Password), ("H.h", Header), ("H", Header)],
        );
        check("https://h:8080/x", &[], &[("HTTP_AUTH_HEADER_h:8080", Header), ("HTTP_AUTH_TOKEN_h:8080", Bearer)]);
        check("https://h/x", &[("http.authheadersecret", "S")], &[("S", Header)]);
        check("docker-image://docker.io/library/x:1", &[], &[]);
    }

    #[test]
    fn tokens_become_headers() {
        assert_eq!(Form::Password.header("t"), "basic eC1hY2Nlc3MtdG9rZW46dA==");
        assert_eq!(Form::Bearer.header("t"), "Bearer t");
        assert_eq!(Form::Header.header("basic x"), "basic x");
    }
}
