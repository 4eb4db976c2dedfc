//! The download itself.
//!
//! Owns requests, retries and the file while it is being written. Nothing is left behind by a download that fails or is
//! given up.

use std::path::Path;
use std::time::Duration;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use reqwest::header::{self, HeaderMap};
use reqwest::{Client, Response, StatusCode};
use tokio::io::AsyncWriteExt;

use super::{Cached, Fetched, HttpError, HttpSource, date, shown};
use crate::sys::file;
use crate::tree::Timestamp;

const ATTEMPTS: usize = 4;
/// Before the second attempt; doubled before each later one.
const PAUSE: Duration = Duration::from_millis(500);

/// Told how many bytes there are so far, and in all if that is known.
pub(crate) type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// Why one attempt ended.
enum Failure {
    /// Trying again may help.
    Passing(String),
    Final(HttpError),
}

/// Downloads a source into a directory, under the name it gives the file and with the mode, owner and time it asks for.
/// With `previous`, the server is asked whether the file changed since.
pub(crate) async fn fetch(
    client: &Client,
    source: &HttpSource,
    previous: Option<&Cached>,
    directory: &Path,
    progress: Progress<'_>,
) -> Result<Fetched, HttpError> {
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        match try_fetch(client, source, previous, directory, progress).await {
            Ok(fetched) => return Ok(fetched),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(why)) if attempt == ATTEMPTS => {
                return Err(HttpError::Connection { url: name_of(source), why, attempts: attempt });
            }
            Err(Failure::Passing(why)) => tracing::debug!(url = name_of(source), why, "trying again"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

async fn try_fetch(
    client: &Client,
    source: &HttpSource,
    previous: Option<&Cached>,
    directory: &Path,
    progress: Progress<'_>,
) -> Result<Fetched, Failure> {
    let mut request = client.get(&source.url);
    for (name, value) in &source.headers {
        request = request.header(*name, value);
    }
    if let Some(authorization) = &source.authorization {
        request = request.header(header::AUTHORIZATION, authorization.clone());
    }
    if let Some(previous) = previous {
        match (&previous.etag, &previous.last_modified) {
            (Some(etag), _) => request = request.header(header::IF_NONE_MATCH, etag),
            (None, Some(date)) => request = request.header(header::IF_MODIFIED_SINCE, date),
            (None, None) => {}
        }
    }
    let mut response = request.send().await.map_err(|error| failure(source, error))?;
    let known = previous.and_then(|previous| Some((previous, previous.digest.parse::<Digest>().ok()?)));
    if response.status() == StatusCode::NOT_MODIFIED {
        let Some((previous, digest)) = known else {
            return Err(Failure::Final(HttpError::Unasked { url: name_of(source) }));
        };
        check(source, &digest).map_err(Failure::Final)?;
        return Ok(Fetched {
            digest,
            filename: previous.filename.clone(),
            last_modified: previous.last_modified.clone(),
            etag: previous.etag.clone(),
            reused: true,
        });
    }
    if !response.status().is_success() {
        return Err(refused(source, &response));
    }
    let text = |headers: &HeaderMap, name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let filename = source.name(text(response.headers(), header::CONTENT_DISPOSITION).as_deref());
    let etag = text(response.headers(), header::ETAG).filter(|etag| !etag.is_empty());
    let last_modified = text(response.headers(), header::LAST_MODIFIED).filter(|date| date::seconds(date).is_some());

    let part = tempfile::Builder::new()
        .prefix(".download-")
        .tempfile_in(directory)
        .map_err(|error| Failure::Final(unwritable(directory)(error)))?;
    let digest = receive(source, &mut response, part.path(), progress).await?;
    check(source, &digest).map_err(Failure::Final)?;

    let time = last_modified.as_deref().and_then(date::seconds).unwrap_or(0);
    let time = Timestamp { seconds: time, nanos: 0 };
    let place = directory.join(&filename);
    file::set_owner(part.path(), source.uid, source.gid)
        .and_then(|()| file::set_mode(part.path(), source.mode))
        .and_then(|()| file::set_times(part.path(), time, time))
        .and_then(|()| part.persist(&place).map(drop).map_err(|error| error.error))
        .map_err(|error| Failure::Final(unwritable(&place)(error)))?;
    Ok(Fetched { digest, filename, last_modified, etag, reused: false })
}

/// Writes and hashes the body as it comes.
async fn receive(
    source: &HttpSource,
    response: &mut Response,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Digest, Failure> {
    let failed = |error| Failure::Final(unwritable(path)(error));
    let total = response.content_length();
    let mut file = tokio::fs::OpenOptions::new().write(true).open(path).await.map_err(failed)?;
    let mut hasher = Hasher::default();
    let mut received = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(source, error))? {
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(failed)?;
        received += u64::try_from(chunk.len()).unwrap_or(0);
        progress(received, total);
    }
    file.flush().await.map_err(failed)?;
    Ok(hasher.finish())
}

fn check(source: &HttpSource, found: &Digest) -> Result<(), HttpError> {
    match &source.checksum {
        Some(expected) if expected != found => {
            let (expected, found) = (Box::new(expected.clone()), Box::new(found.clone()));
            Err(HttpError::Checksum { url: name_of(source), expected, found })
        }
        _ => Ok(()),
    }
}

fn refused(source: &HttpSource, response: &Response) -> Failure {
    let status = response.status();
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if source.authorization.is_some() => {
            "it does not take the secret that it was shown"
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "give a secret `HTTP_AUTH_HEADER_host` with the value of an `Authorization` header, or `HTTP_AUTH_TOKEN_host`"
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => "check the URL",
        StatusCode::TOO_MANY_REQUESTS => "try again later",
        status if status.is_server_error() => "the server has a problem, try again later",
        _ => "check the URL and what the server expects",
    };
    let passing =
        matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
    if passing {
        return Failure::Passing(format!("the server answered {status}"));
    }
    Failure::Final(HttpError::Status { url: name_of(source), status: status.to_string(), hint })
}

/// The URL as it may be printed.
fn name_of(source: &HttpSource) -> String {
    reqwest::Url::parse(&source.url).map_or_else(|_| source.url.clone(), |url| shown(&url))
}

/// Says why in the words of the innermost cause, which names what the outer ones only surround.
fn failure(source: &HttpSource, error: reqwest::Error) -> Failure {
    let passing = !(error.is_builder() || error.is_redirect());
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        cause = inner.source();
    }
    if passing {
        Failure::Passing(why)
    } else {
        Failure::Final(HttpError::Connection { url: name_of(source), why, attempts: 1 })
    }
}

fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> HttpError + '_ {
    move |source| HttpError::Write { path: path.to_owned(), source }
}
