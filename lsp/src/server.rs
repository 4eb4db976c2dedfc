//! The protocol's methods.
//!
//! Owns the table of them: on which lane each is answered, and by what. The answers are in the files below.

mod backend;
mod diagnostics;
mod own;
mod reading;
mod whole;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types as lsp;
use tower_lsp::{LanguageServer, LspService};

use crate::capabilities;
use crate::client::{Client, folders};
use crate::convert::file_path;
use crate::outgoing::{self, Outbox};
use crate::session::{self, Message};
use crate::transport;
use crate::view::View;
use crate::work::Lane;
use backend::Backend;

/// Serves one client to the end and gives the exit code that the protocol asks for.
pub(crate) async fn serve() -> i32 {
    let (inbox, messages) = mpsc::channel();
    let (outbox, queue) = Outbox::new();
    if session::start(messages, inbox.clone(), outbox.clone()).is_err() {
        return 1;
    }
    let orderly = Arc::new(AtomicBool::new(false));
    let backend = Backend { inbox: inbox.clone(), outbox, orderly: Arc::clone(&orderly) };
    let (service, socket) = LspService::build(|client| {
        tokio::spawn(outgoing::run(client, queue, inbox));
        backend
    })
    .custom_method("hlb/graph", Backend::graph)
    .custom_method("hlb/status", Backend::status)
    .finish();
    match transport::serve(service, socket).await {
        Ok(()) => i32::from(!orderly.load(Ordering::SeqCst)),
        Err(_) => 1,
    }
}

