//! The documents of one client.
//!
//! Owns the thread that alone changes them, in the order in which messages arrive. Whatever takes time is done elsewhere over
//! snapshots.

mod diagnose;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use camino::Utf8PathBuf;
use hlb_ide::{Host, Settings};
use serde_json::Value;
use tower_lsp::ls_types as lsp;

use crate::client::Client;
use crate::convert;
use crate::outgoing::{Again, Outbox, Outgoing};
use crate::settings;
use crate::view::{Document, Documents, Memory, View};
use crate::work::{Lane, Lanes, Way};
use diagnose::Diagnosing;
pub(crate) use diagnose::Found;

/// What the session is told.
pub(crate) enum Message {
    /// The client says what it can; with its folders and what the user wants.
    Client(Box<Client>, Vec<Utf8PathBuf>, Option<Value>),
    /// It is ready to be asked.
    Initialized,
    Open(lsp::TextDocumentItem),
    Change(lsp::DidChangeTextDocumentParams),
    Close(lsp::Uri),
    /// Files have changed on disk.
    Touched,
    /// Folders that have come, and that have gone.
    Folders(Vec<Utf8PathBuf>, Vec<Utf8PathBuf>),
    /// The user wants something else. What the client says of it here counts if it cannot be asked.
    Reconfigured(Value),
    /// What the user wants.
    Configured(Value),
    /// Something to be done with a snapshot of now.
    Ask(Lane, Box<dyn FnOnce(View) + Send>),
    /// Diagnostics have been found.
    Found(Found),
}

struct Session {
    host: Host,
    settings: Settings,
    folders: Vec<Utf8PathBuf>,
    client: Arc<Client>,
    documents: Arc<Documents>,
    memory: Arc<Memory>,
    /// Counts changes. Those who work on an older state look at it, and stop.
    generation: Arc<AtomicU64>,
    lanes: Lanes,
    diagnosing: Diagnosing,
    outbox: Outbox,
}

/// Starts a session, which is told what comes through `messages`. `inbox` is the way to it.
///
/// # Errors
/// If the system gives no threads.
pub(crate) fn start(messages: mpsc::Receiver<Message>, inbox: mpsc::Sender<Message>, outbox: Outbox) -> io::Result<()> {
    let mut session = Session::new(inbox, outbox)?;
    let run = move || {
        loop {
            let message = match session.due() {
                None => messages.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(at) => messages.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(message) => session.take(message),
                Err(mpsc::RecvTimeoutError::Timeout) => session.wake(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    std::thread::Builder::new().name("session".to_owned()).spawn(run).map(drop)
}

impl Session {
    /// A session without documents. `inbox` is the way to it.
    ///
    /// # Errors
    /// If the system gives no threads.
    fn new(inbox: mpsc::Sender<Message>, outbox: Outbox) -> io::Result<Self> {
        let generation = Arc::new(AtomicU64::new(0));
        let settings = settings::of_machine();
        let way = Way::default();
        Ok(Self {
            host: Host::new(settings.clone(), Vec::new()),
            settings,
            folders: Vec::new(),
            client: Arc::default(),
            documents: Arc::default(),
            memory: Arc::default(),
            lanes: Lanes::start(way.clone())?,
            diagnosing: Diagnosing::start(&generation, inbox, outbox.clone(), way)?,
            generation,
            outbox,
        })
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Client(client, folders, wanted) => {
                self.client = Arc::new(*client);
                self.folders.clone_from(&folders);
                self.host.folders(folders);
                if let Some(wanted) = wanted {
                    self.configure(&wanted);
                }
            }
            Message::Initialized => {
                if self.client.asks.watch {
                    self.outbox.send(Outgoing::Watch);
                }
                if self.client.asks.configuration {
                    self.outbox.send(Outgoing::Configure);
                }
            }
            Message::Open(item) => {
                let path = convert::path(&item.uri);
                self.host.edit(path.clone(), item.text);
                let changed = self.changed();
                let document = Document { uri: item.uri, version: item.version, changed };
                Arc::make_mut(&mut self.documents).insert(path.clone(), document);
                self.near(&path);
            }
            Message::Change(change) => self.change(change),
            Message::Close(uri) => self.close(&uri),
            Message::Touched => {
                self.host.touched();
                self.everything_changed();
            }
            Message::Folders(added, removed) => {
                self.folders.retain(|it| !removed.contains(it));
                self.folders.extend(added);
                self.host.folders(self.folders.clone());
                self.everything_changed();
            }
            Message::Reconfigured(_) if self.client.asks.configuration => self.outbox.send(Outgoing::Configure),
            Message::Reconfigured(said) | Message::Configured(said) => self.configure(&said),
            Message::Ask(lane, job) => {
                let view = self.view();
                self.lanes.give(lane, Box::new(move || job(view)));
            }
            Message::Found(found) => self.found(found),
        }
    }

    /// All that there is now.
    fn view(&self) -> View {
        let generation = self.generation.load(Ordering::SeqCst);
        View {
            all: self.host.snapshot(),
            generation,
            client: Arc::clone(&self.client),
            documents: Arc::clone(&self.documents),
            far: self.far(generation),
            memory: Arc::clone(&self.memory),
        }
    }

    fn change(&mut self, change: lsp::DidChangeTextDocumentParams) {
        let path = convert::path(&change.text_document.uri);
        if !self.documents.contains_key(&path) {
            let words = format!("a change of {path}, which is not open, is left out");
            self.outbox.send(Outgoing::Log(lsp::MessageType::WARNING, words));
            return;
        }
        // Whoever asks next should not wait for the end of what was known.
        let before = self.host.snapshot();
        for edit in change.content_changes {
            let text = match edit.range {
                None => edit.text,
                Some(range) => {
                    let Some(before) = self.host.snapshot().text(&path) else { return };
                    let source = before.source();
                    let start = self.client.encoding.offset(source, range.start);
                    let end = self.client.encoding.offset(source, range.end).max(start);
                    let (before, after) = (source.text().get(..start), source.text().get(end..));
                    [before.unwrap_or_default(), &edit.text, after.unwrap_or_default()].concat()
                }
            };
            self.host.edit(path.clone(), text);
        }
        self.lanes.give(Lane::Idle, Box::new(move || drop(before)));
        let changed = self.changed();
        if let Some(document) = Arc::make_mut(&mut self.documents).get_mut(&path) {
            (document.version, document.changed) = (change.text_document.version, changed);
        }
        self.near(&path);
    }

    fn close(&mut self, uri: &lsp::Uri) {
        let path = convert::path(uri);
        if Arc::make_mut(&mut self.documents).remove(&path).is_none() {
            return;
        }
        self.host.close(&path);
        self.memory.forget(&path);
        self.forget(&path);
        if !self.client.diagnostics.pull {
            self.outbox.send(Outgoing::Publish { uri: uri.clone(), diagnostics: Vec::new(), version: None });
        }
        self.changed();
    }

    fn configure(&mut self, said: &Value) {
        let wanted = settings::changed(&self.settings, said);
        if wanted == self.settings {
            return;
        }
        self.settings = wanted.clone();
        self.host.configure(wanted);
        self.everything_changed();
        let refresh = self.client.refresh;
        for (can, what) in [(refresh.lenses, Again::Lenses), (refresh.hints, Again::Hints)] {
            if can {
                self.outbox.send(Outgoing::Refresh(what));
            }
        }
    }

    /// Something has changed that may be seen in every document.
    fn everything_changed(&mut self) {
        self.changed();
        self.near_all();
        if self.client.refresh.tokens {
            self.outbox.send(Outgoing::Refresh(Again::Tokens));
        }
    }
}
