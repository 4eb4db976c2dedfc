//! Blobs on their way from a registry.
//!
//! Owns how a download is continued, by whom, and that what has come is right. Where it comes to lie is behind [`Landing`].

use std::io;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use reqwest::header::{ACCEPT, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::authorize::Access;
use crate::client::{Call, Client, Endpoint};
use crate::failure::FailureKind;
use crate::patience::{Pace, Repeats};
use crate::transport::{Body, broken};

/// What has to come for the count of repetitions to begin anew, if the blob is not smaller.
const PROGRESS: u64 = 1 << 20;

/// Where a blob comes to lie. What is there when it is given to a download is taken for the beginning of the blob.
pub trait Landing: Send {
    /// How many bytes are there.
    fn have(&self) -> u64;

    /// Adds bytes.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Throws all away that is there.
    ///
    /// # Errors
    /// When that cannot be done.
    fn restart(&mut self) -> io::Result<()>;

    /// The digest of what is there.
    fn digest(&self) -> Digest;
}

/// A landing for what is small.
#[derive(Default)]
pub struct Memory {
    bytes: Vec<u8>,
    hasher: Hasher,
}

impl Memory {
    /// What is there.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Landing for Memory {
    fn have(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        self.hasher.update(bytes);
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        *self = Self::default();
        Ok(())
    }

    fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

/// A blob that is being received.
pub(crate) struct Arrival<'a> {
    pub(crate) digest: &'a Digest,
    /// How much is expected, if that is known.
    pub(crate) size: Option<u64>,
    pub(crate) landing: &'a mut dyn Landing,
    pub(crate) progress: &'a mut (dyn FnMut(u64) + Send),
}

/// Why content did not arrive.
pub(crate) enum Stop {
    Registry(FailureKind),
    Write(io::Error),
}

/// Why an answer did not bring the rest of a blob.
enum Trouble {
    Stop(Stop),
    /// The request failed, also after its repetitions, or its answer is not the blob. Nothing was taken from it.
    Asked(FailureKind),
    /// The server cannot send a blob from its middle on.
    Ranges(FailureKind),
}

impl Arrival<'_> {
    /// Adds bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if let Some(size) = self.size.filter(|size| self.have() + bytes.len() as u64 > *size) {
            return Err(wrong(format!("more than the {size} bytes that the manifest says")));
        }
        self.landing.append(bytes).map_err(Stop::Write)?;
        (self.progress)(self.landing.have());
        Ok(())
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self) -> Result<(), Stop> {
        self.landing.restart().map_err(Stop::Write)
    }

    /// Whether what is there is the blob. What is not is thrown away.
    pub(crate) fn check(&mut self) -> Result<(), Stop> {
        let reason = match self.missing() {
            Some(reason) => reason,
            None => match self.landing.digest() {
                actual if actual == *self.digest => return Ok(()),
                actual => format!("digest {actual} instead of {}", self.digest),
            },
        };
        self.restart()?;
        Err(wrong(reason))
    }

    fn have(&self) -> u64 {
        self.landing.have()
    }

    fn missing(&self) -> Option<String> {
        let size = self.size.filter(|size| self.have() != *size)?;
        Some(format!("{} bytes instead of the {size} that the manifest says", self.have()))
    }
}

impl Client {
    /// Receives a blob from where its arrival is. What came stays for whoever is asked next, unless it is wrong.
    pub(crate) async fn blob(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        arrival: &mut Arrival<'_>,
    ) -> Result<(), Stop> {
        let mut repeats = Repeats::new(self.patience(&endpoint.base), u32::MAX);
        let enough = arrival.size.map_or(PROGRESS, |size| (size / 64).clamp(1, PROGRESS));
        let mut furthest = arrival.have();
        // What came in several pieces, maybe not all from here, has another chance to come in one.
        let mut in_pieces = false;
        let mut chance = true;
        let mut ranges = true;
        loop {
            let full = arrival.size.is_some_and(|size| arrival.have() >= size);
            if !ranges && !full && arrival.have() > 0 {
                arrival.restart()?;
            }
            in_pieces |= arrival.have() > 0;
            let received = if full { Ok(()) } else { self.receive(endpoint, repository, arrival).await };
            let checked = received.and_then(|()| arrival.check().map_err(Trouble::Stop));
            let failure = match checked {
                Ok(()) => return Ok(()),
                Err(Trouble::Stop(Stop::Registry(failure))) => failure,
                Err(Trouble::Stop(stop)) => return Err(stop),
                // What is there may be good for whoever is asked next.
                Err(Trouble::Asked(failure)) => return Err(Stop::Registry(failure)),
                Err(Trouble::Ranges(_)) if ranges => {
                    ranges = false;
                    continue;
                }
                Err(Trouble::Ranges(failure)) => failure,
            };
            match &failure {
                FailureKind::Content { .. } if in_pieces && chance => {
                    (in_pieces, chance) = (false, false);
                    arrival.restart()?;
                }
                FailureKind::Broken { .. } | FailureKind::Slow { .. } => {
                    // A trickle gets on all the time, and gets nowhere.
                    let slow = matches!(failure, FailureKind::Slow { .. });
                    if arrival.have() >= furthest + if slow { PROGRESS } else { enough } {
                        furthest = arrival.have();
                        repeats.reset();
                    }
                    if !repeats.wait(None).await {
                        return Err(Stop::Registry(failure));
                    }
                }
                FailureKind::Content { .. } => {
                    arrival.restart()?;
                    return Err(Stop::Registry(failure));
                }
                _ => return Err(Stop::Registry(failure)),
            }
        }
    }

