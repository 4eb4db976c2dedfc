//! The solver's end: answering one frontend.
//!
//! Owns the service and the results that the frontend has been given names of. How graphs are solved is the [`Host`]'s; a result is
//! only made when somebody looks at it.

mod bridge;
mod reference;

use std::collections::BTreeMap;
use std::future::Future;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::llb_bridge_server::LlbBridgeServer;
use hlb_llb::pb;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::MAX_MESSAGE;
use crate::client::Image;
use crate::wire::Stat;

use bridge::Bridge;

/// Who solves for a frontend.
pub trait Host: Send + Sync + 'static {
    /// A file system that was made.
    type Tree: Tree;

    /// Makes the result of a graph that has ops.
    fn solve(&self, definition: pb::Definition) -> impl Future<Output = Result<Self::Tree, Fault>> + Send;

    /// Finds an image by its name.
    fn image(
        &self,
        reference: &str,
        platform: Option<pb::Platform>,
    ) -> impl Future<Output = Result<Image, Fault>> + Send;

    /// What the host builds for.
    fn platform(&self) -> pb::Platform;

    /// The capabilities of LLB that it has.
    fn capabilities(&self) -> &[&str];

    /// Gets a warning.
    fn warn(&self, short: &str, detail: &[String]);
}

/// A file system to look at. All calls may block.
pub trait Tree: Send + Sync + 'static {
    /// Bytes of a regular file; all behind `offset` if there is no length.
    ///
    /// # Errors
    /// If there is no such file, or it is too long.
    fn read_file(&self, path: &str, offset: u64, length: Option<u64>, limit: u64) -> std::io::Result<Vec<u8>>;

    /// The entries of a directory that a pattern selects.
    ///
    /// # Errors
    /// If there is no such directory.
    fn read_dir(&self, path: &str, pattern: &str) -> std::io::Result<Vec<hlb_runtime::Entry>>;

    /// What stands at a path.
    ///
    /// # Errors
    /// If nothing is there.
    fn stat(&self, path: &str) -> std::io::Result<hlb_runtime::Entry>;
}

/// Why a host does not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// For people.
    pub message: String,
    /// Whether it never does such things.
    pub unsupported: bool,
}

/// What a frontend gave back.
#[derive(Clone, Debug, PartialEq)]
pub enum Returned {
    /// Results and what is said about them.
    Result {
        /// Graphs by platform, or one under the empty name.
        graphs: BTreeMap<String, pb::Definition>,
        /// `containerimage.config` and the like.
        metadata: BTreeMap<String, Vec<u8>>,
    },
    /// It failed.
    Failed {
        /// Its words.
        message: String,
    },
}

impl Fault {
    /// Something went wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), unsupported: false }
    }

    /// The host does not do such things.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { message: message.into(), unsupported: true }
    }
}

/// Answers a frontend until the connection ends, or until `end`, and tells what it gave back; `None` if nothing. `answered` is
/// cancelled as soon as it has given something back.
///
/// # Errors
/// If the connection is not one of the protocol.
pub async fn serve<H, C>(
    host: H,
    inputs: BTreeMap<String, pb::Definition>,
    connection: C,
    answered: CancellationToken,
    end: CancellationToken,
) -> Result<Option<Returned>, tonic::transport::Error>
where
    H: Host,
    C: AsyncRead + AsyncWrite + Connected + Send + Unpin + 'static,
{
    let bridge = Bridge::new(host, inputs, answered);
    let returned = bridge.returned();
    let service =
        LlbBridgeServer::new(bridge).max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
    // One connection comes, and none after it.
    let one = tokio_stream::once(Ok::<_, std::io::Error>(connection));
    let incoming = one.chain(tokio_stream::pending());
    let server = tonic::transport::Server::builder().add_service(service);
    server.serve_with_incoming_shutdown(incoming, end.cancelled_owned()).await?;
    Ok(returned.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take())
}

/// A file as a message.
fn stat(entry: &hlb_runtime::Entry) -> Stat {
    crate::wire::stat(entry)
}
