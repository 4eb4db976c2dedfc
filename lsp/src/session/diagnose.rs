//! When diagnostics are looked for, and which are shown.
//!
//! Owns the two looks: near, at one file as soon as it changes; far, at all files when nobody has typed for a while. What was
//! found in a state that is no longer current is not shown, except that near shows what it can of a document that others changed
//! meanwhile. Near looks at the documents that use the changed one, too: an analysis that is still the same is not told again.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::Analysis;
use tower_lsp::ls_types as lsp;

use super::{Message, Session};
use crate::convert;
use crate::outgoing::{Again, Outbox, Outgoing};
use crate::view::{Far, View};
use crate::work::{Newest, Way, guarded};

/// How long nobody has to type before all files are looked at.
const QUIET: Duration = Duration::from_millis(150);

/// A look that takes longer than this is shown to the user.
const LONG: Duration = Duration::from_millis(500);

/// What a look has found.
pub(crate) enum Found {
    /// In one file, at a generation.
    Near { path: Utf8PathBuf, generation: u64, diagnostics: Vec<lsp::Diagnostic> },
    /// In all; nothing if it was stopped.
    Far { generation: u64, far: Option<Far> },
}

/// The looks that go on, and what they have found.
pub(super) struct Diagnosing {
    near: Newest<(Turn, Utf8PathBuf), Near>,
    far: Newest<(), View>,
    /// What is shown of each document.
    shown: BTreeMap<Utf8PathBuf, Shown>,
    /// When the next far look begins.
    due: Option<Instant>,
    /// The far look that goes on.
    running: Option<Running>,
    last: Option<(u64, Arc<Far>)>,
}

/// A near look.
struct Near {
    path: Utf8PathBuf,
    view: View,
    turn: Turn,
}

/// How much was looked at. What was found by looking at more is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Near,
    Far,
}

/// Which near looks come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// At what has changed itself.
    First,
    /// At what may use it: shown if it does.
    Then,
}

struct Shown {
    /// What was looked at, and how.
    generation: u64,
    look: Look,
    /// The generation of the last change of the document then.
    changed: u64,
    diagnostics: Vec<lsp::Diagnostic>,
}

struct Running {
    generation: u64,
    /// When the user is told; nothing if that has been done.
    tell: Option<Instant>,
}

impl Diagnosing {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub(super) fn start(
        generation: &Arc<AtomicU64>,
        inbox: mpsc::Sender<Message>,
        outbox: Outbox,
        way: Way,
    ) -> io::Result<Self> {
        let (back, log) = (inbox.clone(), outbox.clone());
        let mut seen = BTreeMap::new();
        let near = Newest::start("near", move |near: Near| {
            way.give();
            let version = near.view.version(&near.path).unwrap_or_default();
            match guarded(|| look_near(&near, &mut seen)) {
                Ok(Some(diagnostics)) => {
                    let (path, generation) = (near.path, near.view.generation);
                    let _ = back.send(Message::Found(Found::Near { path, generation, diagnostics }));
                }
                Ok(None) => {}
                Err(said) => log.panicked(&format!("diagnostics of {}, version {version}", near.path), &said),
            }
        })?;
        let current = Arc::clone(generation);
        let far = Newest::start("far", move |view: View| {
            let generation = view.generation;
            let stop = || current.load(Ordering::SeqCst) != generation;
            let far = guarded(|| look_far(&view, &stop)).unwrap_or_else(|said| {
                outbox.panicked(&format!("diagnostics of all files, generation {generation}"), &said);
                None
            });
            let _ = inbox.send(Message::Found(Found::Far { generation, far }));
        })?;
        Ok(Self { near, far, shown: BTreeMap::new(), due: None, running: None, last: None })
    }
}

/// What was found in a document. `seen` are the analyses of which that was told.
fn look_near(near: &Near, seen: &mut BTreeMap<Utf8PathBuf, Weak<Analysis>>) -> Option<Vec<lsp::Diagnostic>> {
    seen.retain(|path, _| near.view.documents.contains_key(path));
    let analysis = near.view.all.analysis(&near.path)?;
    let before = seen.insert(near.path.clone(), Arc::downgrade(&analysis));
    let same = before.is_some_and(|before| std::ptr::eq(before.as_ptr(), Arc::as_ptr(&analysis)));
    if same && near.turn == Turn::Then {
        return None;
    }
    convert::near_diagnostics(&near.view, &near.path)
}

fn look_far(view: &View, stop: &dyn Fn() -> bool) -> Option<Far> {
    let start = Instant::now();
    let project = view.all.project(stop)?;
    let mut far = Far { files: project.files().len(), ..Far::default() };
    for path in view.documents.keys() {
        if stop() {
            return None;
        }
        // A document outside of the project is known by itself alone.
        let found = convert::far_diagnostics(view, &project, path).or_else(|| convert::near_diagnostics(view, path));
        far.diagnostics.extend(found.map(|found| (path.clone(), found)));
    }
    far.milliseconds = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    Some(far)
}

