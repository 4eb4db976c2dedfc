//! Files from the web.
//!
//! Owns the attributes of http sources, the download (streamed, hashed once, revalidated, retried) and the rules that name
//! the file. The result is one file in a layer directory; keys, records and layers are the caller's.

mod client;
mod download;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use hlb_llb::Digest;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

pub(crate) use client::client;
pub(crate) use download::fetch;

/// Mode of a file for which none is given.
const DEFAULT_MODE: u32 = 0o600;
/// Name of a file for which nothing gives one.
const DEFAULT_NAME: &str = "download";

/// What an http source asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSource {
    pub(crate) url: String,
    pub(crate) filename: Option<String>,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// What the file has to be. With it, the key is known without asking the server.
    pub(crate) checksum: Option<Digest>,
    /// Request headers, by lower-case name.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The `Authorization` header. It is a secret, and not in the op.
    pub(crate) authorization: Option<HeaderValue>,
}

/// What is known of a file that was downloaded before. Serializable, to be kept with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cached {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) digest: String,
    pub(crate) filename: String,
}

/// What a source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) digest: Digest,
    /// Name of the file in the layer directory.
    pub(crate) filename: String,
    /// `Last-Modified` in the form of HTTP, if the server sent a date.
    pub(crate) last_modified: Option<String>,
    pub(crate) etag: Option<String>,
    /// The server says that the file is what it was: nothing was written, the earlier one is to be used.
    pub(crate) reused: bool,
}

/// A source that gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("`{url}` is not a URL for a file: {why}")]
    Url { url: String, why: String },
    #[error("source attribute {attribute}=`{value}` is not valid: {why}")]
    Attribute { attribute: &'static str, value: String, why: &'static str },
    #[error("the secret for {url} cannot be used: {why}")]
    Secret { url: String, why: &'static str },
    #[error("{what} is not supported yet for http sources")]
    Unsupported { what: String },
    #[error("{url}: the server answered {status}; {hint}")]
    Status { url: String, status: String, hint: &'static str },
    #[error("{url}: the server asks to wait {seconds} s; try again later")]
    Wait { url: String, seconds: u64 },
    #[error("{url} is not here, and `--offline` forbids to ask for it; build once without `--offline`")]
    Offline { url: String },
    #[error("{url}: {why} (tried {attempts} times)")]
    Connection { url: String, why: String, attempts: usize },
    #[error("{url}: expected {expected}, got {found}; the file at the URL is not the one that was meant")]
    Checksum { url: String, expected: Box<Digest>, found: Box<Digest> },
    #[error("{url}: the server says the file did not change, but it was not asked that")]
    Unasked { url: String },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl HttpSource {
    /// The URL as it may be printed.
    pub(crate) fn shown(&self) -> String {
        reqwest::Url::parse(&self.url).map_or_else(|_| self.url.clone(), |url| shown(&url))
    }

    /// Reads a source op's identifier, which is the URL, and its attributes.
    pub(crate) fn parse(identifier: &str, attrs: &BTreeMap<String, String>) -> Result<Self, HttpError> {
        let url = reqwest::Url::parse(identifier)
            .map_err(|error| HttpError::Url { url: identifier.to_owned(), why: error.to_string() })?;
        let wrong = |why: &str| HttpError::Url { url: shown(&url), why: why.to_owned() };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("its scheme is neither http nor https"));
        }
        if url.host_str() == Some("buildkit-session") {
            return Err(HttpError::Unsupported { what: "content that a client uploads".to_owned() });
        }
        let mut source = Self {
            url: identifier.to_owned(),
            filename: None,
            mode: DEFAULT_MODE,
            uid: 0,
            gid: 0,
            checksum: None,
            headers: Vec::new(),
            authorization: None,
        };
        for (name, value) in attrs {
            let invalid = |attribute, why| HttpError::Attribute { attribute, value: value.clone(), why };
            let id = |attribute| value.parse().map_err(|_| invalid(attribute, "it is not a number"));
            match name.as_str() {
                _ if value.is_empty() => {}
                "http.filename" => source.filename = Some(value.clone()),
                "http.perm" => {
                    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
                    source.mode = mode.ok_or_else(|| invalid("http.perm", "it is not an octal mode"))?;
                }
                "http.uid" => source.uid = id("http.uid")?,
                "http.gid" => source.gid = id("http.gid")?,
                "http.checksum" => {
                    let digest = value.parse().map_err(|_| invalid("http.checksum", "it is not a sha256 digest"))?;
                    source.checksum = Some(digest);
                }
                "http.header.accept" => source.headers.push(("accept", value.clone())),
                "http.header.user-agent" => source.headers.push(("user-agent", value.clone())),
                "http.sig.pubkey" | "http.sig.signature" => {
                    return Err(HttpError::Unsupported { what: format!("attribute `{name}`") });
                }
                // Unknown attributes are ignored, as BuildKit does.
                _ => {}
            }
        }
        Ok(source)
    }

    /// Sends a secret with the request.
    pub(crate) fn authorize(&mut self, header: &str) -> Result<(), HttpError> {
        let mut value = HeaderValue::from_str(header)
            .map_err(|_| HttpError::Secret { url: self.url.clone(), why: "it is not the value of a header" })?;
        // It is not sent to another host, and never printed.
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    /// The name the file has, given the response's `Content-Disposition` if there was a response.
    pub(crate) fn name(&self, disposition: Option<&str>) -> String {
        if let Some(name) = &self.filename {
            return safe_name(name);
        }
        if let Some(name) = disposition.and_then(disposition_name).filter(|name| !name.ends_with('/')) {
            return safe_name(&name);
        }
        let url = reqwest::Url::parse(&self.url).ok();
        let path = url.as_ref().map_or("", reqwest::Url::path);
        safe_name(&decoded(path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default()))
    }
}

/// The URL without its password.
fn shown(url: &reqwest::Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() || !url.username().is_empty() {
        let _ = url.set_password(None);
        let _ = url.set_username("xxxxx");
    }
    url.to_string()
}

/// The last component of a name, if it is one that a file can have.
fn safe_name(name: &str) -> String {
    let base = name.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if matches!(base, "" | "." | "..") || base.chars().any(char::is_control) {
        return DEFAULT_NAME.to_owned();
    }
    base.to_owned()
}

/// `filename` of a header such as `attachment; filename="x y.txt"`; the extended form wins.
fn disposition_name(header: &str) -> Option<String> {
    let mut plain = None;
    for parameter in split_parameters(header).into_iter().skip(1) {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let encoded = value.splitn(3, '\'').nth(2)?;
                return Some(decoded(encoded));
            }
            "filename" => plain = Some(unquoted(value)),
            _ => {}
        }
    }
    plain.filter(|name| !name.is_empty())
}

/// Parts between semicolons that are not in quotes.
fn split_parameters(header: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for char in header.chars() {
        match char {
            ';' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = char == '\\' && quoted && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(char);
        }
    }
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut chars = inner.chars();
    let mut text = String::new();
    while let Some(char) = chars.next() {
        text.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    text
}

/// Undoes percent encoding. What is not encoded well stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
