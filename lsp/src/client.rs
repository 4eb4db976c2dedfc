//! What the client can.
//!
//! Owns the reading of what it says at the start. What it does not say, it cannot.

use camino::Utf8PathBuf;
use serde_json::Value;
use tower_lsp::ls_types as lsp;

use crate::convert::{self, Encoding};

/// What the client can do with answers, and what it wants to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) encoding: Encoding,
    pub(crate) texts: Texts,
    pub(crate) completion: Completion,
    pub(crate) links: Links,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) actions: Actions,
    pub(crate) commands: Commands,
    pub(crate) folding: Folding,
    pub(crate) asks: Asks,
    pub(crate) refresh: Refresh,
    pub(crate) nested_symbols: bool,
    pub(crate) prepare_rename: bool,
    pub(crate) document_changes: bool,
    pub(crate) link_tooltips: bool,
    pub(crate) tokens: bool,
    pub(crate) will_rename: bool,
}

/// Where it shows Markdown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts {
    pub(crate) hover: bool,
    pub(crate) completion: bool,
    pub(crate) signature: bool,
    /// Whether it takes a parameter as a range of a signature.
    pub(crate) label_offsets: bool,
}

/// What it can do with items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    pub(crate) snippets: bool,
    pub(crate) insert_replace: bool,
    pub(crate) deprecated_tag: bool,
}

/// Where it takes links rather than locations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    pub(crate) definition: bool,
    pub(crate) declaration: bool,
    pub(crate) type_definition: bool,
    pub(crate) implementation: bool,
}

/// What it does with diagnostics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Diagnostics {
    /// Whether it asks for them. It has to be told when to ask again, or else they are sent.
    pub(crate) pull: bool,
    pub(crate) related_documents: bool,
    pub(crate) related: bool,
    pub(crate) unnecessary: bool,
    pub(crate) deprecated: bool,
    pub(crate) data: bool,
}

/// What it can do with actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actions {
    pub(crate) literals: bool,
    pub(crate) preferred: bool,
    /// Whether it shows what cannot be done, with the reason.
    pub(crate) disabled: bool,
}

/// Which commands of ours it has that not every client has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commands {
    /// `hlb.rename`, which takes a document and a position.
    pub(crate) rename: bool,
    /// `hlb.debug`, which takes a document and a target: not every editor has a debugger.
    pub(crate) debug: bool,
}

/// What it can do with folds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folding {
    pub(crate) lines_only: bool,
    pub(crate) limit: usize,
}

/// What it answers when it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    pub(crate) configuration: bool,
    pub(crate) watch: bool,
    pub(crate) progress: bool,
}

/// What it asks for again if it is told to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refresh {
    pub(crate) diagnostics: bool,
    pub(crate) lenses: bool,
    pub(crate) hints: bool,
    pub(crate) tokens: bool,
}

