//! The documents of one client.
//!
//! Owns the thread that alone changes them, in the order in which messages arrive. Whatever takes time is done elsewhere over
//! snapshots, and what comes back for a version that is no longer current is dropped.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};

use hlb_ide::{Analysis, Buffers, EditorWorld};
use hlb_language::source::Source;
use tokio::sync::{mpsc as outgoing, oneshot};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types as lsp;

use crate::convert::{self, Encoding};
use crate::work::{Newest, Pool};

/// Threads that answer questions.
const WORKERS: usize = 2;

/// Where an answer goes. It is closed when the client has cancelled the question.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// What the session is told.
pub(crate) enum Message {
    Client(Client),
    Open(lsp::TextDocumentItem),
    Change(lsp::DidChangeTextDocumentParams),
    Saved,
    Close(lsp::Uri),
    Ask(Question),
    Diagnosed(Published),
}

/// What the client can do.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) encoding: Encoding,
    pub(crate) nested_symbols: bool,
}

/// A question about a document, with the place for its answer.
pub(crate) enum Question {
    Hover(lsp::TextDocumentPositionParams, Reply<Option<lsp::Hover>>),
    Definition(lsp::TextDocumentPositionParams, Reply<Option<lsp::GotoDefinitionResponse>>),
    Symbols(lsp::Uri, Reply<Option<lsp::DocumentSymbolResponse>>),
    Format(lsp::Uri, Reply<Option<Vec<lsp::TextEdit>>>),
}

/// Diagnostics on their way to the client.
pub(crate) struct Published {
    pub(crate) uri: lsp::Uri,
    pub(crate) diagnostics: Vec<lsp::Diagnostic>,
    pub(crate) version: Option<i32>,
}

/// One version of a document, as the workers see it.
#[derive(Clone)]
struct Document {
    uri: lsp::Uri,
    version: i32,
    source: Arc<Source>,
    /// Made by whoever needs it first.
    analysis: Arc<OnceLock<Analysis>>,
}

/// A document with the others that it may import.
#[derive(Clone)]
struct Snapshot {
    document: Document,
    buffers: Arc<Buffers>,
    client: Client,
}

struct Session {
    documents: BTreeMap<lsp::Uri, Document>,
    buffers: Arc<Buffers>,
    client: Client,
    pool: Pool,
    diagnosing: Newest<lsp::Uri, Snapshot>,
    outbox: outgoing::UnboundedSender<Published>,
}

/// Starts a session and gives the way in.
///
/// # Errors
/// If the system gives no threads.
pub(crate) fn start(outbox: outgoing::UnboundedSender<Published>) -> io::Result<mpsc::Sender<Message>> {
    let (inbox, messages) = mpsc::channel();
    let back = inbox.clone();
    let diagnosing = Newest::start("diagnostics", move |snapshot: Snapshot| {
        if let Ok(published) = catch_unwind(AssertUnwindSafe(|| snapshot.diagnose())) {
            let _ = back.send(Message::Diagnosed(published));
        }
    })?;
    let mut session = Session {
        documents: BTreeMap::new(),
        buffers: Arc::default(),
        client: Client { encoding: Encoding::Utf16, nested_symbols: false },
        pool: Pool::start(WORKERS)?,
        diagnosing,
        outbox,
    };
    std::thread::Builder::new().name("session".to_owned()).spawn(move || {
        for message in messages {
            session.take(message);
        }
    })?;
    Ok(inbox)
}

impl Session {
    fn take(&mut self, message: Message) {
        match message {
            Message::Client(client) => self.client = client,
            Message::Open(item) => {
                let path = convert::path(&item.uri);
                let document = Document {
                    version: item.version,
                    source: Arc::new(Source::new(path, item.text)),
                    analysis: Arc::default(),
                    uri: item.uri.clone(),
                };
                self.documents.insert(item.uri, document);
                self.changed();
                self.diagnose_all();
            }
            Message::Change(change) => self.change(change),
            Message::Saved => self.diagnose_all(),
            Message::Close(uri) => {
                self.documents.remove(&uri);
                self.changed();
                self.publish(Published { uri, diagnostics: Vec::new(), version: None });
                self.diagnose_all();
            }
            Message::Diagnosed(published) => {
                let current = self.documents.get(&published.uri).map(|document| document.version);
                if current.is_some() && current == published.version {
                    self.publish(published);
                }
            }
            Message::Ask(question) => self.answer(question),
        }
    }

    fn change(&mut self, change: lsp::DidChangeTextDocumentParams) {
        let uri = change.text_document.uri;
        let Some(document) = self.documents.get_mut(&uri) else { return };
        for edit in change.content_changes {
            let source = &document.source;
            let text = match edit.range {
                None => edit.text,
                Some(range) => {
                    let start = self.client.encoding.offset(source, range.start);
                    let end = self.client.encoding.offset(source, range.end).max(start);
                    let (before, after) = (source.text().get(..start), source.text().get(end..));
                    format!("{}{}{}", before.unwrap_or_default(), edit.text, after.unwrap_or_default())
                }
            };
            document.source = Arc::new(Source::new(document.source.name(), text));
        }
        document.version = change.text_document.version;
        self.changed();
        self.diagnose(&uri);
    }

