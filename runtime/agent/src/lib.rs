//! What a client lends to the steps of a build over a socket: its SSH agent, key files, or any other connection.
//!
//! ```text
//!  step in a container ──► socket of the solver ──► connect(&Lent) ──► agent · keys · unix socket · TCP
//! ```
//!
//! Knows neither LLB nor containers: whoever has a connection from a step asks for its other end.

use std::path::PathBuf;

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
