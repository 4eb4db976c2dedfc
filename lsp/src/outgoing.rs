//! What the client is told, and what it is asked.
//!
//! Owns the one task through which all of it goes, in order. Nobody waits for the client: what it answers, the session is told.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::{mpsc as queue, oneshot};
use tower_lsp::Client;
use tower_lsp::ls_types::{self as lsp, notification, request};

use crate::session::Message;

/// A client that does not answer in this time does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something on its way.
pub(crate) enum Outgoing {
    /// The diagnostics of a document.
    Publish { uri: lsp::Uri, diagnostics: Vec<lsp::Diagnostic>, version: Option<i32> },
    /// A line for the log.
    Log(lsp::MessageType, String),
    /// The client is to say what the user wants.
    Configure,
    /// The client is to say when files change.
    Watch,
    /// The client is to ask again.
    Refresh(Again),
    /// Something that takes long has begun. Its number and its name.
    Begin(u64, &'static str),
    /// It is done.
    End(u64),
}

/// What is to be asked for again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Again {
    Diagnostics,
    Lenses,
    Hints,
    Tokens,
}

/// The way to the task.
#[derive(Clone)]
pub(crate) struct Outbox(queue::UnboundedSender<Outgoing>);

/// What lies in the outbox.
pub(crate) type Queue = queue::UnboundedReceiver<Outgoing>;

impl Outbox {
    pub(crate) fn new() -> (Self, Queue) {
        let (give, take) = queue::unbounded_channel();
        (Self(give), take)
    }

    pub(crate) fn send(&self, it: Outgoing) {
        // The task ends with the process.
        let _ = self.0.send(it);
    }

    /// Logs a mistake of ours.
    pub(crate) fn panicked(&self, what: &str, said: &str) {
        let words = format!("{what}: the language server has a mistake, please report it: {said}");
        self.send(Outgoing::Log(lsp::MessageType::ERROR, words));
    }
}

/// Sends what lies in the outbox.
pub(crate) async fn run(client: Client, mut queue: Queue, session: mpsc::Sender<Message>) {
    let mut long = BTreeMap::new();
    while let Some(it) = queue.recv().await {
        match it {
            Outgoing::Publish { uri, diagnostics, version } => {
                client.publish_diagnostics(uri, diagnostics, version).await;
            }
            Outgoing::Log(kind, words) => client.log_message(kind, words).await,
            Outgoing::Configure => {
                let (client, session) = (client.clone(), session.clone());
                tokio::spawn(async move {
                    let section = lsp::ConfigurationItem { scope_uri: None, section: Some("hlb".to_owned()) };
                    let said = tokio::time::timeout(PATIENCE, client.configuration(vec![section])).await;
                    if let Ok(Ok(said)) = said {
                        said.into_iter().for_each(|it| drop(session.send(Message::Configured(it))));
                    }
                });
            }
            Outgoing::Watch => {
                let client = client.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(PATIENCE, client.register_capability(vec![watched()])).await;
                });
            }
            Outgoing::Refresh(what) => {
                let client = client.clone();
                tokio::spawn(async move {
                    let asked = async {
                        match what {
                            Again::Diagnostics => client.workspace_diagnostic_refresh().await,
                            Again::Lenses => client.code_lens_refresh().await,
                            Again::Hints => client.inlay_hint_refresh().await,
                            Again::Tokens => client.semantic_tokens_refresh().await,
                        }
                    };
                    let _ = tokio::time::timeout(PATIENCE, asked).await;
                });
            }
            Outgoing::Begin(number, title) => {
                let (done, end) = oneshot::channel();
                long.insert(number, done);
                tokio::spawn(progress(client.clone(), number, title, end));
            }
            Outgoing::End(number) => drop(long.remove(&number)),
        }
    }
}

/// Shows that something goes on, until `end` is dropped. A client that does not want that is left alone.
async fn progress(client: Client, number: u64, title: &str, end: oneshot::Receiver<()>) {
    let token = lsp::ProgressToken::String(format!("hlb/{number}"));
    let created = client
        .send_request::<request::WorkDoneProgressCreate>(lsp::WorkDoneProgressCreateParams { token: token.clone() });
    if !matches!(tokio::time::timeout(PATIENCE, created).await, Ok(Ok(()))) {
        return;
    }
    let tell = |value| {
        let value = lsp::ProgressParamsValue::WorkDone(value);
        client.send_notification::<notification::Progress>(lsp::ProgressParams { token: token.clone(), value })
    };
    let begin = lsp::WorkDoneProgressBegin { title: title.to_owned(), ..lsp::WorkDoneProgressBegin::default() };
    tell(lsp::WorkDoneProgress::Begin(begin)).await;
    let _ = end.await;
    tell(lsp::WorkDoneProgress::End(lsp::WorkDoneProgressEnd::default())).await;
}

fn watched() -> lsp::Registration {
    let watcher =
        |glob: &str| lsp::FileSystemWatcher { glob_pattern: lsp::GlobPattern::String(glob.to_owned()), kind: None };
    let options =
        lsp::DidChangeWatchedFilesRegistrationOptions { watchers: vec![watcher("**/*.hlb"), watcher("**/hlb.lock")] };
    lsp::Registration {
        id: "hlb/files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: serde_json::to_value(options).ok(),
    }
}