    /// Forgets what was known: a document may import any other.
    fn changed(&mut self) {
        let mut buffers = Buffers::new();
        for document in self.documents.values_mut() {
            document.analysis = Arc::default();
            buffers.insert(document.source.name().into(), Arc::clone(&document.source));
        }
        self.buffers = Arc::new(buffers);
    }

    fn diagnose(&self, uri: &lsp::Uri) {
        if let Some(snapshot) = self.snapshot(uri) {
            self.diagnosing.give(uri.clone(), snapshot);
        }
    }

    fn diagnose_all(&self) {
        self.documents.keys().for_each(|uri| self.diagnose(uri));
    }

    fn publish(&self, published: Published) {
        let _ = self.outbox.send(published);
    }

    fn snapshot(&self, uri: &lsp::Uri) -> Option<Snapshot> {
        let document = self.documents.get(uri)?.clone();
        Some(Snapshot { document, buffers: Arc::clone(&self.buffers), client: self.client })
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Hover(at, reply) => self.work(&at.text_document.uri, reply, move |it| it.hover(at.position)),
            Question::Definition(at, reply) => {
                self.work(&at.text_document.uri, reply, move |it| it.definition(at.position));
            }
            Question::Symbols(uri, reply) => self.work(&uri, reply, Snapshot::symbols),
            Question::Format(uri, reply) => self.work(&uri, reply, |it| Some(it.format())),
        }
    }

    /// Has a question answered from a snapshot. A document that is not open has no answers.
    fn work<T: Send + 'static>(
        &self,
        uri: &lsp::Uri,
        reply: Reply<Option<T>>,
        answer: impl FnOnce(&Snapshot) -> Option<T> + Send + 'static,
    ) {
        let Some(snapshot) = self.snapshot(uri) else {
            let _ = reply.send(Ok(None));
            return;
        };
        self.pool.give(Box::new(move || {
            if reply.is_closed() {
                return;
            }
            let answer = catch_unwind(AssertUnwindSafe(|| answer(&snapshot)));
            let _ = reply.send(answer.map_err(|_| Error {
                message: "the language server has a mistake: it panicked, see its log".into(),
                ..Error::internal_error()
            }));
        }));
    }
}

impl Snapshot {
    fn analysis(&self) -> &Analysis {
        self.document.analysis.get_or_init(|| {
            let source = &self.document.source;
            Analysis::new(&EditorWorld::new(Buffers::clone(&self.buffers)), source.name().into(), source.text())
        })
    }

    fn diagnose(&self) -> Published {
        let (analysis, uri) = (self.analysis(), &self.document.uri);
        let shown = |it: &_| convert::diagnostic(it, analysis, uri, self.client.encoding);
        Published {
            uri: uri.clone(),
            diagnostics: analysis.diagnostics().into_iter().filter_map(shown).collect(),
            version: Some(self.document.version),
        }
    }

    fn hover(&self, at: lsp::Position) -> Option<lsp::Hover> {
        let (source, encoding) = (&self.document.source, self.client.encoding);
        Some(convert::hover(self.analysis().hover(encoding.offset(source, at))?, source, encoding))
    }

    fn definition(&self, at: lsp::Position) -> Option<lsp::GotoDefinitionResponse> {
        let encoding = self.client.encoding;
        let place = self.analysis().definition(encoding.offset(&self.document.source, at))?;
        if place.path == self.document.source.name() {
            let range = encoding.range(&self.document.source, place.span);
            let uri = self.document.uri.clone();
            return Some(lsp::GotoDefinitionResponse::Scalar(lsp::Location { uri, range }));
        }
        convert::location(place, encoding).map(lsp::GotoDefinitionResponse::Scalar)
    }

    fn symbols(&self) -> Option<lsp::DocumentSymbolResponse> {
        let (source, encoding) = (&self.document.source, self.client.encoding);
        let symbols = self.analysis().symbols();
        Some(if self.client.nested_symbols {
            lsp::DocumentSymbolResponse::Nested(convert::nested(symbols, source, encoding))
        } else {
            let mut found = Vec::new();
            convert::flat(symbols, None, &self.document.uri, source, encoding, &mut found);
            lsp::DocumentSymbolResponse::Flat(found)
        })
    }

    fn format(&self) -> Vec<lsp::TextEdit> {
        let source = &self.document.source;
        let edit = hlb_ide::format(source.text());
        edit.map(|(span, new_text)| lsp::TextEdit { range: self.client.encoding.range(source, span), new_text })
            .into_iter()
            .collect()
    }
}
