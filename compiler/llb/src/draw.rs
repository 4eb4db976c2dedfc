//! Graphs for people: as text, and as pictures in the languages of Graphviz and Mermaid.
//!
//! Owns how a plan looks. Whatever texts stand in a graph, they come out as texts: no control characters, nothing that
//! ends a string or starts a directive of the language it is drawn in. Decides nothing about graphs.

mod dot;
mod exec;
mod file;
mod kind;
mod mermaid;
mod source;
mod text;
mod words;

pub use dot::dot;
pub use mermaid::mermaid;
pub use text::{steps, text};
pub use words::{headline, printable, quote};

pub(crate) use file::{action as action_words, owner as owner_words};
pub(crate) use source::is_internal;
pub(crate) use words::{brief, cut, is_the_command, sharing};