/// The answer to a question that is understood and cannot be answered, with words for the user.
fn refused(words: String) -> Error {
    /// `RequestFailed` in the protocol.
    const REQUEST_FAILED: i64 = -32803;
    Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: words.into(), data: None }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let client = Client::read(&params);
        let offered = capabilities::offered(&client);
        let folders = folders(&params);
        self.tell(Message::Client(Box::new(client), folders, params.initialization_options));
        Ok(offered)
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        self.tell(Message::Initialized);
    }

    async fn shutdown(&self) -> Result<()> {
        self.orderly.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: lsp::DidOpenTextDocumentParams) {
        self.tell(Message::Open(params.text_document));
    }

    async fn did_change(&self, params: lsp::DidChangeTextDocumentParams) {
        self.tell(Message::Change(params));
    }

    async fn did_save(&self, _: lsp::DidSaveTextDocumentParams) {
        self.tell(Message::Touched);
    }

    async fn did_close(&self, params: lsp::DidCloseTextDocumentParams) {
        self.tell(Message::Close(params.text_document.uri));
    }

    async fn did_change_watched_files(&self, _: lsp::DidChangeWatchedFilesParams) {
        self.tell(Message::Touched);
    }

    async fn did_change_workspace_folders(&self, params: lsp::DidChangeWorkspaceFoldersParams) {
        let paths = |them: &[lsp::WorkspaceFolder]| them.iter().filter_map(|it| file_path(&it.uri)).collect();
        self.tell(Message::Folders(paths(&params.event.added), paths(&params.event.removed)));
    }

    async fn did_change_configuration(&self, params: lsp::DidChangeConfigurationParams) {
        self.tell(Message::Reconfigured(params.settings));
    }

    async fn completion_resolve(&self, item: lsp::CompletionItem) -> Result<lsp::CompletionItem> {
        let resolve = |view: &View, _: &dyn Fn() -> bool| Ok(writing::resolve(view, item));
        self.ask("completionItem/resolve", Lane::Typing, None, resolve).await
    }

    async fn completion(&self, params: lsp::CompletionParams) -> Result<Option<lsp::CompletionResponse>> {
        let uri = params.text_document_position.text_document.uri.clone();
        self.ask("textDocument/completion", Lane::Typing, Some(uri), move |view, _| {
            Ok(writing::completion(view, &params))
        })
        .await
    }

    async fn signature_help(&self, params: lsp::SignatureHelpParams) -> Result<Option<lsp::SignatureHelp>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/signatureHelp", Lane::Typing, Some(uri), move |view, _| {
            Ok(writing::signature(view, &params))
        })
        .await
    }

    async fn on_type_formatting(
        &self,
        params: lsp::DocumentOnTypeFormattingParams,
    ) -> Result<Option<Vec<lsp::TextEdit>>> {
        let uri = params.text_document_position.text_document.uri.clone();
        self.ask("textDocument/onTypeFormatting", Lane::Typing, Some(uri), move |view, _| {
            Ok(writing::format_typed(view, &params))
        })
        .await
    }

    async fn linked_editing_range(
        &self,
        params: lsp::LinkedEditingRangeParams,
    ) -> Result<Option<lsp::LinkedEditingRanges>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/linkedEditingRange", Lane::Typing, Some(uri), move |view, _| {
            Ok(writing::linked(view, &params))
        })
        .await
    }

    async fn document_highlight(
        &self,
        params: lsp::DocumentHighlightParams,
    ) -> Result<Option<Vec<lsp::DocumentHighlight>>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/documentHighlight", Lane::Typing, Some(uri), move |view, _| {
            Ok(reading::highlights(view, &params))
        })
        .await
    }

    async fn formatting(&self, params: lsp::DocumentFormattingParams) -> Result<Option<Vec<lsp::TextEdit>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/formatting", Lane::Reading, Some(uri), move |view, _| Ok(writing::format(view, &params)))
            .await
    }

    async fn range_formatting(&self, params: lsp::DocumentRangeFormattingParams) -> Result<Option<Vec<lsp::TextEdit>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/rangeFormatting", Lane::Reading, Some(uri), move |view, _| {
            Ok(writing::format_range(view, &params))
        })
        .await
    }

    async fn hover(&self, params: lsp::HoverParams) -> Result<Option<lsp::Hover>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/hover", Lane::Reading, Some(uri), move |view, _| Ok(reading::hover(view, &params))).await
    }

    async fn goto_definition(&self, params: lsp::GotoDefinitionParams) -> Result<Option<lsp::GotoDefinitionResponse>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/definition", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::definition(view, &params))
        })
        .await
    }

    async fn goto_declaration(&self, params: lsp::GotoDefinitionParams) -> Result<Option<lsp::GotoDefinitionResponse>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/declaration", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::declaration(view, &params))
        })
        .await
    }

    async fn goto_type_definition(
        &self,
        params: lsp::GotoDefinitionParams,
    ) -> Result<Option<lsp::GotoDefinitionResponse>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/typeDefinition", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::type_definition(view, &params))
        })
        .await
    }

    async fn goto_implementation(
        &self,
        params: lsp::GotoDefinitionParams,
    ) -> Result<Option<lsp::GotoDefinitionResponse>> {
        let uri = params.text_document_position_params.text_document.uri.clone();
        self.ask("textDocument/implementation", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::implementation(view, &params))
        })
        .await
    }

    async fn document_symbol(&self, params: lsp::DocumentSymbolParams) -> Result<Option<lsp::DocumentSymbolResponse>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/documentSymbol", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::symbols(view, &params))
        })
        .await
    }

    async fn code_lens(&self, params: lsp::CodeLensParams) -> Result<Option<Vec<lsp::CodeLens>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/codeLens", Lane::Reading, Some(uri), move |view, _| Ok(reading::lenses(view, &params)))
            .await
    }

    async fn folding_range(&self, params: lsp::FoldingRangeParams) -> Result<Option<Vec<lsp::FoldingRange>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/foldingRange", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::folds(view, &params))
        })
        .await
    }

    async fn selection_range(&self, params: lsp::SelectionRangeParams) -> Result<Option<Vec<lsp::SelectionRange>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/selectionRange", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::selections(view, &params))
        })
        .await
    }

    async fn document_link(&self, params: lsp::DocumentLinkParams) -> Result<Option<Vec<lsp::DocumentLink>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/documentLink", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::links(view, &params))
        })
        .await
    }

    async fn inlay_hint(&self, params: lsp::InlayHintParams) -> Result<Option<Vec<lsp::InlayHint>>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/inlayHint", Lane::Reading, Some(uri), move |view, _| Ok(reading::hints(view, &params)))
            .await
    }

    async fn semantic_tokens_full(
        &self,
        params: lsp::SemanticTokensParams,
    ) -> Result<Option<lsp::SemanticTokensResult>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/semanticTokens/full", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::tokens(view, &params))
        })
        .await
    }

    async fn semantic_tokens_full_delta(
        &self,
        params: lsp::SemanticTokensDeltaParams,
    ) -> Result<Option<lsp::SemanticTokensFullDeltaResult>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/semanticTokens/full/delta", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::tokens_delta(view, &params))
        })
        .await
    }

    async fn semantic_tokens_range(
        &self,
        params: lsp::SemanticTokensRangeParams,
    ) -> Result<Option<lsp::SemanticTokensRangeResult>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/semanticTokens/range", Lane::Reading, Some(uri), move |view, _| {
            Ok(reading::tokens_range(view, &params))
        })
        .await
    }

    async fn diagnostic(&self, params: lsp::DocumentDiagnosticParams) -> Result<lsp::DocumentDiagnosticReportResult> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/diagnostic", Lane::Reading, Some(uri), move |view, _| {
            Ok(diagnostics::document(view, &params))
        })
        .await
    }

    async fn code_action(&self, params: lsp::CodeActionParams) -> Result<Option<lsp::CodeActionResponse>> {
        let uri = params.text_document.uri.clone();
        self.ask("textDocument/codeAction", Lane::Reading, Some(uri), move |view, _| {
            Ok(writing::actions(view, &params))
        })
        .await
    }

    async fn references(&self, params: lsp::ReferenceParams) -> Result<Option<Vec<lsp::Location>>> {
        let uri = Some(params.text_document_position.text_document.uri.clone());
        self.ask("textDocument/references", Lane::Whole, uri, move |view, stop| whole::references(view, stop, &params))
            .await
    }

    async fn prepare_rename(
        &self,
        params: lsp::TextDocumentPositionParams,
    ) -> Result<Option<lsp::PrepareRenameResponse>> {
        let uri = Some(params.text_document.uri.clone());
        self.ask("textDocument/prepareRename", Lane::Whole, uri, move |view, _| whole::prepare_rename(view, &params))
            .await
    }

    async fn rename(&self, params: lsp::RenameParams) -> Result<Option<lsp::WorkspaceEdit>> {
        let uri = Some(params.text_document_position.text_document.uri.clone());
        self.ask("textDocument/rename", Lane::Whole, uri, move |view, _| whole::rename(view, &params)).await
    }

    async fn symbol(&self, params: lsp::WorkspaceSymbolParams) -> Result<Option<lsp::WorkspaceSymbolResponse>> {
        self.ask("workspace/symbol", Lane::Whole, None, move |view, stop| whole::symbols(view, stop, &params)).await
    }

    async fn will_rename_files(&self, params: lsp::RenameFilesParams) -> Result<Option<lsp::WorkspaceEdit>> {
        self.ask("workspace/willRenameFiles", Lane::Whole, None, move |view, _| whole::will_rename(view, &params)).await
    }

    async fn prepare_call_hierarchy(
        &self,
        params: lsp::CallHierarchyPrepareParams,
    ) -> Result<Option<Vec<lsp::CallHierarchyItem>>> {
        let uri = Some(params.text_document_position_params.text_document.uri.clone());
        self.ask("textDocument/prepareCallHierarchy", Lane::Whole, uri, move |view, stop| {
            whole::prepare_calls(view, stop, &params)
        })
        .await
    }

    async fn incoming_calls(
        &self,
        params: lsp::CallHierarchyIncomingCallsParams,
    ) -> Result<Option<Vec<lsp::CallHierarchyIncomingCall>>> {
        let uri = Some(params.item.uri.clone());
        self.ask("callHierarchy/incomingCalls", Lane::Whole, uri, move |view, stop| {
            whole::incoming(view, stop, &params)
        })
        .await
    }

    async fn outgoing_calls(
        &self,
        params: lsp::CallHierarchyOutgoingCallsParams,
    ) -> Result<Option<Vec<lsp::CallHierarchyOutgoingCall>>> {
        let uri = Some(params.item.uri.clone());
        self.ask("callHierarchy/outgoingCalls", Lane::Whole, uri, move |view, stop| {
            whole::outgoing(view, stop, &params)
        })
        .await
    }

    async fn workspace_diagnostic(
        &self,
        params: lsp::WorkspaceDiagnosticParams,
    ) -> Result<lsp::WorkspaceDiagnosticReportResult> {
        self.ask("workspace/diagnostic", Lane::Whole, None, move |view, stop| {
            diagnostics::workspace(view, stop, &params)
        })
        .await
    }
}
