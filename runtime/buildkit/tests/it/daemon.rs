//! A daemon that does what it is told.
//!
//! Owns its server, on a runtime of its own so that the tasks of the client can be counted, and the channel back through a
//! session. Solves nothing.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use futures_util::stream::{self, Stream, StreamExt};
use hlb_buildkit::Address;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Request, Response, Status, Streaming};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Solving = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// What a daemon does for a solve: it gets the request and the way back to the client.
pub(crate) type Script = Arc<dyn Fn(control::SolveRequest, Session) -> Solving + Send + Sync>;

/// The way back to a client.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) channel: Channel,
    pub(crate) methods: Vec<String>,
}

/// A daemon on a socket. Dropped, it is gone at once.
pub(crate) struct Daemon {
    pub(crate) address: Address,
    runtime: Option<tokio::runtime::Runtime>,
    _home: tempfile::TempDir,
}

impl Daemon {
    pub(crate) fn start<F, S>(script: S, events: Vec<control::StatusResponse>) -> Self
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
        S: Fn(control::SolveRequest, Session) -> F + Send + Sync + 'static,
    {
        let home = tempfile::tempdir().unwrap();
        let socket: PathBuf = home.path().join("socket");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let script: Script = Arc::new(move |request, session| Box::pin(script(request, session)));
        let fake = Fake { script, events, sessions: Mutex::default() };
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).unwrap()
        };
        runtime.spawn(async move {
            let server = Server::builder().add_service(ControlServer::new(fake));
            server.serve_with_incoming(UnixListenerStream::new(listener)).await.unwrap();
        });
        Self { address: Address::Unix(socket), runtime: Some(runtime), _home: home }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

struct Fake {
    script: Script,
    events: Vec<control::StatusResponse>,
    sessions: Mutex<HashMap<String, Session>>,
}

impl Fake {
    /// The session of a solve, which may come after it.
    async fn session(&self, id: &str) -> Session {
        loop {
            if let Some(session) = self.sessions.lock().unwrap().get(id) {
                return session.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tonic::async_trait]
impl Control for Fake {
    async fn solve(&self, request: Request<control::SolveRequest>) -> Result<Response<control::SolveResponse>, Status> {
        let request = request.into_inner();
        let session = self.session(&request.session).await;
        (self.script)(request, session).await?;
        let exporter_response = HashMap::from([("said".to_owned(), "done".to_owned())]);
        Ok(Response::new(control::SolveResponse { exporter_response }))
    }

    type StatusStream = Answers<control::StatusResponse>;

    async fn status(&self, _: Request<control::StatusRequest>) -> Result<Response<Self::StatusStream>, Status> {
        Ok(Response::new(Box::pin(stream::iter(self.events.clone()).map(Ok))))
    }

    type SessionStream = Answers<control::BytesMessage>;

    async fn session(
        &self,
        request: Request<Streaming<control::BytesMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let metadata = request.metadata();
        let text = |value: &tonic::metadata::MetadataValue<_>| value.to_str().unwrap().to_owned();
        let id = text(metadata.get("x-docker-expose-session-uuid").unwrap());
        let methods = metadata.get_all("x-docker-expose-session-grpc-method").iter().map(text).collect();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (reader, mut writer) = tokio::io::split(ours);
        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                writer.write_all(&message.data).await.unwrap();
            }
        });
        let slot = Mutex::new(Some(theirs));
        let connector = tower::service_fn(move |_: Uri| {
            let stream = slot.lock().unwrap().take().map(TokioIo::new);
            async move { stream.ok_or_else(|| io::Error::other("the session is over")) }
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector);
        self.sessions.lock().unwrap().insert(id, Session { channel, methods });
        // Pieces of an odd size: a daemon may choose any.
        let outbound = stream::unfold(reader, |mut reader| async {
            let mut data = vec![0; 999];
            let length = reader.read(&mut data).await.unwrap_or(0);
            data.truncate(length);
            (length > 0).then_some((Ok(control::BytesMessage { data }), reader))
        });
        Ok(Response::new(Box::pin(outbound)))
    }

    async fn list_workers(
        &self,
        _: Request<control::ListWorkersRequest>,
    ) -> Result<Response<control::ListWorkersResponse>, Status> {
        let platform = |variant: &str| bollard_buildkit_proto::pb::Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: variant.to_owned(),
            ..Default::default()
        };
        let record = control::types::WorkerRecord {
            id: "worker".to_owned(),
            platforms: vec![platform(""), platform(""), platform("v2")],
            ..Default::default()
        };
        Ok(Response::new(control::ListWorkersResponse { record: vec![record] }))
    }

    async fn info(&self, _: Request<control::InfoRequest>) -> Result<Response<control::InfoResponse>, Status> {
        let version = control::types::BuildkitVersion { version: "v1".to_owned(), ..Default::default() };
        Ok(Response::new(control::InfoResponse { buildkit_version: Some(version) }))
    }

    async fn disk_usage(
        &self,
        _: Request<control::DiskUsageRequest>,
    ) -> Result<Response<control::DiskUsageResponse>, Status> {
        Err(Status::unimplemented("not asked for by any test"))
    }

    type PruneStream = Answers<control::UsageRecord>;

    async fn prune(&self, _: Request<control::PruneRequest>) -> Result<Response<Self::PruneStream>, Status> {
        Err(Status::unimplemented("not asked for by any test"))
    }

    type ListenBuildHistoryStream = Answers<control::BuildHistoryEvent>;

    async fn listen_build_history(
        &self,
        _: Request<control::BuildHistoryRequest>,
    ) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        Err(Status::unimplemented("not asked for by any test"))
    }

    async fn update_build_history(
        &self,
        _: Request<control::UpdateBuildHistoryRequest>,
    ) -> Result<Response<control::UpdateBuildHistoryResponse>, Status> {
        Err(Status::unimplemented("not asked for by any test"))
    }
}
