//! One suite of programs, each solved by the embedded runtime and by a real BuildKit, whose results must be the same.
//!
//! ```text
//!  cases/GROUP/NAME.hlb ──► World ──► hlb-compiler ──► Definition ──┬──► here: hlb-runtime ────────► tree ─┐
//!                                                                   │                                      ├─► equal, and as
//!  dockerd · registry · web server, on loopback, in                 └──► there: BuildKit in dockerd ► tree ┘   NAME.tree says
//!  namespaces that end with the test
//! ```
//!
//! Owns the servers, the inputs and the comparison. What is compared is data: the directory `cases`, whose README says how a
//! case is written. This is a test that happens to be a library: what it cannot do fails it on the spot.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what cannot go on fails the test"
)]

pub mod bench;
pub mod cases;
pub mod coverage;
pub mod daemon;
pub mod engines;
pub mod fields;
pub mod files;
pub mod foreign;
pub mod image_listing;
pub mod images;
pub mod listing;
pub mod namespaces;
pub mod program;
pub mod registry;
pub mod repositories;
pub mod sockets;
pub mod there;
pub mod web;
pub mod world;
