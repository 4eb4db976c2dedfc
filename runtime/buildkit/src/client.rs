//! A connection to a daemon.
//!
//! Owns the calls of the Control service and the life of a solve: which of its streams must be open when, and that all of
//! them are closed when it ends, however it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use hlb_llb::Digest;
use hlb_llb::status::Status as Event;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Status};

use crate::address::{Address, Wire};
use crate::bridge::Bridge;
use crate::error::{BuildkitError, words};
use crate::request::{SolveRequest, Solved, fresh_id};
use crate::session::Session;
use crate::status::Events;

/// Where the events of a solve go.
pub type StatusSink = Arc<dyn Fn(Event) + Send + Sync>;

/// As BuildKit's own clients and daemons have it.
pub(crate) const LONGEST_MESSAGE: usize = 16 << 20;

/// How long a daemon may take to answer the first call.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last events of a solve may take once it has ended.
const SILENCE: Duration = Duration::from_secs(5);
/// The same, if there were none at all: the daemon may never have begun.
const SILENCE_FROM_START: Duration = Duration::from_millis(500);

/// A connection to a BuildKit daemon. Cheap to clone; any number of solves may run over it.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    channel: Channel,
}

/// Something of a daemon's that runs steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id.
    pub id: String,
    /// The platforms that it can run, as `os/architecture/variant`, its own first.
    pub platforms: Vec<String>,
    /// The version of BuildKit, as it names it; empty if it does not.
    pub version: String,
}

impl Client {
    /// Connects, and makes sure that BuildKit answers.
    ///
    /// # Errors
    /// [`BuildkitError::Unreachable`] with what to do.
    pub async fn connect(address: &Address) -> Result<Self, BuildkitError> {
        let client = tokio::time::timeout(PATIENCE, Self::connect_now(address)).await;
        client.unwrap_or_else(|_| Err(BuildkitError::unreachable(address, &io::ErrorKind::TimedOut.into())))
    }

