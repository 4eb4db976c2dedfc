//! What a client lends to the steps of a build over a socket: its SSH agent, key files, or any other connection.
//!
//! ```text
//!  step in a container ──► socket of the solver ──► connect(&Lent) ──► agent · keys · unix socket · TCP
//! ```
//!
//! Knows neither LLB nor containers: whoever has a connection from a step asks for its other end.

mod keys;
mod openssh;
mod proxy;
mod rsa;
mod wire;

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpStream, UnixStream};

use keys::Keyring;

/// Something that a client lends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Lent {
    /// The SSH agent behind a socket, for reading only: a step can list keys and sign with them, not change the agent.
    Agent(PathBuf),
    /// An SSH agent that holds just the keys of these files.
    Keys(Vec<PathBuf>),
    /// Whatever listens on a unix socket.
    Unix(PathBuf),
    /// Whatever listens there, as `host:port`.
    Tcp(String),
}

/// The other end of what is lent.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// What is lent cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is no agent.
    #[error(
        "no SSH agent is running (`SSH_AUTH_SOCK` is not set): start one with `eval $(ssh-agent)` and `ssh-add`, or \
         name key files"
    )]
    NoAgent,
    /// Nobody answers at the socket.
    #[error("cannot connect to `{path}`: {source}")]
    Unix {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A text that is no address.
    #[error("`{address}` is not an address of the form `host:port`")]
    Address {
        /// The text.
        address: String,
    },
    /// Nobody answers at the address.
    #[error("cannot connect to `{address}`: {source}")]
    Tcp {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The file of a key cannot be read.
    #[error("cannot read the SSH key `{path}`: {source}")]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key that only its passphrase opens.
    #[error("the SSH key `{path}` has a passphrase: add it to an agent with `ssh-add {path}`, and lend that agent")]
    Passphrase {
        /// The file.
        path: PathBuf,
    },
    /// A file that holds no key that can sign.
    #[error("cannot use the SSH key `{path}`: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Bytes on their way between a step and an agent of ours.
const PIPE: usize = 16 << 10;

/// Finds out whether what is lent can be had, without using it: keys are read, an agent and a unix socket are connected
/// to. Of an address only the form is looked at, because whoever listens there would take a connection for a use.
///
/// # Errors
/// The same as those of [`connect`].
pub async fn check(lent: &Lent) -> Result<(), AgentError> {
    match lent {
        Lent::Agent(path) => agent(path).await.map(drop),
        Lent::Keys(paths) => Keyring::load(paths).await.map(drop),
        Lent::Unix(path) => unix(path).await.map(drop),
        Lent::Tcp(address) => checked(address).map(drop),
    }
}

/// Connects to what is lent. An agent's connection is served by a task of the current runtime, which ends with it.
///
/// # Errors
/// Nobody listens, or the keys cannot be used.
pub async fn connect(lent: &Lent) -> Result<Box<dyn Connection>, AgentError> {
    match lent {
        Lent::Agent(path) => {
            let agent = agent(path).await?;
            Ok(serve(|client| proxy::serve(client, agent)))
        }
        Lent::Keys(paths) => {
            let keyring = Keyring::load(paths).await?;
            Ok(serve(|client| async move { keyring.serve(client).await }))
        }
        Lent::Unix(path) => Ok(Box::new(unix(path).await?)),
        Lent::Tcp(address) => {
            let failed = |source| AgentError::Tcp { address: address.clone(), source };
            Ok(Box::new(TcpStream::connect(checked(address)?).await.map_err(failed)?))
        }
    }
}

/// A connection whose other end is served here.
fn serve<F>(server: impl FnOnce(DuplexStream) -> F) -> Box<dyn Connection>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let serving = server(theirs);
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::debug!(%error, "connection to an SSH agent ended");
        }
    });
    Box::new(ours)
}

async fn agent(path: &Path) -> Result<UnixStream, AgentError> {
    if path.as_os_str().is_empty() {
        return Err(AgentError::NoAgent);
    }
    unix(path).await
}

async fn unix(path: &Path) -> Result<UnixStream, AgentError> {
    UnixStream::connect(path).await.map_err(|source| AgentError::Unix { path: path.to_owned(), source })
}

fn checked(address: &str) -> Result<&str, AgentError> {
    let wrong = || AgentError::Address { address: address.to_owned() };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    Ok(address)
}

#[cfg(test)]
mod tests;
