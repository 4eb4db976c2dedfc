//! From a validated graph to a result: what is in the cache is found, what is not is run.
//!
//! ```text
//!   graph ──► vertices (shared between solves) ──► edges: keys known? record there? ──► hit
//!                                                     └─ no: content keys ──► hit, or run the op and save
//! ```
//!
//! `solve` owns what a caller wants, `job` for whom a vertex is worked on, `vertex` what is known of it, `edge` the order in which
//! one of its outputs is looked for, `far` the same in shared caches, `search` the way through the cache, `key` the cache-key formulas, `cache_map` how each op gets
//! its key, `flight` work that runs once, `claim` that equal work does, too, `permits` and `priority` what runs when, `structure`
//! what a step is made of, `trace` what is told of a solve that has ended. What an op does is in `crate::ops`.

pub(crate) mod cache_map;
pub(crate) mod claim;
pub(crate) mod edge;
pub(crate) mod far;
pub(crate) mod flight;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod permits;
pub(crate) mod priority;
mod search;
pub(crate) mod solve;
pub(crate) mod structure;
pub(crate) mod trace;
pub(crate) mod vertex;
