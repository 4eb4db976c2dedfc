//! Messages between the client and the methods.
//!
//! Owns the order: a method begins before the next message is looked at, so what it does before it first waits is done in the
//! order of arrival. Neither a slow method nor a client that does not read holds up the others.

use std::io::{self, BufReader, Write};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tower::Service;
use tower_lsp::jsonrpc::Request;
use tower_lsp::{ClientSocket, LanguageServer, LspService};

use crate::wire::{self, Frames, Incoming};

/// Messages that have come in and wait; then the client does.
const WAITING: usize = 256;

/// How long the end waits for answers that are under way, and for a client that reads them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until the client says `exit` or is gone.
///
/// # Errors
/// If the system gives no threads.
pub(crate) async fn serve<S: LanguageServer>(mut service: LspService<S>, socket: ClientSocket) -> io::Result<()> {
    let (mut requests, mut responses) = socket.split();
    let mut incoming = reader()?;
    let outgoing = writer()?;
    let say = |frame: Vec<u8>| {
        // The writer ends with the process.
        let _ = outgoing.send(Out::Frame(frame));
    };
    let mut running = JoinSet::new();
    loop {
        let message = tokio::select! {
            biased;
            Some(request) = requests.next() => { say(wire::framed(&request)); continue }
            Some(_) = running.join_next(), if !running.is_empty() => continue,
            message = incoming.recv() => message,
        };
        match message {
            None => {
                let all = async { while running.join_next().await.is_some() {} };
                let _ = tokio::time::timeout(PATIENCE, all).await;
                break;
            }
            Some(Incoming::Broken(answer)) => say(wire::framed(&answer)),
            Some(Incoming::Response(response)) => drop(responses.send(response).await),
            Some(Incoming::Request(request)) => {
                let exit = request.method() == "exit";
                if std::future::poll_fn(|context| service.poll_ready(context)).await.is_err() {
                    break;
                }
                let mut answer = service.call(tolerated(request));
                match std::future::poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
                    Poll::Ready(Ok(Some(answer))) => say(wire::framed(&answer)),
                    Poll::Ready(_) => {}
                    Poll::Pending => {
                        let outgoing = outgoing.clone();
                        running.spawn(async move {
                            if let Ok(Some(answer)) = answer.await {
                                let _ = outgoing.send(Out::Frame(wire::framed(&answer)));
                            }
                        });
                    }
                }
                if exit {
                    break;
                }
            }
        }
    }
    let (done, written) = mpsc::channel();
    let _ = outgoing.send(Out::End(done));
    let _ = written.recv_timeout(PATIENCE);
    Ok(())
}

/// Some clients send empty parameters where there are to be none.
fn tolerated(request: Request) -> Request {
    if !matches!(request.method(), "shutdown" | "exit") {
        return request;
    }
    let (method, id, _) = request.into_parts();
    let bare = Request::build(method);
    match id {
        Some(id) => bare.id(id).finish(),
        None => bare.finish(),
    }
}

enum Out {
    Frame(Vec<u8>),
    End(mpsc::Sender<()>),
}

fn reader() -> io::Result<tokio::sync::mpsc::Receiver<Incoming>> {
    let (give, take) = tokio::sync::mpsc::channel(WAITING);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut frames = Frames::new(BufReader::with_capacity(64 << 10, io::stdin()));
        while let Ok(Some(message)) = frames.next() {
            if give.blocking_send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(take)
}

fn writer() -> io::Result<mpsc::Sender<Out>> {
    let (give, take) = mpsc::channel();
    std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        let mut stdout = io::stdout().lock();
        for out in take {
            match out {
                Out::Frame(frame) => {
                    // A client that is gone is noticed at its other end.
                    let _ = stdout.write_all(&frame).and_then(|()| stdout.flush());
                }
                Out::End(done) => drop(done.send(())),
            }
        }
    })?;
    Ok(give)
}
