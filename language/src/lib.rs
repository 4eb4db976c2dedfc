//! The front of HLB: from text to a syntax tree, and back to text.
//!
//! ```text
//!   text ──► tokens ──► tree of braces ──► syntax tree + trivia + diagnostics ──► formatted text
//! ```
//!
//! Parsing never fails: [`parse`] gives a tree for any text at all, with diagnostics for what it could not read.
//! This crate knows no files, no names' meanings, no network and no LLB.

pub mod ast;
pub mod codes;
pub mod diagnostic;
pub mod format;
pub mod lexer;
pub mod parser;
pub mod source;
pub mod span;
pub mod token;
pub mod trivia;

pub use format::format;
pub use lexer::lex;
pub use parser::{Parsed, parse};
