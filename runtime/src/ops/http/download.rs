//! The download itself.
//!
//! Owns requests, retries and the file while it is being written. Nothing is left behind by a download that fails or is
//! given up.

use std::path::Path;
use std::time::Duration;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_registry::{date, retry_after};
use reqwest::header::{self, HeaderMap};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{Cached, Fetched, HttpError, HttpSource};
use crate::sys::file;
use crate::tree::Timestamp;

const ATTEMPTS: usize = 4;
/// Before the second attempt; doubled before each later one.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that wants a longer pause is given up.
const MAX_WANTED: Duration = Duration::from_secs(120);

/// Told how many bytes there are so far, and in all if that is known.
pub(crate) type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// Why one attempt ended.
enum Failure {
    /// Trying again may help, after the time that the server asks for.
    Passing(HttpError, Option<Duration>),
    /// What came in pieces is not what it should be: in one piece it may be.
    Pieces(HttpError),
    Final(HttpError),
}

/// A file that is being downloaded, from attempt to attempt.
struct Part {
    file: NamedTempFile,
    hasher: Hasher,
    received: u64,
    /// Whether it came in more than one answer.
    in_pieces: bool,
    /// What the server said of it.
    filename: String,
    etag: Option<String>,
    last_modified: Option<String>,
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
    let mut part = None;
    let mut begun_anew = false;
    loop {
        let (error, wanted) = match try_fetch(client, source, previous, directory, &mut part, progress).await {
            Ok(fetched) => return Ok(fetched),
            Err(Failure::Passing(error, wanted)) => (error, wanted),
            Err(Failure::Pieces(error)) if !begun_anew => {
                begun_anew = true;
                (error, None)
            }
            Err(Failure::Pieces(error) | Failure::Final(error)) => return Err(error),
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted > MAX_WANTED) {
            return Err(HttpError::Wait { url: source.shown(), seconds: wanted.as_secs() });
        }
        if attempt == ATTEMPTS {
            return Err(match error {
                HttpError::Connection { url, why, .. } => HttpError::Connection { url, why, attempts: attempt },
                other => other,
            });
        }
        tracing::debug!(url = source.shown(), %error, "trying again");
        tokio::time::sleep(wanted.unwrap_or(pause)).await;
        pause *= 2;
        attempt += 1;
    }
}

