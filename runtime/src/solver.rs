//! From a validated graph to a result: what is in the cache is found, what is not is run.
//!
//! ```text
//!   graph ──► vertices (shared between solves) ──► edges: keys known? record there? ──► hit
//!                                                     └─ no: content keys ──► hit, or run the op and save
//! ```
//!
//! `vertex` owns what is known of a vertex, `edge` the search for one of its outputs, `key` the cache-key formulas, `cache_map` how
//! each op gets its key, `flight` work that runs once, `structure` what a step is made of. What an op does is in `crate::ops`.

pub(crate) mod cache_map;
mod claim;
pub(crate) mod edge;
pub(crate) mod flight;
pub(crate) mod job;
pub(crate) mod key;
mod permits;
mod priority;
pub(crate) mod structure;
pub(crate) mod vertex;
