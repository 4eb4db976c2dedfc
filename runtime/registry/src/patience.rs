//! How long somebody is waited for, and how often asked.
//!
//! Owns pauses between tries, what a server may ask for in `Retry-After`, and the watch over connections that are too slow.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::date;
use crate::failure::FailureKind;

const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A server that wants a longer pause is given up.
const MAX_WANTED: Duration = Duration::from_secs(120);

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next piece of an answer; also the time over which the speed of a connection is taken.
    pub silence: Duration,
    /// How often a request is made again after a passing fault.
    pub repeats: u32,
    /// Before the first repetition; doubled before each later one, up to 30 seconds.
    pub first_pause: Duration,
    /// A connection with fewer bytes a second is as good as broken.
    pub slowest: u64,
}

impl Patience {
    /// What suits the networks of people.
    pub const USUAL: Self = Self {
        connect: Duration::from_secs(15),
        silence: Duration::from_secs(60),
        repeats: 3,
        first_pause: Duration::from_millis(200),
        slowest: 1 << 10,
    };
}

/// The repetitions of one request.
pub(crate) struct Repeats {
    patience: Patience,
    limit: u32,
    done: u32,
}

impl Repeats {
    /// At most `limit`, and no more than the patience allows.
    pub(crate) fn new(patience: Patience, limit: u32) -> Self {
        Self { patience, limit: limit.min(patience.repeats), done: 0 }
    }

    /// How many there were.
    pub(crate) fn done(&self) -> u32 {
        self.done
    }

    /// Begins to count anew.
    pub(crate) fn reset(&mut self) {
        self.done = 0;
    }

    /// Waits until it is time for the next try; false if there is none. `wanted` is how long the server asks to wait.
    pub(crate) async fn wait(&mut self, wanted: Option<Duration>) -> bool {
        if self.done >= self.limit || wanted.is_some_and(is_too_long) {
            return false;
        }
        let usual = self.patience.first_pause.saturating_mul(2_u32.saturating_pow(self.done)).min(MAX_PAUSE);
        tokio::time::sleep(wanted.unwrap_or_else(|| jitter(usual, RandomState::new().hash_one(self.done)))).await;
        self.done += 1;
        true
    }
}

/// Whether a pause that a server asks for is not worth waiting for.
pub(crate) fn is_too_long(wanted: Duration) -> bool {
    wanted > MAX_WANTED
}

/// The pause that a `Retry-After` asks for: seconds, or a date.
pub fn retry_after(text: &str) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    wanted(text, now)
}

fn wanted(text: &str, now: Duration) -> Option<Duration> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = Duration::from_secs(u64::try_from(date::seconds(text)?).unwrap_or(0));
    Some(at.saturating_sub(now))
}

/// A quarter more or less, so that those who were refused at once do not come again at once.
fn jitter(pause: Duration, random: u64) -> Duration {
    let percent = 75 + u32::try_from(random % 51).unwrap_or(0);
    pause.saturating_mul(percent) / 100
}

/// The speed of a connection while something is received.
pub(crate) struct Pace {
    patience: Patience,
    since: Instant,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, since: Instant::now(), bytes: 0 }
    }

    /// Counts bytes that came.
    ///
    /// # Errors
    /// `FailureKind::Slow` when there were too few in the last while.
    pub(crate) fn came(&mut self, bytes: usize) -> Result<(), FailureKind> {
        self.bytes += bytes as u64;
        let passed = self.since.elapsed();
        if passed < self.patience.silence {
            return Ok(());
        }
        if u128::from(self.bytes) * 1000 < u128::from(self.patience.slowest) * passed.as_millis() {
            return Err(FailureKind::Slow { bytes: self.bytes, time: passed });
        }
        (self.since, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_how_long_to_wait() {
        let now = Duration::from_secs(784_111_700);
        for (text, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(77)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wanted(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn pauses_differ_by_a_quarter() {
        let pause = Duration::from_millis(1000);
        assert_eq!(jitter(pause, 0), Duration::from_millis(750));
        assert_eq!(jitter(pause, 25), pause);
        assert_eq!(jitter(pause, 50), Duration::from_millis(1250));
        assert_eq!(jitter(pause, 51), Duration::from_millis(750));
    }
}