    async fn connect_now(address: &Address) -> Result<Self, BuildkitError> {
        let unreachable = |error: &io::Error| BuildkitError::unreachable(address, error);
        // Made here, so that the error is that of the system, not of the layers above it.
        let first = Mutex::new(Some(address.open().await.map_err(|error| unreachable(&error))?));
        let again = address.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let ready: Option<Box<dyn Wire>> = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let again = again.clone();
            async move {
                let stream = match ready {
                    Some(stream) => stream,
                    None => again.open().await?,
                };
                Ok::<_, io::Error>(TokioIo::new(stream))
            }
        });
        // Directories and results go through one stream of the connection: with the usual window of 64 KiB it would wait
        // for the daemon most of the time.
        let endpoint = Endpoint::from_static("http://localhost")
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(8 << 20);
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| unreachable(&io::Error::other(error)))?;
        let client = Self { address: address.clone(), channel };
        match client.control().list_workers(control::ListWorkersRequest::default()).await {
            Ok(_) => Ok(client),
            Err(status) => Err(unreachable(&io::Error::other(words(&status)))),
        }
    }

    /// What runs steps there.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn workers(&self) -> Result<Vec<Worker>, BuildkitError> {
        let response = self.control().list_workers(control::ListWorkersRequest::default()).await;
        let records = response.map_err(|status| self.failed(&status))?.into_inner().record;
        let mut workers: Vec<Worker> = records
            .into_iter()
            .map(|record| Worker {
                id: record.id,
                platforms: platforms(&record.platforms),
                version: record.buildkit_version.map(|version| version.version).unwrap_or_default(),
            })
            .collect();
        if workers.iter().any(|worker| worker.version.is_empty()) {
            // Older daemons say it in another place, and the oldest nowhere.
            let info = self.control().info(control::InfoRequest {}).await;
            let version = info.ok().and_then(|info| info.into_inner().buildkit_version);
            let version = version.map(|version| version.version).unwrap_or_default();
            workers.iter_mut().filter(|it| it.version.is_empty()).for_each(|it| it.version.clone_from(&version));
        }
        Ok(workers)
    }

    /// Removes everything from the daemon's cache that no build uses.
    ///
    /// # Errors
    /// The daemon refuses, or the connection broke.
    pub async fn prune(&self) -> Result<(), BuildkitError> {
        let request = control::PruneRequest { all: true, ..control::PruneRequest::default() };
        let removed = self.control().prune(request).await.map_err(|status| self.failed(&status))?;
        let mut removed = removed.into_inner();
        while removed.message().await.map_err(|status| self.failed(&status))?.is_some() {}
        Ok(())
    }

    /// The capabilities of LLB that the daemon has, such as `exec.mount.ssh`.
    ///
    /// # Errors
    /// The daemon lets clients be no frontends.
    pub async fn capabilities(&self) -> Result<BTreeSet<String>, BuildkitError> {
        let reference = fresh_id()?;
        let request =
            control::SolveRequest { r#ref: reference.clone(), internal: true, ..control::SolveRequest::default() };
        let mut control = self.control();
        let asking = async {
            let mut bridge = Bridge::new(self.channel.clone(), &reference)?;
            let found = bridge.capabilities().await?;
            bridge.answer_nothing().await?;
            Ok::<_, Status>(found)
        };
        let mut solve = pin!(control.solve(request));
        let mut asking = pin!(asking);
        let found = tokio::select! {
            found = &mut asking => found,
            Err(status) = &mut solve => Err(status),
        };
        found.map_err(|status| self.failed(&status))
    }

    /// Solves, and puts the result where the request says. Events go to `status`. Cancelling ends the build in the daemon
    /// too. Nothing of the solve is left when this returns, and nothing of a result that is not complete.
    ///
    /// # Errors
    /// All of [`BuildkitError`] but `Address`.
    pub async fn solve(
        &self,
        request: SolveRequest,
        status: StatusSink,
        cancel: &CancellationToken,
    ) -> Result<Solved, BuildkitError> {
        request.check()?;
        let reference = fresh_id()?;
        let session = Session::open(&request)?;
        let message = request.wire(&reference, session.id())?;
        let watch = Watch { status, events: Mutex::default(), heard: AtomicU64::new(0) };
        let solving = self.run(&request, message, &session, &watch);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(BuildkitError::Cancelled),
            outcome = solving => outcome,
        };
        watch.end();
        let (delivery, problem) = session.end().await;
        match (outcome, problem) {
            (Ok(response), problem) => {
                let skipped = delivery.finish().map_err(|missing| problem.unwrap_or(missing))?;
                Ok(Solved { response, skipped })
            }
            (Err(BuildkitError::Cancelled), _) => Err(BuildkitError::Cancelled),
            // What went wrong here is the reason for what the daemon says about it.
            (Err(error), problem) => Err(problem.unwrap_or(error)),
        }
    }

    async fn run(
        &self,
        request: &SolveRequest,
        message: control::SolveRequest,
        session: &Session,
        watch: &Watch,
    ) -> Result<BTreeMap<String, String>, BuildkitError> {
        let reference = message.r#ref.clone();
        let mut control = self.control();
        let mut solve = pin!(control.solve(message));
        let mut lending = pin!(session.serve(self.control()));
        let mut watching = pin!(watch.follow(self.control(), &reference));
        let mut answering = pin!(self.answer(request, &reference));
        let (mut lent, mut watched, mut answered) = (None, false, None);
        let response = loop {
            tokio::select! {
                response = &mut solve => break response,
                ended = &mut lending, if lent.is_none() => lent = Some(ended),
                () = &mut watching, if !watched => watched = true,
                ended = &mut answering, if answered.is_none() => answered = Some(ended),
            }
        };
        // The last events may come after the response.
        while !watched {
            let heard = watch.heard();
            let silence = if heard == 0 { SILENCE_FROM_START } else { SILENCE };
            tokio::select! {
                () = &mut watching => watched = true,
                _ = &mut lending, if lent.is_none() => lent = Some(Ok(())),
                () = tokio::time::sleep(silence) => watched = watch.heard() == heard,
            }
        }
        let status = match response {
            Ok(response) => return Ok(response.into_inner().exporter_response.into_iter().collect()),
            Err(status) => status,
        };
        match (answered, lent) {
            (Some(Err(answer)), _) => Err(self.failed(&answer)),
            (_, Some(Err(lost))) if !matches!(status.code(), Code::Unknown) => Err(self.failed(&lost)),
            _ => Err(BuildkitError::of_call(&status, &self.address, watch.failed())),
        }
    }

    /// Answers in the place of a frontend if the build is one without a definition.
    async fn answer(&self, request: &SolveRequest, reference: &str) -> Result<(), Status> {
        if request.is_scratch() { Bridge::new(self.channel.clone(), reference)?.answer_nothing().await } else { Ok(()) }
    }

    fn control(&self) -> ControlClient<Channel> {
        ControlClient::new(self.channel.clone())
            .max_decoding_message_size(LONGEST_MESSAGE)
            .max_encoding_message_size(LONGEST_MESSAGE)
    }

    fn failed(&self, status: &Status) -> BuildkitError {
        BuildkitError::of_call(status, &self.address, None)
    }
}

/// The events of one solve.
struct Watch {
    status: StatusSink,
    events: Mutex<Events>,
    /// How many messages came.
    heard: AtomicU64,
}

impl Watch {
    /// Passes events on until there are no more.
    async fn follow(&self, mut control: ControlClient<Channel>, reference: &str) {
        let request = control::StatusRequest { r#ref: reference.to_owned() };
        let mut stream = match control.status(request).await {
            Ok(response) => response.into_inner(),
            Err(error) => return tracing::debug!(%error, "no events"),
        };
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    self.heard.fetch_add(1, Ordering::Relaxed);
                    self.events
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take(message, &mut |it| (self.status)(it));
                }
                Ok(None) => return,
                Err(error) => return tracing::debug!(%error, "events ended early"),
            }
        }
    }

    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    fn failed(&self) -> Option<Digest> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).failed().cloned()
    }

    fn end(&self) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).end(&mut |it| (self.status)(it));
    }
}

/// Platforms as text, each once.
fn platforms(platforms: &[bollard_buildkit_proto::pb::Platform]) -> Vec<String> {
    let mut texts = Vec::new();
    for platform in platforms {
        let parts = [&platform.os, &platform.architecture, &platform.variant];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
        let text = parts.join("/");
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}
