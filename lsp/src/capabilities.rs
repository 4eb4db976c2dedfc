//! What is offered.
//!
//! Owns the table of what the server can, given what the client can. What needs no word of the client is always offered, for
//! clients that say little of themselves.

use tower_lsp::ls_types::{self as lsp, OneOf};

use crate::client::Client;
use crate::convert::{self, Encoding};

/// Behind these characters a client asks what comes next, besides behind letters. None behind which Enter is often the next
/// key: it would take the first item.
const COMPLETING: [&str; 5] = [".", "\"", "/", ":", "@"];

/// Behind these it asks for the signature of the call around them.
const CALLING: [&str; 3] = [" ", "(", ","];

/// The answer to `initialize`.
pub(crate) fn offered(client: &Client) -> lsp::InitializeResult {
    lsp::InitializeResult {
        capabilities: capabilities(client),
        server_info: Some(lsp::ServerInfo {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
        ..lsp::InitializeResult::default()
    }
}

fn capabilities(client: &Client) -> lsp::ServerCapabilities {
    let strings = |them: &[&str]| Some(them.iter().map(|&it| it.to_owned()).collect());
    lsp::ServerCapabilities {
        position_encoding: Some(match client.encoding {
            Encoding::Utf8 => lsp::PositionEncodingKind::UTF8,
            Encoding::Utf16 => lsp::PositionEncodingKind::UTF16,
        }),
        text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(lsp::TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
            save: Some(lsp::TextDocumentSyncSaveOptions::Supported(true)),
            ..lsp::TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(lsp::CompletionOptions {
            resolve_provider: Some(true),
            trigger_characters: strings(&COMPLETING),
            ..lsp::CompletionOptions::default()
        }),
        signature_help_provider: Some(lsp::SignatureHelpOptions {
            trigger_characters: strings(&CALLING),
            ..lsp::SignatureHelpOptions::default()
        }),
        hover_provider: Some(true.into()),
        definition_provider: yes(),
        declaration_provider: Some(lsp::DeclarationCapability::Simple(true)),
        type_definition_provider: Some(true.into()),
        implementation_provider: Some(true.into()),
        references_provider: yes(),
        document_highlight_provider: yes(),
        document_symbol_provider: yes(),
        workspace_symbol_provider: yes(),
        code_action_provider: client.actions.literals.then(|| {
            lsp::CodeActionProviderCapability::Options(lsp::CodeActionOptions {
                code_action_kinds: Some(convert::action_kinds()),
                ..lsp::CodeActionOptions::default()
            })
        }),
        code_lens_provider: Some(lsp::CodeLensOptions { resolve_provider: Some(false) }),
        document_formatting_provider: yes(),
        document_range_formatting_provider: yes(),
        document_on_type_formatting_provider: Some(lsp::DocumentOnTypeFormattingOptions {
            first_trigger_character: "}".to_owned(),
            more_trigger_character: strings(&["\n"]),
        }),
        rename_provider: Some(if client.prepare_rename {
            OneOf::Right(lsp::RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: lsp::WorkDoneProgressOptions::default(),
            })
        } else {
            OneOf::Left(true)
        }),
        document_link_provider: Some(lsp::DocumentLinkOptions {
            resolve_provider: Some(false),
            work_done_progress_options: lsp::WorkDoneProgressOptions::default(),
        }),
        folding_range_provider: Some(true.into()),
        selection_range_provider: Some(true.into()),
        call_hierarchy_provider: Some(true.into()),
        linked_editing_range_provider: Some(lsp::LinkedEditingRangeServerCapabilities::Simple(true)),
        inlay_hint_provider: yes(),
        semantic_tokens_provider: client.tokens.then(|| {
            lsp::SemanticTokensServerCapabilities::SemanticTokensOptions(lsp::SemanticTokensOptions {
                legend: convert::legend(),
                range: Some(true),
                full: Some(lsp::SemanticTokensFullOptions::Delta { delta: Some(true) }),
                ..lsp::SemanticTokensOptions::default()
            })
        }),
        diagnostic_provider: client.diagnostics.pull.then(|| {
            lsp::DiagnosticServerCapabilities::Options(lsp::DiagnosticOptions {
                identifier: Some("hlb".to_owned()),
                inter_file_dependencies: true,
                workspace_diagnostics: true,
                ..lsp::DiagnosticOptions::default()
            })
        }),
        workspace: Some(lsp::WorkspaceServerCapabilities {
            workspace_folders: Some(lsp::WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: client.will_rename.then(|| lsp::WorkspaceFileOperationsServerCapabilities {
                will_rename: Some(lsp::FileOperationRegistrationOptions {
                    filters: vec![
                        renamed("**/*.hlb", lsp::FileOperationPatternKind::File),
                        renamed("**", lsp::FileOperationPatternKind::Folder),
                    ],
                }),
                ..lsp::WorkspaceFileOperationsServerCapabilities::default()
            }),
        }),
        ..lsp::ServerCapabilities::default()
    }
}

fn yes<O>() -> Option<OneOf<bool, O>> {
    Some(OneOf::Left(true))
}

fn renamed(glob: &str, kind: lsp::FileOperationPatternKind) -> lsp::FileOperationFilter {
    lsp::FileOperationFilter {
        scheme: Some("file".to_owned()),
        pattern: lsp::FileOperationPattern { glob: glob.to_owned(), matches: Some(kind), options: None },
    }
}
