//! Threads that work over snapshots.
//!
//! Owns how many there are and what they take up first. Knows nothing of documents.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// Deep programs are walked by recursion, within limits that fit into this.
const STACK: usize = 16 << 20;

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Threads that take up jobs in the order in which they came.
pub(crate) struct Pool(mpsc::Sender<Job>);

/// A thread that takes up, for each key, only the newest of what came meanwhile.
pub(crate) struct Newest<K, V>(mpsc::Sender<(K, V)>);

impl Pool {
    /// Starts some threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (give, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            spawn("worker", move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    job();
                }
            })?;
        }
        Ok(Self(give))
    }

    pub(crate) fn give(&self, job: Job) {
        let _ = self.0.send(job);
    }
}

impl<K: Ord + Send + 'static, V: Send + 'static> Newest<K, V> {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(name: &str, work: impl Fn(V) + Send + 'static) -> io::Result<Self> {
        let (give, taken) = mpsc::channel::<(K, V)>();
        spawn(name, move || {
            while let Ok((key, value)) = taken.recv() {
                let mut newest = BTreeMap::from([(key, value)]);
                newest.extend(taken.try_iter());
                newest.into_values().for_each(&work);
            }
        })?;
        Ok(Self(give))
    }

    pub(crate) fn give(&self, key: K, value: V) {
        let _ = self.0.send((key, value));
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}
