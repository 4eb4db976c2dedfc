//! When diagnostics are looked for, and which are shown.
//!
//! Owns the two looks: near, at one file as soon as it changes; far, at all files when nobody has typed for a while. What was
//! found in a state that is no longer current is not shown, except that near shows what it can of a document that others changed
//! meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tower_lsp::ls_types as lsp;

use super::{Message, Session};
use crate::convert;
use crate::outgoing::{Again, Outbox, Outgoing};
use crate::view::{Far, View};
use crate::work::{Newest, guarded};

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
    near: Newest<Utf8PathBuf, (Utf8PathBuf, View)>,
    far: Newest<(), View>,
    /// What is shown of each document.
    shown: BTreeMap<Utf8PathBuf, Shown>,
    /// When the next far look begins.
    due: Option<Instant>,
    /// The far look that goes on.
    running: Option<Running>,
    last: Option<(u64, Arc<Far>)>,
}

struct Shown {
    generation: u64,
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
    pub(super) fn start(generation: &Arc<AtomicU64>, inbox: mpsc::Sender<Message>, outbox: Outbox) -> io::Result<Self> {
        let (back, log) = (inbox.clone(), outbox.clone());
        let near = Newest::start("near", move |(path, view): (Utf8PathBuf, View)| {
            let version = view.version(&path).unwrap_or_default();
            match guarded(|| convert::near_diagnostics(&view, &path)) {
                Ok(Some(diagnostics)) => {
                    let generation = view.generation;
                    let _ = back.send(Message::Found(Found::Near { path, generation, diagnostics }));
                }
                Ok(None) => {}
                Err(said) => log.panicked(&format!("diagnostics of {path}, version {version}"), &said),
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

    /// Looks at one document.
    pub(super) fn near(&mut self, path: &Utf8Path) {
        if !self.client.diagnostics.pull {
            self.diagnosing.near.give(path.to_owned(), (path.to_owned(), self.view()));
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
            Found::Near { path, generation, diagnostics } => self.show(&path, generation, diagnostics, true),
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
                    self.show(path, generation, diagnostics.clone(), false);
                }
            }
        }
    }

    /// Shows diagnostics of a document, unless newer ones are shown; the same again only if `always`.
    fn show(&mut self, path: &Utf8Path, generation: u64, diagnostics: Vec<lsp::Diagnostic>, always: bool) {
        let Some(document) = self.documents.get(path).filter(|document| document.changed <= generation) else { return };
        if let Some(shown) = self.diagnosing.shown.get(path)
            && (shown.generation > generation || shown.generation == generation && always)
        {
            return;
        }
        let same = self.diagnosing.shown.get(path).is_some_and(|shown| shown.diagnostics == diagnostics);
        if always || !same {
            self.outbox.send(Outgoing::Publish {
                uri: document.uri.clone(),
                diagnostics: diagnostics.clone(),
                version: Some(document.version),
            });
        }
        self.diagnosing.shown.insert(path.to_owned(), Shown { generation, diagnostics });
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
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::outgoing::Queue;

    const PATH: &str = "/work/build.hlb";

    /// A session of a client that shows progress, with a document. What it tells itself is not heard.
    fn session() -> (Session, Queue) {
        let (inbox, _) = mpsc::channel();
        let (outbox, queue) = Outbox::new();
        let mut session = Session::new(inbox, outbox).unwrap();
        let mut client = Client::default();
        client.asks.progress = true;
        session.take(Message::Client(Box::new(client), Vec::new(), None));
        let item = lsp::TextDocumentItem {
            uri: format!("file://{PATH}").parse().unwrap(),
            language_id: "hlb".to_owned(),
            version: 1,
            text: String::new(),
        };
        session.take(Message::Open(item));
        (session, queue)
    }

    /// What was sent, in a word each.
    fn sent(queue: &mut Queue) -> Vec<String> {
        let mut sent = Vec::new();
        while let Ok(it) = queue.try_recv() {
            sent.push(match it {
                Outgoing::Publish { diagnostics, version, .. } => format!("{} of {version:?}", diagnostics.len()),
                Outgoing::Begin(number, title) => format!("begin {number} {title}"),
                Outgoing::End(number) => format!("end {number}"),
                _ => "other".to_owned(),
            });
        }
        sent
    }

    fn near(generation: u64, count: usize) -> Message {
        let diagnostics = vec![lsp::Diagnostic::default(); count];
        Message::Found(Found::Near { path: PATH.into(), generation, diagnostics })
    }

    fn far(generation: u64, count: usize) -> Message {
        let diagnostics = [(PATH.into(), vec![lsp::Diagnostic::default(); count])].into();
        Message::Found(Found::Far { generation, far: Some(Far { diagnostics, ..Far::default() }) })
    }

    #[test]
    fn a_long_look_is_shown_until_it_ends() {
        let (mut session, mut queue) = session();
        let begun = Instant::now();
        assert!(session.due().unwrap() > begun, "not while somebody may type");
        session.diagnosing.due = Some(begun);
        session.wake();
        assert!(session.diagnosing.due.is_none());
        assert!(sent(&mut queue).is_empty(), "a short look is not shown");
        session.diagnosing.running.as_mut().unwrap().tell = Some(begun);
        session.wake();
        assert_eq!(sent(&mut queue), ["begin 1 Checking"]);
        assert!(session.due().is_none());
        session.take(Message::Found(Found::Far { generation: 1, far: None }));
        assert_eq!(sent(&mut queue), ["end 1"]);
    }

    #[test]
    fn what_is_shown_never_goes_back() {
        let (mut session, mut queue) = session();
        session.take(near(1, 1));
        session.take(far(1, 2));
        session.take(far(1, 2));
        session.take(near(1, 1));
        assert_eq!(sent(&mut queue), ["1 of Some(1)", "2 of Some(1)"], "the far look is the last word");
        let uri = format!("file://{PATH}").parse().unwrap();
        session.take(Message::Change(lsp::DidChangeTextDocumentParams {
            text_document: lsp::VersionedTextDocumentIdentifier { uri, version: 2 },
            content_changes: Vec::new(),
        }));
        session.take(far(1, 3));
        session.take(near(1, 3));
        assert!(sent(&mut queue).is_empty(), "what was found before the change is old");
        session.take(near(2, 0));
        session.take(near(2, 0));
        assert_eq!(sent(&mut queue), ["0 of Some(2)"]);
    }
}