    /// Asks for what is missing, and takes what comes.
    async fn receive(&self, endpoint: &Endpoint, repository: &str, arrival: &mut Arrival<'_>) -> Result<(), Trouble> {
        let have = arrival.have();
        let mut response = match self.rest_of(endpoint, repository, arrival.digest, have).await {
            Ok(response) => response,
            Err(FailureKind::Status { status: 416, .. }) if have > 0 => {
                // Nothing is behind what is there: it is the blob, if it is right.
                return arrival.check().map_err(|_| Trouble::Ranges(beyond(have)));
            }
            Err(failure) => return Err(Trouble::Asked(failure)),
        };
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        match (partial, have) {
            (true, 0) => {
                return Err(wrong("it sends a part of the blob, which was not asked for".to_owned()).into());
            }
            (true, _) => {
                let range = response.headers().get(CONTENT_RANGE);
                if let Err(reason) = is_rest(range, have, arrival.size) {
                    return Err(Trouble::Ranges(FailureKind::Content { reason }));
                }
            }
            (false, _) => {}
        }
        let base = if partial { have } else { 0 };
        let said = response.content_length().map(|length| length.saturating_add(base));
        if let (Some(said), Some(size)) = (said, arrival.size)
            && said != size
        {
            let reason = match said > size {
                true => format!("more than the {size} bytes that the manifest says"),
                false => format!("{said} bytes instead of the {size} that the manifest says"),
            };
            let failure = FailureKind::Content { reason };
            // A page in place of the blob is no reason to throw away what has come.
            return Err(if partial { Trouble::Stop(Stop::Registry(failure)) } else { Trouble::Asked(failure) });
        }
        if !partial && have > 0 {
            // The server does not know ranges, and sends everything.
            arrival.restart()?;
        }
        let mut pace = Pace::new(self.patience(&endpoint.base));
        let registry = |failure| Trouble::Stop(Stop::Registry(failure));
        while let Some(bytes) = response.chunk().await.map_err(|error| registry(broken(&error)))? {
            arrival.append(&bytes)?;
            pace.came(bytes.len()).map_err(registry)?;
        }
        match arrival.missing() {
            Some(reason) => Err(registry(FailureKind::Broken { reason })),
            None => Ok(()),
        }
    }

    async fn rest_of(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        digest: &Digest,
        offset: u64,
    ) -> Result<Response, FailureKind> {
        let repository = format!("{}{repository}", endpoint.prefix);
        let mut headers = vec![(ACCEPT, "*/*".to_owned())];
        if offset > 0 {
            headers.push((RANGE, format!("bytes={offset}-")));
        }
        let call = Call {
            access: Access::Pull(&repository),
            method: Method::GET,
            url: endpoint.url(&repository, &format!("blobs/{digest}"))?,
            headers,
            body: Body::None,
            repeats: u32::MAX,
        };
        self.call(endpoint, &call).await
    }
}

/// Whether a `Content-Range` is that of everything from an offset on.
fn is_rest(header: Option<&HeaderValue>, from: u64, size: Option<u64>) -> Result<(), String> {
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = || {
        let (range, all) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let all = match all.trim() {
            "*" => size,
            all => Some(all.parse().ok()?),
        };
        let whole = all.is_none_or(|all| last.checked_add(1) == Some(all));
        (first == from && whole && (size.is_none() || all == size)).then_some(())
    };
    read().ok_or_else(|| format!("it sends the range `{text}` of the blob instead of `bytes {from}-`"))
}

fn beyond(have: u64) -> FailureKind {
    FailureKind::Content { reason: format!("it has no more than {have} bytes of the blob") }
}

fn wrong(reason: String) -> Stop {
    Stop::Registry(FailureKind::Content { reason })
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_compared_with_what_was_asked_for() {
        let check = |text: &'static str, size: Option<u64>, good: bool| {
            assert_eq!(is_rest(Some(&HeaderValue::from_static(text)), 10, size).is_ok(), good, "{text}");
        };
        check("bytes 10-58/59", Some(59), true);
        check("bytes 10-58/*", Some(59), true);
        check("bytes 10-58/59", None, true);
        check("bytes 10-58/*", None, true);
        check("bytes 10-57/59", Some(59), false);
        check("bytes 10-58/60", Some(59), false);
        check("bytes 0-58/59", Some(59), false);
        check("bytes 11-58/59", Some(59), false);
        check("bytes */59", Some(59), false);
        check("bytes 10-18446744073709551615/59", Some(59), false);
        check("", Some(59), false);
        assert!(is_rest(None, 10, Some(59)).is_err());
    }
}
