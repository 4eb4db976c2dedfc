//! Threads that work over snapshots.
//!
//! Owns how many there are, what they take up first, and that a mistake of ours in one piece of work ends that piece only.
//! Knows nothing of documents.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// Deep programs are walked by recursion, within limits that fit into this.
const STACK: usize = 16 << 20;

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How long a question may take, which is whom it must not wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// Somebody types and waits for it.
    Typing,
    /// It looks at one file.
    Reading,
    /// It looks at all files.
    Whole,
    /// Nobody waits for it: the end of what is no longer needed.
    Idle,
}

/// How long work makes way for questions of the same keystroke that have not come yet, and for their answers.
const COMING: Duration = Duration::from_millis(1);
const ANSWERING: Duration = Duration::from_millis(20);

/// Who makes way for whom: how many questions of somebody who types wait for their answers.
#[derive(Clone, Default)]
pub(crate) struct Way(Arc<(Mutex<usize>, Condvar)>);

impl Way {
    /// Waits for those who type, but not for long.
    pub(crate) fn give(&self) {
        let (waiting, changed) = &*self.0;
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let came = changed.wait_timeout_while(waiting, COMING, |waiting| *waiting == 0);
        let (waiting, _) = came.unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout_while(waiting, ANSWERING, |waiting| *waiting > 0);
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let (waiting, changed) = &*self.0;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = change(*waiting);
        changed.notify_all();
    }
}

/// A thread for each lane, which takes up jobs in the order in which they came.
pub(crate) struct Lanes {
    way: Way,
    typing: mpsc::Sender<Job>,
    reading: mpsc::Sender<Job>,
    whole: mpsc::Sender<Job>,
    idle: mpsc::Sender<Job>,
}

impl Lanes {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(way: Way) -> io::Result<Self> {
        Ok(Self {
            way,
            typing: worker("typing")?,
            reading: worker("reading")?,
            whole: worker("whole")?,
            idle: worker("idle")?,
        })
    }

    pub(crate) fn give(&self, lane: Lane, job: Job) {
        let _ = match lane {
            Lane::Typing => {
                self.way.change(|waiting| waiting + 1);
                let way = self.way.clone();
                // A job answers by itself that it panicked.
                self.typing.send(Box::new(move || {
                    job();
                    way.change(|waiting| waiting.saturating_sub(1));
                }))
            }
            Lane::Reading => self.reading.send(job),
            Lane::Whole => self.whole.send(job),
            Lane::Idle => self.idle.send(job),
        };
    }
}

/// A thread that takes up, for each key, only the newest of what came meanwhile.
pub(crate) struct Newest<K, V>(mpsc::Sender<(K, V)>);

impl<K: Ord + Send + 'static, V: Send + 'static> Newest<K, V> {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(name: &str, mut work: impl FnMut(V) + Send + 'static) -> io::Result<Self> {
        let (give, taken) = mpsc::channel::<(K, V)>();
        spawn(name, move || {
            let mut newest = BTreeMap::new();
            while let Ok((key, value)) = taken.recv() {
                newest.insert(key, value);
                newest.extend(taken.try_iter());
                while let Some((_, value)) = newest.pop_first() {
                    work(value);
                    newest.extend(taken.try_iter());
                }
            }
        })?;
        Ok(Self(give))
    }

    pub(crate) fn give(&self, key: K, value: V) {
        let _ = self.0.send((key, value));
    }
}

thread_local! {
    /// What the last panic of this thread said.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics remembered, beside what is done with them anyway.
pub(crate) fn remember_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        SAID.set(Some(panic.to_string()));
        usual(panic);
    }));
}

/// Does a piece of work.
///
/// # Errors
/// What it said if it panicked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| SAID.take().unwrap_or_else(|| "it panicked".to_owned()))
}

fn worker(name: &str) -> io::Result<mpsc::Sender<Job>> {
    let (give, jobs) = mpsc::channel::<Job>();
    spawn(name, move || jobs.into_iter().for_each(|job| job()))?;
    Ok(give)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_one_piece_of_work_and_tells_what_it_said() {
        remember_panics();
        let said = guarded(|| panic!("the table is {}", "round")).map(|(): ()| ()).unwrap_err();
        assert!(said.contains("work.rs") && said.contains("the table is round"), "{said}");
        assert_eq!(guarded(|| 3), Ok(3));
    }

    #[test]
    fn others_make_way_for_those_who_type_but_not_for_ever() {
        let way = Way::default();
        let lanes = Lanes::start(way.clone()).unwrap();
        way.give();
        let (done, heard) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        lanes.give(
            Lane::Typing,
            Box::new(move || {
                let _ = wait.recv();
                let _ = done.send("answered");
            }),
        );
        // Nobody answers: whoever makes way goes on all the same.
        way.give();
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Empty));
        go.send(()).unwrap();
        assert_eq!(heard.recv(), Ok("answered"));
    }

    #[test]
    fn of_what_came_meanwhile_only_the_newest_is_taken_up() {
        let (done, heard) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let newest = Newest::start("test", move |value: u32| {
            let _ = wait.recv();
            done.send(value).unwrap();
        })
        .unwrap();
        for value in 0..100 {
            newest.give(value % 2, value);
        }
        (0..100).for_each(|_| go.send(()).unwrap());
        drop(newest);
        let heard: Vec<u32> = heard.iter().collect();
        assert!(heard.ends_with(&[98, 99]) || heard.ends_with(&[99, 98]), "{heard:?}");
        assert!(heard.len() <= 4, "{heard:?}");
    }
}
