//! What a daemon may ask of this process during a solve.
//!
//! Owns the gRPC server that the daemon calls, the stream through which it does, and everything that runs for it: when the
//! session ends, all of that has ended. What the services do is in the modules below.

mod auth;
mod delivery;
mod files;
mod health;
mod scope;
mod secrets;
mod sockets;

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::filesync::packet::file_send_server::FileSendServer as PacketSendServer;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSendServer as ByteSendServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use futures_util::stream::{self, Stream, StreamExt};
use hlb_llb::Digest;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};

use crate::client::LONGEST_MESSAGE;
use crate::error::BuildkitError;
use crate::request::{SolveRequest, fresh_id};
use delivery::{Delivery, Directory, File};
use scope::Scope;

/// What a streaming call answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Bytes on their way between the connection and the server, each way.
const BUFFER: usize = 1 << 20;
/// The longest piece that is sent at once.
const PIECE: usize = 64 << 10;

/// The methods that are served besides those of a delivery. The daemon calls no others.
const METHODS: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.Auth/FetchToken",
    "/moby.filesync.v1.Auth/GetTokenAuthority",
    "/moby.filesync.v1.Auth/VerifyTokenAuthority",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];
const DELIVERY_METHOD: &str = "/moby.filesync.v1.FileSend/DiffCopy";

/// What a daemon is lent for one solve.
pub(crate) struct Session {
    id: String,
    /// Under which the daemon keeps copies of directories, so that the next session sends only what changed.
    shared_key: String,
    routes: Routes,
    delivery: Arc<Delivery>,
    scope: Arc<Scope>,
}

impl Session {
    /// Prepares to lend what a request says. A place for the result that cannot be written is found out here.
    pub(crate) fn open(request: &SolveRequest) -> Result<Self, BuildkitError> {
        let scope = Arc::new(Scope::default());
        let delivery = Arc::new(Delivery::open(request.export.as_ref())?);
        let files = files::Files { directories: request.locals.clone(), scope: scope.clone() };
        let secrets = secrets::Secrets { files: request.secrets.clone(), scope: scope.clone() };
        let sockets = sockets::Sockets { lent: request.sockets.clone(), scope: scope.clone() };
        let mut routes = Routes::new(HealthServer::new(health::Health))
            .add_service(FileSyncServer::new(files).max_decoding_message_size(LONGEST_MESSAGE))
            .add_service(AuthServer::new(auth::Auth { scope: scope.clone() }))
            .add_service(SecretsServer::new(secrets))
            .add_service(SshServer::new(sockets).max_decoding_message_size(LONGEST_MESSAGE));
        if delivery.is_file() {
            let file = File { delivery: delivery.clone(), scope: scope.clone() };
            routes = routes.add_service(ByteSendServer::new(file).max_decoding_message_size(LONGEST_MESSAGE));
        } else if delivery.is_directory() {
            let directory = Directory { delivery: delivery.clone(), scope: scope.clone() };
            routes = routes.add_service(PacketSendServer::new(directory).max_decoding_message_size(LONGEST_MESSAGE));
        }
        let mut paths = String::from("hlbc");
        for (name, path) in &request.locals {
            paths.push_str(&format!("\0{name}\0{}", path.display()));
        }
        Ok(Self { id: fresh_id()?, shared_key: Digest::of(paths).hex().to_owned(), routes, delivery, scope })
    }

    /// How a solve names the session.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Lends for as long as the future is polled, or until the daemon closes the session.
    pub(crate) async fn serve(&self, mut control: ControlClient<Channel>) -> Result<(), Status> {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (from_server, mut to_server) = tokio::io::split(ours);
        Server::builder()
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(8 << 20)
            .add_routes(self.routes.clone())
            .serve_with_incoming(stream::iter([Ok::<_, io::Error>(theirs)]))
            .await
            .map_err(|error| Status::from_error(Box::new(error)))?;
        let pieces = ReaderStream::with_capacity(from_server, PIECE);
        // It ends after an error, and with the session: the connection would keep it, and what it reads from, for ever.
        let pieces = pieces.filter_map(|piece| ready(piece.ok().map(|piece| BytesMessage { data: piece.to_vec() })));
        let pieces = pieces.take_until(self.scope.stopped().cancelled_owned());
        let mut inbound = control.session(self.announced(pieces)?).await?.into_inner();
        while let Some(message) = inbound.message().await? {
            to_server.write_all(&message.data).await.map_err(|error| Status::from_error(Box::new(error)))?;
        }
        Ok(())
    }

    /// Ends everything that ran for the daemon, and waits for it. What is delivered can then be put in its place; the first
    /// error is what went wrong here, if anything did.
    pub(crate) async fn end(&self) -> (Arc<Delivery>, Option<BuildkitError>) {
        self.scope.end().await;
        (self.delivery.clone(), self.scope.problem())
    }

    fn announced<T>(&self, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        let text = |text: &str| -> Result<MetadataValue<Ascii>, Status> {
            text.parse().map_err(|_| Status::internal("a header that is none"))
        };
        metadata.insert("x-docker-expose-session-uuid", text(&self.id)?);
        metadata.insert("x-docker-expose-session-sharedkey", text(&self.shared_key)?);
        let delivery = (self.delivery.is_file() || self.delivery.is_directory()).then_some(DELIVERY_METHOD);
        for method in METHODS.iter().copied().chain(delivery) {
            metadata.append("x-docker-expose-session-grpc-method", text(method)?);
        }
        Ok(request)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.scope.stop();
        self.delivery.abandon();
    }
}
