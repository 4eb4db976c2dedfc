//! What is said of a build while it runs.
//!
//! Owns the thread that all status events go to, and what is remembered of them for the end: how many steps there were, and
//! the last lines that each printed. How it is shown is in the submodule. Knows no HLB and no solver.

mod lines;
mod plain;
mod tail;

use std::io::{self, Write};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_llb::status::Status;

use crate::cli;
use plain::Plain;
use tail::Tails;

/// How long the thread waits for an event before it looks at the clock.
const TICK: Duration = Duration::from_millis(200);
/// Events that may wait to be shown. A step that prints faster than the terminal takes it is slowed down, not remembered.
const WAITING: usize = 1024;

/// A running display.
pub(crate) struct Progress {
    events: mpsc::SyncSender<Event>,
    thread: JoinHandle<Tails>,
}

/// What is left when a build has ended.
pub(crate) struct Ended(Tails);

enum Event {
    Status(Status),
    /// Everything so far is to be shown before this is dropped.
    Settle(mpsc::SyncSender<()>),
    /// The totals so far are to be shown.
    Totals,
    /// Somebody wants to know the last lines of a vertex.
    Tail(Digest, mpsc::SyncSender<Vec<String>>),
    End {
        success: bool,
    },
}

impl Progress {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(mode: cli::Progress) -> io::Result<Self> {
        match mode {
            cli::Progress::Plain => Self::listening(Some(Plain::new(io::stderr()))),
            cli::Progress::Quiet => Self::listening(None::<Plain<io::Stderr>>),
        }
    }

    /// The same for those who show it elsewhere.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn writing(out: impl Write + Send + 'static) -> io::Result<Self> {
        Self::listening(Some(Plain::new(out)))
    }

    fn listening<W: Write + Send + 'static>(show: Option<Plain<W>>) -> io::Result<Self> {
        let (events, inbox) = mpsc::sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || listen(&inbox, show))?;
        Ok(Self { events, thread })
    }

    /// Where a solver sends its events.
    pub(crate) fn sink(&self) -> Arc<dyn Fn(Status) + Send + Sync> {
        let events = self.events.clone();
        // After the end nobody listens, and nothing is left to say.
        Arc::new(move |status| drop(events.send(Event::Status(status))))
    }

    /// Shows what is left to show so far, and waits for that.
    pub(crate) fn settle(&self) {
        let (done, shown) = mpsc::sync_channel(0);
        let _ = self.events.send(Event::Settle(done));
        // Nothing is ever sent: it ends when the other side is dropped.
        let _ = shown.recv();
    }

    /// Shows what is left to show so far, and the totals, and waits for that.
    pub(crate) fn tell_totals(&self) {
        let _ = self.events.send(Event::Totals);
        self.settle();
    }

    /// The last lines that a vertex has printed so far.
    pub(crate) fn tail(&self, vertex: &Digest) -> Vec<String> {
        let (answer, told) = mpsc::sync_channel(1);
        let _ = self.events.send(Event::Tail(vertex.clone(), answer));
        told.recv().unwrap_or_default()
    }

    /// Shows what is left to show, and the totals if the build succeeded.
    pub(crate) fn end(self, success: bool) -> Ended {
        let _ = self.events.send(Event::End { success });
        Ended(self.thread.join().unwrap_or_default())
    }
}

impl Ended {
    /// The last lines that a vertex printed.
    pub(crate) fn tail(&self, vertex: &Digest) -> Vec<String> {
        self.0.of(vertex)
    }
}

fn listen<W: Write>(inbox: &mpsc::Receiver<Event>, mut show: Option<Plain<W>>) -> Tails {
    let started = Instant::now();
    let mut tails = Tails::default();
    loop {
        let event = inbox.recv_timeout(TICK);
        let now = started.elapsed();
        match event {
            Ok(Event::Status(status)) => {
                tails.see(&status);
                if let Some(show) = &mut show {
                    show.see(status, now);
                }
            }
            Ok(Event::Tail(vertex, answer)) => {
                let _ = answer.send(tails.of(&vertex));
            }
            Ok(Event::Totals) => {
                if let Some(show) = &mut show {
                    show.end(now, true);
                }
            }
            Ok(Event::Settle(done)) => {
                if let Some(show) = &mut show {
                    show.settle(now);
                }
                drop(done);
            }
            Ok(Event::End { success }) => {
                if let Some(show) = &mut show {
                    show.end(now, success);
                }
                return tails;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if let Some(show) = &mut show {
                    show.tick(now);
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return tails,
        }
    }
}
