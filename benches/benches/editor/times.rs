//! Times of many rounds, and what is printed of them.
//!
//! Owns medians, the slowest hundredth, and limits.

use std::time::Duration;

/// Times in the order in which they were taken.
#[derive(Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

/// What the median must not be above.
#[derive(Clone, Copy)]
pub(crate) struct Limit(Duration);

impl Limit {
    pub(crate) fn ms(limit: u64) -> Self {
        Self(Duration::from_millis(limit))
    }
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that a share of all is not above.
    fn quantile(&self, hundredths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or_default()
    }
}

/// Prints a line with the times of each side; the first side is the one that is measured, the second its rival.
pub(crate) fn compare<'n>(
    what: &str,
    names: impl Iterator<Item = &'n str>,
    times: &[Times],
    limit: Limit,
    failed: &mut Vec<String>,
) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let shown: Vec<String> = names
        .zip(times)
        .map(|(name, it)| format!("{name} p50 {:.2} ms, p99 {:.2} ms", ms(it.quantile(50)), ms(it.quantile(99))))
        .collect();
    let median = |index: usize| times.get(index).map(|it| it.quantile(50));
    let ratio = median(0).zip(median(1)).map(|(ours, peer)| ours.as_secs_f64() / peer.as_secs_f64().max(1e-9));
    let ratio = ratio.map(|ratio| format!("; {ratio:.2}x the peer")).unwrap_or_default();
    println!("{what}: {}{ratio}", shown.join("; "));
    let ours = median(0).unwrap_or_default();
    if ours > limit.0 {
        failed.push(format!("{what} takes {:.2} ms, the limit is {:.0}", ms(ours), ms(limit.0)));
    }
}
