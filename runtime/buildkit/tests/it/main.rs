//! The client against a daemon of our own, which does what a test tells it to.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod connect;
mod daemon;
mod solve;
