//! BuildKit's gateway protocol: what a frontend in a container says to whoever solves for it.
//!
//! ```text
//!  client: hlbc in a container of BuildKit          server: any frontend in a container of ours
//!
//!   Invocation ◄── environment                       run_frontend ──► Runtime: image, container
//!   Gateway ──► h2 on stdin and stdout ──► BuildKit                        │ stdin, stdout
//!                                                    Bridge ◄── h2 ◄───────┘
//!                                                      └──► Host: solves, images, files
//! ```
//!
//! [`client::Gateway`] is the frontend's end, [`server::serve`] the solver's, [`run_frontend`] starts a frontend with the embedded
//! runtime and gives its answer. Knows no HLB and no Dockerfile.

pub mod client;
mod failure;
mod frontend;
pub mod server;
mod wire;

pub use failure::{Excerpt, Failure};
pub use frontend::{FrontendOutcome, FrontendRequest, GatewayError, run_frontend};
pub use wire::{FileStat, WireError};

/// The largest message of either side, in bytes.
const MAX_MESSAGE: usize = 16 << 20;
