//! The protocol's methods.
//!
//! Owns what is advertised, and the hand-over to the session: the first act of each handler is a send that does not wait, so
//! that the order of arrival is the order in which the session sees things. Nothing here awaits the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use tokio::sync::oneshot;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    DocumentFormattingParams, DocumentSymbolParams, DocumentSymbolResponse, GotoDefinitionParams,
    GotoDefinitionResponse, Hover, HoverParams, HoverProviderCapability, InitializeParams, InitializeResult, OneOf,
    PositionEncodingKind, ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, TextEdit,
};
use tower_lsp::{LanguageServer, LspService, Server};

use crate::convert::Encoding;
use crate::session::{self, Client, Message, Question, Reply};

/// Handlers only wait for the session, so any number of them may.
const HANDLERS: usize = 1024;

/// Serves one client to the end and gives the exit code that the protocol asks for.
pub(crate) async fn serve() -> i32 {
    let (outbox, mut published) = tokio::sync::mpsc::unbounded_channel();
    let Ok(inbox) = session::start(outbox) else { return 1 };
    let orderly = Arc::new(AtomicBool::new(false));
    let backend = Backend { inbox, orderly: Arc::clone(&orderly) };
    let (service, socket) = LspService::new(|client| {
        // One task, so that diagnostics leave in the order in which they were made.
        tokio::spawn(async move {
            while let Some(session::Published { uri, diagnostics, version }) = published.recv().await {
                client.publish_diagnostics(uri, diagnostics, version).await;
            }
        });
        backend
    });
    Server::new(tokio::io::stdin(), tokio::io::stdout(), socket).concurrency_level(HANDLERS).serve(service).await;
    i32::from(!orderly.load(Ordering::SeqCst))
}

struct Backend {
    inbox: mpsc::Sender<Message>,
    /// Whether the client has announced the end.
    orderly: Arc<AtomicBool>,
}

impl Backend {
    fn tell(&self, message: Message) {
        // The session ends with the process.
        let _ = self.inbox.send(message);
    }

    fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> impl Future<Output = Result<T>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Ask(question(reply)));
        async { answer.await.unwrap_or_else(|_| Err(Error::internal_error())) }
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let general = params.capabilities.general;
        let offered = general.and_then(|general| general.position_encodings).unwrap_or_default();
        let encoding = if offered.contains(&PositionEncodingKind::UTF8) { Encoding::Utf8 } else { Encoding::Utf16 };
        let document = params.capabilities.text_document.unwrap_or_default();
        let nested = document.document_symbol.and_then(|it| it.hierarchical_document_symbol_support).unwrap_or(false);
        self.tell(Message::Client(Client { encoding, nested_symbols: nested }));
        Ok(InitializeResult {
            capabilities: ServerCapabilities {
                position_encoding: Some(match encoding {
                    Encoding::Utf8 => PositionEncodingKind::UTF8,
                    Encoding::Utf16 => PositionEncodingKind::UTF16,
                }),
                text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                    ..TextDocumentSyncOptions::default()
                })),
                hover_provider: Some(HoverProviderCapability::Simple(true)),
                definition_provider: Some(OneOf::Left(true)),
                document_symbol_provider: Some(OneOf::Left(true)),
                document_formatting_provider: Some(OneOf::Left(true)),
                ..ServerCapabilities::default()
            },
            server_info: Some(ServerInfo {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn shutdown(&self) -> Result<()> {
        self.orderly.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.tell(Message::Open(params.text_document));
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.tell(Message::Change(params));
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {
        self.tell(Message::Saved);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.tell(Message::Close(params.text_document.uri));
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        self.ask(|reply| Question::Hover(at, reply)).await
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let at = params.text_document_position_params;
        self.ask(|reply| Question::Definition(at, reply)).await
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        self.ask(|reply| Question::Symbols(params.text_document.uri, reply)).await
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        self.ask(|reply| Question::Format(params.text_document.uri, reply)).await
    }
}