async fn try_fetch(
    client: &Client,
    source: &HttpSource,
    previous: Option<&Cached>,
    directory: &Path,
    part: &mut Option<Part>,
    progress: Progress<'_>,
) -> Result<Fetched, Failure> {
    let mut request = client.get(&source.url);
    for (name, value) in &source.headers {
        request = request.header(*name, value);
    }
    if let Some(authorization) = &source.authorization {
        request = request.header(header::AUTHORIZATION, authorization.clone());
    }
    let begun = part.as_ref().filter(|part| part.can_go_on());
    let offset = begun.map_or(0, |part| part.received);
    let request = match begun {
        Some(part) => part.ask_for_rest(request),
        None => ask_whether_changed(request, previous),
    };
    let mut response = request.send().await.map_err(|error| failure(source, error))?;
    let known = previous.and_then(|previous| Some((previous, previous.digest.parse::<Digest>().ok()?)));
    if response.status() == StatusCode::NOT_MODIFIED {
        let Some((previous, digest)) = known else {
            return Err(Failure::Final(HttpError::Unasked { url: source.shown() }));
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
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && part.take().is_some() {
            return Err(passing(source, "the server does not know the rest of the file"));
        }
        return Err(refused(source, &response));
    }
    let partial = response.status() == StatusCode::PARTIAL_CONTENT;
    if partial {
        if offset == 0 || part.as_ref().is_none_or(|begun| !begun.goes_on_with(&response)) {
            *part = None;
            return Err(passing(source, "the server sends another part of the file than it was asked for"));
        }
    } else {
        *part = Some(Part::begin(source, &response, directory)?);
    }
    let Some(begun) = part else { return Err(passing(source, "nothing was sent")) };
    begun.in_pieces |= partial;
    begun.receive(source, &mut response, progress).await?;
    let Some(done) = part.take() else { return Err(passing(source, "nothing was sent")) };
    let digest = done.hasher.finish();
    check(source, &digest).map_err(if done.in_pieces { Failure::Pieces } else { Failure::Final })?;

    let time = done.last_modified.as_deref().and_then(date::seconds).unwrap_or(0);
    let time = Timestamp { seconds: time, nanos: 0 };
    let place = directory.join(&done.filename);
    let path = done.file.path();
    file::set_owner(path, source.uid, source.gid)
        .and_then(|()| file::set_mode(path, source.mode))
        .and_then(|()| file::set_times(path, time, time))
        .map_err(|error| Failure::Final(unwritable(&place)(error)))?;
    done.file.persist(&place).map_err(|error| Failure::Final(unwritable(&place)(error.error)))?;
    let (filename, etag, last_modified) = (done.filename, done.etag, done.last_modified);
    Ok(Fetched { digest, filename, last_modified, etag, reused: false })
}

/// Asks only for what is not known.
fn ask_whether_changed(request: RequestBuilder, previous: Option<&Cached>) -> RequestBuilder {
    match previous.map(|previous| (&previous.etag, &previous.last_modified)) {
        Some((Some(etag), _)) => request.header(header::IF_NONE_MATCH, etag),
        Some((None, Some(date))) => request.header(header::IF_MODIFIED_SINCE, date),
        Some((None, None)) | None => request,
    }
}

impl Part {
    /// An empty file for an answer.
    fn begin(source: &HttpSource, response: &Response, directory: &Path) -> Result<Self, Failure> {
        let text =
            |headers: &HeaderMap, name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let headers = response.headers();
        let file = tempfile::Builder::new()
            .prefix(".download-")
            .tempfile_in(directory)
            .map_err(|error| Failure::Final(unwritable(directory)(error)))?;
        Ok(Self {
            file,
            hasher: Hasher::default(),
            received: 0,
            in_pieces: false,
            filename: source.name(text(headers, header::CONTENT_DISPOSITION).as_deref()),
            etag: text(headers, header::ETAG).filter(|etag| !etag.is_empty()),
            last_modified: text(headers, header::LAST_MODIFIED).filter(|date| date::seconds(date).is_some()),
        })
    }

    /// What tells this file from what may be there by now. A weak tag does not, byte for byte.
    fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref().filter(|_| self.etag.is_none()))
    }

    fn can_go_on(&self) -> bool {
        self.received > 0 && self.validator().is_some()
    }

    /// Asks for the rest, or for everything if the file is another one by now.
    fn ask_for_rest(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(header::RANGE, format!("bytes={}-", self.received));
        request.header(header::IF_RANGE, self.validator().unwrap_or_default())
    }

    /// Whether an answer is the rest of this file, and of no other.
    fn goes_on_with(&self, response: &Response) -> bool {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = text(header::ETAG).filter(|etag| !etag.is_empty() && !etag.starts_with("W/"));
        let same = etag.is_none_or(|etag| self.etag.as_deref() == Some(etag));
        same && text(header::CONTENT_RANGE).is_some_and(|range| is_rest(range, self.received))
    }

    /// Writes and hashes the body as it comes. What came stays when it breaks off.
    async fn receive(
        &mut self,
        source: &HttpSource,
        response: &mut Response,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        let path = self.file.path().to_owned();
        let failed = |error| Failure::Final(unwritable(&path)(error));
        let total = response.content_length().and_then(|length| length.checked_add(self.received));
        let mut file = tokio::fs::OpenOptions::new().append(true).open(&path).await.map_err(failed)?;
        let ended = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    file.write_all(&chunk).await.map_err(failed)?;
                    self.hasher.update(&chunk);
                    self.received += u64::try_from(chunk.len()).unwrap_or(0);
                    progress(self.received, total);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(failure(source, error)),
            }
        };
        file.flush().await.map_err(failed)?;
        ended
    }
}

/// Whether a `Content-Range` is that of everything from an offset on. One that does not say where the file ends is not.
fn is_rest(range: &str, from: u64) -> bool {
    let read = || {
        let (range, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let total: u64 = total.trim().parse().ok()?;
        (first == from && last.checked_add(1) == Some(total)).then_some(())
    };
    read().is_some()
}

fn passing(source: &HttpSource, why: &str) -> Failure {
    Failure::Passing(HttpError::Connection { url: source.shown(), why: why.to_owned(), attempts: 1 }, None)
}

fn check(source: &HttpSource, found: &Digest) -> Result<(), HttpError> {
    match &source.checksum {
        Some(expected) if expected != found => {
            let (expected, found) = (Box::new(expected.clone()), Box::new(found.clone()));
            Err(HttpError::Checksum { url: source.shown(), expected, found })
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
    let error = HttpError::Status { url: source.shown(), status: status.to_string(), hint };
    let passing = match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        status => status >= 500,
    };
    if !passing {
        return Failure::Final(error);
    }
    let wanted = response.headers().get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    Failure::Passing(error, wanted)
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
    let error = HttpError::Connection { url: source.shown(), why, attempts: 1 };
    if passing { Failure::Passing(error, None) } else { Failure::Final(error) }
}

fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> HttpError + '_ {
    move |source| HttpError::Write { path: path.to_owned(), source }
}