impl Client {
    /// What a client says of itself.
    pub(crate) fn read(params: &lsp::InitializeParams) -> Self {
        let general = params.capabilities.general.as_ref();
        let document = params.capabilities.text_document.clone().unwrap_or_default();
        let workspace = params.capabilities.workspace.clone().unwrap_or_default();
        let encodings = general.and_then(|it| it.position_encodings.clone()).unwrap_or_default();
        let item = document.completion.and_then(|it| it.completion_item).unwrap_or_default();
        let signature = document.signature_help.and_then(|it| it.signature_information).unwrap_or_default();
        let published = document.publish_diagnostics.unwrap_or_default();
        let tags = published.tag_support.map(|it| it.value_set).unwrap_or_default();
        let action = document.code_action.unwrap_or_default();
        let folding = document.folding_range.unwrap_or_default();
        let goto = |it: Option<lsp::GotoCapability>| it.and_then(|it| it.link_support) == Some(true);
        let refresh = Refresh {
            diagnostics: workspace.diagnostics.and_then(|it| it.refresh_support) == Some(true),
            lenses: workspace.code_lens.and_then(|it| it.refresh_support) == Some(true),
            hints: workspace.inlay_hint.and_then(|it| it.refresh_support) == Some(true),
            tokens: workspace.semantic_tokens.and_then(|it| it.refresh_support) == Some(true),
        };
        let pull = document.diagnostic;
        let has = |name| has_command(params.initialization_options.as_ref(), name);
        Self {
            encoding: if encodings.contains(&lsp::PositionEncodingKind::UTF8) {
                Encoding::Utf8
            } else {
                Encoding::Utf16
            },
            texts: Texts {
                hover: markdown(document.hover.and_then(|it| it.content_format)),
                completion: markdown(item.documentation_format),
                signature: markdown(signature.documentation_format),
                label_offsets: signature.parameter_information.and_then(|it| it.label_offset_support) == Some(true),
            },
            completion: Completion {
                snippets: item.snippet_support == Some(true),
                insert_replace: item.insert_replace_support == Some(true),
                deprecated_tag: item
                    .tag_support
                    .is_some_and(|it| it.value_set.contains(&lsp::CompletionItemTag::DEPRECATED)),
            },
            links: Links {
                definition: goto(document.definition),
                declaration: goto(document.declaration),
                type_definition: goto(document.type_definition),
                implementation: goto(document.implementation),
            },
            diagnostics: Diagnostics {
                pull: pull.is_some() && refresh.diagnostics,
                related_documents: pull.is_some_and(|it| it.related_document_support == Some(true)),
                related: published.related_information == Some(true),
                unnecessary: tags.contains(&lsp::DiagnosticTag::UNNECESSARY),
                deprecated: tags.contains(&lsp::DiagnosticTag::DEPRECATED),
                data: published.data_support == Some(true),
            },
            actions: Actions {
                literals: action.code_action_literal_support.is_some(),
                preferred: action.is_preferred_support == Some(true),
                disabled: action.disabled_support == Some(true),
            },
            commands: Commands { rename: has("hlb.rename"), debug: has("hlb.debug") },
            folding: Folding {
                lines_only: folding.line_folding_only == Some(true),
                limit: folding.range_limit.map_or(usize::MAX, |limit| limit as usize),
            },
            asks: Asks {
                configuration: workspace.configuration == Some(true),
                watch: workspace.did_change_watched_files.is_some_and(|it| it.dynamic_registration == Some(true)),
                progress: params.capabilities.window.as_ref().and_then(|it| it.work_done_progress) == Some(true),
            },
            refresh,
            nested_symbols: document.document_symbol.and_then(|it| it.hierarchical_document_symbol_support)
                == Some(true),
            prepare_rename: document.rename.and_then(|it| it.prepare_support) == Some(true),
            document_changes: workspace.workspace_edit.and_then(|it| it.document_changes) == Some(true),
            link_tooltips: document.document_link.and_then(|it| it.tooltip_support) == Some(true),
            tokens: document.semantic_tokens.is_some(),
            will_rename: workspace.file_operations.and_then(|it| it.will_rename) == Some(true),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::read(&lsp::InitializeParams::default())
    }
}

/// The roots of what the user works on, as files.
pub(crate) fn folders(params: &lsp::InitializeParams) -> Vec<Utf8PathBuf> {
    #[expect(deprecated, reason = "older clients say it so")]
    let (uri, path) = (params.root_uri.as_ref(), params.root_path.as_ref());
    if let Some(folders) = &params.workspace_folders {
        return folders.iter().filter_map(|folder| convert::file_path(&folder.uri)).collect();
    }
    let root = uri.and_then(convert::file_path).or_else(|| path.map(Utf8PathBuf::from));
    root.into_iter().filter(|root| root.is_absolute()).collect()
}

/// Without a word on it, the protocol means plain text; of several, the first is liked best.
fn markdown(formats: Option<Vec<lsp::MarkupKind>>) -> bool {
    formats.is_some_and(|it| it.first() == Some(&lsp::MarkupKind::Markdown))
}

/// Clients say in `initializationOptions.commands` which commands of ours they have beside those of most lenses.
fn has_command(options: Option<&Value>, name: &str) -> bool {
    let commands = options.and_then(|it| it.get("commands")).and_then(Value::as_array);
    commands.is_some_and(|it| it.iter().any(|command| command == name))
}
