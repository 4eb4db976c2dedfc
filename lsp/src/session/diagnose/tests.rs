//! When diagnostics are shown, and which.

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
    session.take(far(2, 2));
    session.take(near(2, 1));
    assert_eq!(sent(&mut queue), ["2 of Some(2)"], "the same as before, but of a new version");
    session.take(Message::Touched);
    session.take(near(2, 4));
    session.take(near(3, 2));
    assert!(sent(&mut queue).is_empty(), "the same of the same version");
    session.take(far(3, 0));
    session.take(near(3, 1));
    assert_eq!(sent(&mut queue), ["0 of Some(2)"]);
}
