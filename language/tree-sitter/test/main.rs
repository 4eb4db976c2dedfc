//! The grammar against the language: what the language takes for valid has no error here, and nothing at all hangs.

#[path = "corpus.rs"]
mod corpus;
#[path = "queries.rs"]
mod queries;
#[path = "setups.rs"]
mod setups;
#[path = "texts.rs"]
mod texts;
