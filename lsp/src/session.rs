//! The documents of one client.
//!
//! Owns the thread that alone changes them, in the order in which messages arrive. Whatever takes time is done elsewhere over
//! snapshots, and what comes back for a version that is no longer current is dropped.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use camino::Utf8PathBuf;
use hlb_ide::{Analysis, Host};
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

/// One version of a document.
#[derive(Clone)]
struct Document {
    uri: lsp::Uri,
    path: Utf8PathBuf,
    version: i32,
}

/// A document with all that there is beside it.
#[derive(Clone)]
struct Snapshot {
    document: Document,
    all: hlb_ide::Snapshot,
    client: Client,
}

struct Session {
    documents: BTreeMap<lsp::Uri, Document>,
    host: Host,
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
        if let Ok(Some(published)) = catch_unwind(AssertUnwindSafe(|| snapshot.diagnose())) {
            let _ = back.send(Message::Diagnosed(published));
        }
    })?;
    let mut session = Session {
        documents: BTreeMap::new(),
        host: Host::default(),
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
                self.host.edit(path.clone(), item.text);
                let document = Document { uri: item.uri.clone(), path, version: item.version };
                self.documents.insert(item.uri, document);
                self.diagnose_all();
            }
            Message::Change(change) => self.change(change),
            Message::Saved => {
                self.host.touched();
                self.diagnose_all();
            }
            Message::Close(uri) => {
                if let Some(document) = self.documents.remove(&uri) {
                    self.host.close(&document.path);
                }
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
            let Some(before) = self.host.snapshot().text(&document.path) else { return };
            let source = before.source();
            let text = match edit.range {
                None => edit.text,
                Some(range) => {
                    let start = self.client.encoding.offset(source, range.start);
                    let end = self.client.encoding.offset(source, range.end).max(start);
                    let (before, after) = (source.text().get(..start), source.text().get(end..));
                    format!("{}{}{}", before.unwrap_or_default(), edit.text, after.unwrap_or_default())
                }
            };
            self.host.edit(document.path.clone(), text);
        }
        document.version = change.text_document.version;
        self.diagnose(&uri);
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
        Some(Snapshot { document, all: self.host.snapshot(), client: self.client })
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Hover(at, reply) => self.work(&at.text_document.uri, reply, move |it| it.hover(at.position)),
            Question::Definition(at, reply) => {
                self.work(&at.text_document.uri, reply, move |it| it.definition(at.position));
            }
            Question::Symbols(uri, reply) => self.work(&uri, reply, Snapshot::symbols),
            Question::Format(uri, reply) => self.work(&uri, reply, Snapshot::format),
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
    fn analysis(&self) -> Option<Arc<Analysis>> {
        self.all.analysis(&self.document.path)
    }

    fn diagnose(&self) -> Option<Published> {
        let (analysis, uri) = (self.analysis()?, &self.document.uri);
        let shown = |it: &_| convert::diagnostic(it, analysis.text().source(), uri, self.client.encoding);
        Some(Published {
            uri: uri.clone(),
            diagnostics: analysis.diagnostics().iter().map(shown).collect(),
            version: Some(self.document.version),
        })
    }

    fn hover(&self, at: lsp::Position) -> Option<lsp::Hover> {
        let (analysis, encoding) = (self.analysis()?, self.client.encoding);
        let source = analysis.text().source();
        Some(convert::hover(analysis.hover(encoding.offset(source, at))?, source, encoding))
    }

    fn definition(&self, at: lsp::Position) -> Option<lsp::GotoDefinitionResponse> {
        let (analysis, encoding) = (self.analysis()?, self.client.encoding);
        let place = analysis.definition(encoding.offset(analysis.text().source(), at)).into_iter().next()?.to;
        if place.path == self.document.path {
            let range = encoding.range(&place.source, place.span);
            let uri = self.document.uri.clone();
            return Some(lsp::GotoDefinitionResponse::Scalar(lsp::Location { uri, range }));
        }
        convert::location(place, encoding).map(lsp::GotoDefinitionResponse::Scalar)
    }

    fn symbols(&self) -> Option<lsp::DocumentSymbolResponse> {
        let (analysis, encoding) = (self.analysis()?, self.client.encoding);
        let (source, symbols) = (analysis.text().source(), analysis.symbols());
        Some(if self.client.nested_symbols {
            lsp::DocumentSymbolResponse::Nested(convert::nested(symbols, source, encoding))
        } else {
            let mut found = Vec::new();
            convert::flat(symbols, None, &self.document.uri, source, encoding, &mut found);
            lsp::DocumentSymbolResponse::Flat(found)
        })
    }

    fn format(&self) -> Option<Vec<lsp::TextEdit>> {
        let text = self.all.text(&self.document.path)?;
        let edit = hlb_ide::format(text.source().text());
        let range = |span| self.client.encoding.range(text.source(), span);
        Some(edit.map(|(span, new_text)| lsp::TextEdit { range: range(span), new_text }).into_iter().collect())
    }
}