impl Session {
    /// When `wake` has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let tell = self.diagnosing.running.as_ref().and_then(|running| running.tell);
        [self.diagnosing.due, tell].into_iter().flatten().min()
    }

    /// Begins what is due.
    pub(super) fn wake(&mut self) {
        let now = Instant::now();
        if self.diagnosing.due.is_some_and(|due| due <= now) {
            self.diagnosing.due = None;
            if self.documents.is_empty() {
                return;
            }
            let view = self.view();
            self.end_progress();
            self.diagnosing.running = Some(Running { generation: view.generation, tell: Some(now + LONG) });
            self.diagnosing.far.give((), view);
        }
        if let Some(running) = &mut self.diagnosing.running
            && running.tell.is_some_and(|tell| tell <= now)
        {
            running.tell = None;
            if self.client.asks.progress {
                self.outbox.send(Outgoing::Begin(running.generation, "Checking"));
            }
        }
    }

    /// Something has changed: what goes on is stopped, and a far look begins when nothing changes for a while. Gives the new
    /// generation.
    pub(super) fn changed(&mut self) -> u64 {
        self.diagnosing.due = Some(Instant::now() + QUIET);
        self.generation.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Looks at a document that has changed, and then at those that use it.
    pub(super) fn near(&mut self, path: &Utf8Path) {
        if self.client.diagnostics.pull {
            return;
        }
        let view = self.view();
        for other in self.documents.keys() {
            let turn = if other == path { Turn::First } else { Turn::Then };
            let near = Near { path: other.clone(), view: view.clone(), turn };
            self.diagnosing.near.give((turn, other.clone()), near);
        }
    }

    /// Looks at all documents.
    pub(super) fn near_all(&mut self) {
        if let Some(path) = self.documents.keys().next().cloned() {
            self.near(&path);
        }
    }

    /// Forgets a document.
    pub(super) fn forget(&mut self, path: &Utf8Path) {
        self.diagnosing.shown.remove(path);
    }

    /// The last far look, if it is of a generation.
    pub(super) fn far(&self, generation: u64) -> Option<Arc<Far>> {
        let (of, far) = self.diagnosing.last.as_ref()?;
        (*of == generation).then(|| Arc::clone(far))
    }

    /// Shows what was found.
    pub(super) fn found(&mut self, found: Found) {
        match found {
            Found::Near { path, generation, diagnostics } => self.show(&path, generation, Look::Near, diagnostics),
            Found::Far { generation, far } => {
                if self.diagnosing.running.as_ref().is_some_and(|running| running.generation == generation) {
                    self.end_progress();
                }
                let Some(far) = far.filter(|_| generation == self.generation.load(Ordering::SeqCst)) else { return };
                let far = Arc::new(far);
                self.diagnosing.last = Some((generation, Arc::clone(&far)));
                if self.client.diagnostics.pull {
                    self.refresh(&far);
                    return;
                }
                for (path, diagnostics) in &far.diagnostics {
                    self.show(path, generation, Look::Far, diagnostics.clone());
                }
            }
        }
    }

    /// Shows diagnostics of a document, unless newer or better ones are shown, or the same of the same version.
    fn show(&mut self, path: &Utf8Path, generation: u64, look: Look, diagnostics: Vec<lsp::Diagnostic>) {
        let Some(document) = self.documents.get(path).filter(|document| document.changed <= generation) else { return };
        let version = document.version;
        if let Some(shown) = self.diagnosing.shown.get_mut(path) {
            if (shown.generation, shown.look) >= (generation, look) {
                return;
            }
            let same_text = shown.changed == document.changed;
            if same_text && shown.diagnostics == diagnostics {
                (shown.generation, shown.look) = (generation, look);
                return;
            }
        }
        self.outbox.send(Outgoing::Publish {
            uri: document.uri.clone(),
            diagnostics: diagnostics.clone(),
            version: Some(version),
        });
        let shown = Shown { generation, look, changed: document.changed, diagnostics };
        self.diagnosing.shown.insert(path.to_owned(), shown);
    }

    /// Has a client that asks for diagnostics ask again, if it would hear something else.
    fn refresh(&self, far: &Far) {
        let pulled = self.memory.pulled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let news = |(path, found): (&Utf8PathBuf, &Vec<lsp::Diagnostic>)| {
            pulled.get(path).is_none_or(|name| *name != convert::named(found))
        };
        if far.diagnostics.iter().any(news) {
            self.outbox.send(Outgoing::Refresh(Again::Diagnostics));
        }
    }

    fn end_progress(&mut self) {
        if let Some(Running { generation, tell: None }) = self.diagnosing.running.take() {
            self.outbox.send(Outgoing::End(generation));
        }
    }
}

#[cfg(test)]
mod tests;
