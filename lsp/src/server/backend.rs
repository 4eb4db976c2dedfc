//! The hand-over to the session.
//!
//! Owns its two ways: telling and asking. Both begin with a send that does not wait, so that the order of arrival is the order in
//! which the session sees things. Nothing here awaits the client.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use tokio::sync::oneshot;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types as lsp;

use crate::convert;
use crate::outgoing::Outbox;
use crate::session::Message;
use crate::view::View;
use crate::work::{Lane, guarded};

/// What the methods are called on.
pub(super) struct Backend {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) outbox: Outbox,
    /// Whether the client has announced the end.
    pub(super) orderly: Arc<AtomicBool>,
}

impl Backend {
    pub(super) fn tell(&self, message: Message) {
        // The session ends with the process.
        let _ = self.inbox.send(message);
    }

    /// Has a question answered from a snapshot of now, on the thread of a lane. `uri` is the document that it is about, for the
    /// log. The job is told when nobody waits for the answer any more.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        method: &'static str,
        lane: Lane,
        uri: Option<lsp::Uri>,
        job: impl FnOnce(&View, &dyn Fn() -> bool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let outbox = self.outbox.clone();
        let work = move |view: View| {
            if reply.is_closed() {
                return;
            }
            let answer = guarded(|| job(&view, &|| reply.is_closed())).unwrap_or_else(|said| {
                let version = uri.as_ref().and_then(|uri| view.version(&convert::path(uri)));
                let document = uri.map(|uri| uri.as_str().to_owned()).unwrap_or_default();
                outbox.panicked(&format!("{method} {document} version {}", version.unwrap_or_default()), &said);
                Err(Error {
                    message: "the language server has a mistake: it panicked, see its log".into(),
                    ..Error::internal_error()
                })
            });
            let _ = reply.send(answer);
        };
        self.tell(Message::Ask(lane, Box::new(work)));
        answer.await.unwrap_or_else(|_| Err(Error::internal_error()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use hlb_ide::Host;
    use tower_lsp::jsonrpc::ErrorCode;

    use super::*;
    use crate::outgoing::{Outgoing, Queue};
    use crate::view::Document;

    const URI: &str = "file:///work/build.hlb";

    fn backend() -> (Backend, mpsc::Receiver<Message>, Queue) {
        let (inbox, messages) = mpsc::channel();
        let (outbox, queue) = Outbox::new();
        (Backend { inbox, outbox, orderly: Arc::default() }, messages, queue)
    }

    /// Does what the session was asked to.
    fn work(messages: &mpsc::Receiver<Message>) {
        for message in messages.try_iter() {
            let Message::Ask(_, job) = message else { panic!("not asked") };
            let document = Document { uri: URI.parse().unwrap(), version: 7, changed: 1 };
            job(View {
                all: Host::default().snapshot(),
                generation: 1,
                client: Arc::default(),
                documents: Arc::new([("/work/build.hlb".into(), document)].into()),
                far: None,
                memory: Arc::default(),
            });
        }
    }

    #[test]
    fn a_panic_is_an_answer_and_a_line_in_the_log() {
        crate::work::remember_panics();
        let (backend, messages, mut queue) = backend();
        let uri = Some(URI.parse().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer: Result<()> = runtime.block_on(async {
            let mut asked = Box::pin(backend.ask("textDocument/hover", Lane::Reading, uri, |_, _| panic!("round")));
            let first = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
            assert!(first.is_pending());
            work(&messages);
            asked.await
        });
        assert_eq!(answer.unwrap_err().code, ErrorCode::InternalError);
        let Ok(Outgoing::Log(lsp::MessageType::ERROR, words)) = queue.try_recv() else { panic!("no line") };
        assert!(words.starts_with("textDocument/hover file:///work/build.hlb version 7: "), "{words}");
        assert!(words.contains("backend.rs") && words.contains("round"), "{words}");
    }

    #[test]
    fn what_nobody_waits_for_is_not_begun_and_is_told_to_stop() {
        let (backend, messages, _queue) = backend();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ((begin, begun), (go, wait), (tell, told)) = (mpsc::channel(), mpsc::channel::<()>(), mpsc::channel());
        runtime.block_on(async {
            let never = backend.ask("x", Lane::Whole, None, |_, _| -> Result<()> { panic!("begun") });
            let mut asked = Box::pin(never);
            assert!(std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await.is_pending());
            drop(asked);
            work(&messages);
            let mut asked = Box::pin(backend.ask("x", Lane::Whole, None, move |_, stop| {
                begin.send(stop()).unwrap();
                let _ = wait.recv();
                tell.send(stop()).unwrap();
                Ok(())
            }));
            assert!(std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await.is_pending());
            let worker = std::thread::spawn(move || work(&messages));
            assert!(!begun.recv().unwrap(), "somebody waits");
            drop(asked);
            drop(go);
            worker.join().unwrap();
        });
        assert!(told.recv().unwrap(), "nobody does");
    }
}
