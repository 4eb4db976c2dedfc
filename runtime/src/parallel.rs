//! Work on many small items with a few threads.
//!
//! Owns the queue and the threads. Knows nothing of what the work is; used for scanning, hashing and copying trees,
//! where most of the time goes into system calls.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// More threads than this only fight over the same directories.
const MAX_THREADS: usize = 16;
/// Lists this short are not worth a thread.
const ALONE: usize = 32;

struct Queue<T, E> {
    items: Vec<T>,
    working: usize,
    failure: Option<E>,
}

/// Calls `work` once for each item and for each item that `work` adds. The first error stops everything and is returned;
/// items that others are working on are finished first.
pub(crate) fn for_each<T: Send, E: Send>(
    items: Vec<T>,
    work: impl Fn(T, &mut Vec<T>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let mut items = items;
    for _ in 0..ALONE {
        let Some(item) = items.pop() else { return Ok(()) };
        work(item, &mut items)?;
    }
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, MAX_THREADS);
    let queue = Mutex::new(Queue { items, working: 0, failure: None });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Fewer threads than wished for are enough: this one always works.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || drain(&queue, &changed, &work));
        }
        drain(&queue, &changed, &work);
    });
    let queue = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
    queue.failure.map_or(Ok(()), Err)
}

fn drain<T, E>(queue: &Mutex<Queue<T, E>>, changed: &Condvar, work: &impl Fn(T, &mut Vec<T>) -> Result<(), E>) {
    let mut added = Vec::new();
    let mut locked = lock(queue);
    loop {
        if locked.failure.is_some() {
            return;
        }
        let Some(item) = locked.items.pop() else {
            if locked.working == 0 {
                return;
            }
            locked = changed.wait(locked).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        locked.working += 1;
        drop(locked);
        let done = work(item, &mut added);
        locked = lock(queue);
        locked.working -= 1;
        let wake = !added.is_empty() || locked.working == 0 || done.is_err();
        locked.items.append(&mut added);
        if let Err(failure) = done {
            locked.failure.get_or_insert(failure);
        }
        if wake {
            changed.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn items_that_work_adds_are_done() {
        let sum = AtomicUsize::new(0);
        let done: Result<(), ()> = for_each(vec![10_000_usize], |item, more| {
            sum.fetch_add(1, Ordering::Relaxed);
            if item > 1 {
                more.extend([item / 2, item - item / 2]);
            }
            Ok(())
        });
        assert_eq!((done, sum.into_inner()), (Ok(()), 19_999));
    }

    #[test]
    fn an_error_ends_the_work() {
        let done = for_each((0..5000).collect(), |item: usize, _| if item == 2500 { Err(item) } else { Ok(()) });
        assert_eq!(done, Err(2500));
    }
}
