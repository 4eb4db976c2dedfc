//! A client of BuildKit: has a daemon solve LLB and brings the result back.
//!
//! ```text
//!  SolveRequest ──► Control.Solve ───────────────────────────────► response
//!                   Control.Status ──► status ──► Status events      │
//!                   Control.Session ◄─► session: a gRPC server here  ▼
//!                        ├── FileSync: directories, by fsutil       Solved
//!                        ├── FileSend: the result, into a file or, by fsutil, a directory
//!                        └── Secrets · SSH · Auth · Health
//! ```
//!
//! Everything goes over one connection, which [`Client::connect`] makes. The daemon is somebody else: what it sends is
//! checked, and it reads no file that the request does not lend.
#![forbid(unsafe_code)]

mod address;
mod bridge;
mod client;
mod error;
mod fsutil;
mod request;
mod session;
mod status;

pub use address::Address;
pub use client::{Client, StatusSink, Worker};
pub use error::{BuildkitError, LocalError};
pub use request::{Export, Frontend, SharedCache, SolveRequest, Solved};
