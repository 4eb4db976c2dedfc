//! How many ops run at a time, and which is next.
//!
//! Owns the queue of ops that are ready to run: solves take turns, so that a large one does not keep a small one waiting, and in
//! a solve the most urgent op is first. Knows nothing about what an op does, nor about other processes, each of which has its
//! own number of jobs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The permits of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Arc<Mutex<Queue>>);

/// The permit to run one op, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Permits,
    solve: u64,
    /// Where it waits; `None` once it is given.
    waiting: Option<Place>,
}

/// The most urgent first, then who came first.
type Place = (Reverse<u64>, u64);

#[derive(Debug)]
struct Queue {
    free: usize,
    /// How many permits each solve has.
    running: HashMap<u64, usize>,
    waiting: HashMap<u64, Waiting>,
    /// Counts who comes and who is served.
    clock: u64,
}

/// The ops of one solve that wait.
#[derive(Debug, Default)]
struct Waiting {
    ops: BTreeMap<Place, oneshot::Sender<()>>,
    /// When the solve was served last.
    served: u64,
}

impl Permits {
    /// As many permits as ops may run at a time; at least one.
    pub(crate) fn new(jobs: usize) -> Self {
        let (running, waiting) = (HashMap::new(), HashMap::new());
        Self(Arc::new(Mutex::new(Queue { free: jobs.max(1), running, waiting, clock: 0 })))
    }

    /// Waits for a permit for an op of a solve. Among the ops of a solve, that with the greatest rank is next. Dropped, it leaves
    /// its place to others.
    pub(crate) async fn acquire(&self, solve: u64, rank: u64) -> Permit {
        let (tell, told) = oneshot::channel();
        let mut permit = Permit { permits: self.clone(), solve, waiting: None };
        {
            let mut queue = self.queue();
            let place = (Reverse(rank), queue.tick());
            permit.waiting = Some(place);
            queue.waiting.entry(solve).or_default().ops.insert(place, tell);
            queue.grant();
        }
        // The other end goes only when it is told, or with `permit`.
        let _ = told.await;
        permit.waiting = None;
        permit
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Gives what is free to those who are next.
    fn grant(&mut self) {
        while self.free > 0 {
            let running = |solve: &u64| self.running.get(solve).copied().unwrap_or_default();
            let turn = |(solve, waiting): &(&u64, &Waiting)| {
                (running(solve), waiting.served, waiting.ops.first_key_value().map(|(place, _)| *place))
            };
            let Some(solve) = self.waiting.iter().min_by_key(turn).map(|(solve, _)| *solve) else { return };
            let now = self.tick();
            let Some(waiting) = self.waiting.get_mut(&solve) else { return };
            waiting.served = now;
            let next = waiting.ops.pop_first();
            if waiting.ops.is_empty() {
                self.waiting.remove(&solve);
            }
            let Some((_, tell)) = next else { continue };
            self.free -= 1;
            *self.running.entry(solve).or_default() += 1;
            // Whoever does not listen any more gives it back as soon as it gets hold of the queue.
            let _ = tell.send(());
        }
    }

    /// Takes an op out of the queue; whether it was there.
    fn leave(&mut self, solve: u64, place: &Place) -> bool {
        let Some(waiting) = self.waiting.get_mut(&solve) else { return false };
        let there = waiting.ops.remove(place).is_some();
        if waiting.ops.is_empty() {
            self.waiting.remove(&solve);
        }
        there
    }

    fn give_back(&mut self, solve: u64) {
        self.free += 1;
        if let Some(running) = self.running.get_mut(&solve) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(&solve);
            }
        }
        self.grant();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut queue = self.permits.queue();
        let left = self.waiting.is_some_and(|place| queue.leave(self.solve, &place));
        if !left {
            queue.give_back(self.solve);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt as _;

    use super::*;

    type Wait<'a> = Pin<Box<dyn Future<Output = Permit> + 'a>>;

    /// Lets ops come while all permits are taken, then gives one permit at a time: who gets it, by place in `ops`.
    fn order(ops: &[(u64, u64)]) -> Vec<usize> {
        let permits = Permits::new(1);
        let mut held = permits.acquire(0, 0).now_or_never();
        let acquire = |(solve, rank): &(u64, u64)| -> Wait<'_> { Box::pin(permits.acquire(*solve, *rank)) };
        let mut waiting: Vec<(usize, Wait<'_>)> = ops.iter().map(acquire).enumerate().collect();
        for (_, wait) in &mut waiting {
            assert!(wait.now_or_never().is_none());
        }
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(held.take());
            waiting.retain_mut(|(at, wait)| match wait.now_or_never() {
                Some(permit) => {
                    order.push(*at);
                    held = Some(permit);
                    false
                }
                None => true,
            });
            assert!(held.is_some(), "nobody was served: {order:?}");
        }
        drop(held);
        let queue = permits.queue();
        assert_eq!((queue.free, queue.running.len(), queue.waiting.len()), (1, 0, 0));
        order
    }

    #[test]
    fn the_most_urgent_is_next_and_solves_take_turns() {
        // The number of a solve and how urgent its op is.
        let check = |ops: &[(u64, u64)], expected: &[usize]| assert_eq!(order(ops), expected, "{ops:?}");
        check(&[(1, 5), (1, 5), (1, 5)], &[0, 1, 2]);
        check(&[(1, 1), (1, 9), (1, 5)], &[1, 2, 0]);
        check(&[(1, 9), (1, 9), (1, 9), (2, 1)], &[0, 3, 1, 2]);
        check(&[(1, 9), (1, 8), (2, 7), (2, 6), (3, 5)], &[0, 2, 4, 1, 3]);
    }

    #[test]
    fn the_solve_that_has_least_is_served_first() {
        let permits = Permits::new(3);
        let mut first: Vec<Permit> = (0..3).filter_map(|_| permits.acquire(1, 0).now_or_never()).collect();
        assert_eq!(first.len(), 3);
        let (mut more, mut other) = (Box::pin(permits.acquire(1, 9)), Box::pin(permits.acquire(2, 0)));
        assert!(more.as_mut().now_or_never().is_none() && other.as_mut().now_or_never().is_none());
        first.pop();
        assert!(more.as_mut().now_or_never().is_none());
        let other = other.as_mut().now_or_never();
        assert!(other.is_some());
        first.pop();
        assert!(more.as_mut().now_or_never().is_some());
    }

    #[test]
    fn who_gives_up_keeps_nothing() {
        let permits = Permits::new(1);
        let held = permits.acquire(1, 0).now_or_never().unwrap();
        let mut gone = Box::pin(permits.acquire(1, 9));
        let mut told = Box::pin(permits.acquire(1, 5));
        let mut last = Box::pin(permits.acquire(2, 0));
        for wait in [&mut gone, &mut told, &mut last] {
            assert!(wait.as_mut().now_or_never().is_none());
        }
        // One goes while it waits, one after it was given what it does not look at any more.
        drop(gone);
        drop(held);
        drop(told);
        assert!(last.as_mut().now_or_never().is_some());
        let queue = permits.queue();
        assert_eq!((queue.free, queue.running.len(), queue.waiting.len()), (1, 0, 0));
    }
}
