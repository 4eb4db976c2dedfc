//! `hlbc why`.
//!
//! Owns which build and steps are told of; the words for causes are in `reason`.
