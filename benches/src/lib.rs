//! What every benchmark here shares: measure a subject and a floor in turn, print their ratio.
//!
//! Absolute times do not carry over from one machine to the next, nor from one hour to the next. A claim is a ratio, so
//! both sides are measured in one run, one after the other in each round, and share the noise. The floor is the least
//! work that could give the answer. `cargo bench -p hlb-bench --bench NAME` runs one.
//!
//! Must not know what is measured.
#![expect(clippy::print_stdout, reason = "the numbers are the result")]

mod race;
mod subject;

use std::time::{Duration, Instant};

pub use race::{Side, race};
pub use subject::{release_binary, release_build, target_dir};

/// Rounds of one comparison, when the caller has no reason for another number.
pub const ROUNDS: usize = 15;

/// What a comparison found; times are the shortest.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// How long the subject took, in the median: one lucky round says nothing about growth.
    pub subject: Duration,
    /// The shortest time of the subject: the one that says least of what else the machine did.
    pub shortest: Duration,
    /// The same of the floor.
    pub shortest_floor: Duration,
    /// How long the floor took, in the median.
    pub floor: Duration,
    /// How often the floor fits into the subject: by the shortest or the median times, whichever is less, since noise only
    /// adds.
    pub ratio: f64,
    /// The same by the shortest or the median times, whichever is more: for bounds that are to hold with room.
    pub worst: f64,
}

/// The times of one side, shortest first.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn min(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

/// Measures `subject` against `floor` in `rounds` rounds, after one that does not count, and prints a line.
///
/// `amount` is what one call works on and its unit, such as `(1.5, "MB")`; it becomes a rate in the line.
pub fn compare(
    name: &str,
    rounds: usize,
    amount: (f64, &str),
    mut subject: impl FnMut(),
    floor_name: &str,
    mut floor: impl FnMut(),
) -> Compared {
    let (mut subjects, mut floors) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let taken = (timed(&mut subject), timed(&mut floor));
        if round > 0 {
            subjects.push(taken.0);
            floors.push(taken.1);
        }
    }
    let (subjects, floors) = (Times::of(subjects), Times::of(floors));
    let (shortest, median) = (ratio(subjects.min(), floors.min()), ratio(subjects.median(), floors.median()));
    let rate = |time: Duration| amount.0 / time.as_secs_f64().max(1e-9);
    println!(
        "{name}: {shortest:.1}x the floor (median {median:.1}x), {:.3} ms, {:.1} {unit}/s; floor, {floor_name}: {:.3} ms, {:.1} {unit}/s",
        subjects.min().as_secs_f64() * 1e3,
        rate(subjects.min()),
        floors.min().as_secs_f64() * 1e3,
        rate(floors.min()),
        unit = amount.1,
    );
    Compared {
        subject: subjects.median(),
        shortest: subjects.min(),
        shortest_floor: floors.min(),
        floor: floors.median(),
        ratio: shortest.min(median),
        worst: shortest.max(median),
    }
}

fn timed(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn ratio(subject: Duration, floor: Duration) -> f64 {
    subject.as_secs_f64() / floor.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_run_in_every_round_and_once_before() {
        let (mut subject, mut floor) = (0, 0);
        let compared = compare("counting", 4, (1.0, "call"), || subject += 1, "counting too", || floor += 1);
        assert_eq!((subject, floor), (5, 5));
        assert!(compared.ratio >= 0.0);
    }

    #[test]
    fn the_median_is_the_middle_of_the_sorted_times() {
        let times = Times([1, 2, 9].map(Duration::from_millis).to_vec());
        assert_eq!((times.min(), times.median()), (Duration::from_millis(1), Duration::from_millis(2)));
    }
}
