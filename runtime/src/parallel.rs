//! Work on many small items with a few threads.
//!
//! Owns the queue and the threads. Knows nothing of what the work is; used for scanning, hashing and copying trees,
//! where most of the time goes into system calls.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// More threads than this only fight over the same directories.
const MAX_THREADS: usize = 16;
/// Lists this short are not worth a thread.
const ALONE: usize = 32;

struct Queue<T, E> {
    items: Vec<T>,
    working: usize,
    failure: Option<E>,
    /// A thread died at its work. The others end too, and the panic goes on where the work was asked for.
    panicked: bool,
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
    let threads = threads();
    let queue = Mutex::new(Queue { items, working: 0, failure: None, panicked: false });
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

/// How many work at once. To find out takes a dozen system calls, where control groups count.
fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, MAX_THREADS))
}

fn drain<T, E>(queue: &Mutex<Queue<T, E>>, changed: &Condvar, work: &impl Fn(T, &mut Vec<T>) -> Result<(), E>) {
    let mut added = Vec::new();
    let mut locked = lock(queue);
    loop {
        if locked.failure.is_some() || locked.panicked {
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
        let alarm = Alarm { queue, changed };
        let done = work(item, &mut added);
        std::mem::forget(alarm);
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

/// Tells the others, unless it is forgotten.
struct Alarm<'a, T, E> {
    queue: &'a Mutex<Queue<T, E>>,
    changed: &'a Condvar,
}

impl<T, E> Drop for Alarm<'_, T, E> {
    fn drop(&mut self) {
        lock(self.queue).panicked = true;
        self.changed.notify_all();
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

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_the_work_ends_it() {
        let here = std::thread::current().id();
        let _ = for_each((0..5000).collect(), |item: usize, _| {
            // Slow enough that the other threads get their share, and one of them dies.
            std::thread::sleep(std::time::Duration::from_micros(20));
            assert!(item > 4000 || std::thread::current().id() == here, "dies");
            Ok::<_, ()>(())
        });
    }
}
