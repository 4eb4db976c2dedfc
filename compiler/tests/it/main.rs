//! The compiler from the outside: programs in, requests and diagnostics out.

mod conformance;
mod evaluation;
mod messages;
mod modules;
mod support;
