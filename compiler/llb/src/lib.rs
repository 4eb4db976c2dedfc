//! LLB, BuildKit's low-level build graph: the contract between what makes graphs and what solves them.
//!
//! ```text
//!  ops::Exec, ops::image, … ──► graph::Vertex ──► graph::marshal ──► pb::Definition ──► bytes
//!                                                                         │
//!                                         definition::Graph ◄── load ─────┘
//! ```
//!
//! For people, a `plan::Plan` numbers the steps of graphs, `draw` shows it and `compare` tells two apart.
//!
//! This crate contains no policy: it can say a graph and check it, not decide what to build.

pub mod canonical;
mod caps;
pub mod compare;
pub mod definition;
pub mod digest;
pub mod draw;
pub mod dump;
pub mod graph;
pub mod json;
pub mod ops;
pub mod pb;
pub mod plan;
pub mod status;

pub use canonical::{FieldOrder, encode_definition, encode_op, encode_op_in};
pub use compare::{Comparison, compare};
pub use definition::Graph;
pub use digest::Digest;
pub use plan::Plan;
