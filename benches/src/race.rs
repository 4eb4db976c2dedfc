//! A subject among rivals and floors.
//!
//! Owns the rounds: in each, every side prepares what it needs, which does not count, and then does its work.
#![expect(clippy::print_stdout, reason = "the numbers are the result")]

use crate::{Times, ratio, timed};

/// One of those who do the same work.
pub struct Side<'a> {
    /// As it is printed.
    pub name: &'a str,
    /// Makes the work necessary again.
    pub prepare: Box<dyn FnMut() + 'a>,
    /// What is measured.
    pub work: Box<dyn FnMut() + 'a>,
}

impl<'a> Side<'a> {
    /// A side that needs no preparation.
    pub fn new(name: &'a str, work: impl FnMut() + 'a) -> Self {
        Self { name, prepare: Box::new(|| {}), work: Box::new(work) }
    }

    /// The same side, with something to do before each round.
    #[must_use]
    pub fn after(self, prepare: impl FnMut() + 'a) -> Self {
        Self { prepare: Box::new(prepare), ..self }
    }
}

/// Measures all sides in `rounds` rounds, one after the other in each, and prints how the first compares with each of the others:
/// by the median, and by the shortest times.
///
/// `amount` is what one call works on and its unit, such as `(400.0, "MB")`; it becomes a rate.
pub fn race(name: &str, rounds: usize, amount: (f64, &str), mut sides: Vec<Side<'_>>) {
    let mut times = vec![Vec::new(); sides.len()];
    for _ in 0..rounds {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            (side.prepare)();
            times.push(timed(&mut side.work));
        }
    }
    let mut times = times.into_iter().map(Times::of);
    let Some(subject) = times.next() else { return };
    println!("{name}, {rounds} rounds");
    let shown = |times: &Times| {
        let seconds = times.median().as_secs_f64();
        format!("{:>9.1} ms, {:.0} {}/s", seconds * 1e3, amount.0 / seconds.max(1e-9), amount.1)
    };
    let mut names = sides.iter().map(|side| side.name);
    println!("  {:<44} {}", names.next().unwrap_or_default(), shown(&subject));
    for (name, other) in names.zip(times) {
        let (median, shortest) = (ratio(subject.median(), other.median()), ratio(subject.min(), other.min()));
        println!("  {median:.2}x (shortest {shortest:.2}x) of {:<21} {}", name, shown(&other));
    }
}
