//! The compiler from the outside: programs in, requests and diagnostics out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod builtins;
mod conformance;
mod context;
mod debug;
mod document;
mod editor;
mod evaluation;
mod examples;
mod fenced;
mod fixes;
mod fuzz;
mod messages;
mod modules;
mod namespaces;
mod near;
mod pages;
mod pins;
mod probe;
mod reference;
mod remote;
mod standard;
mod suite;
mod support;
mod values;
