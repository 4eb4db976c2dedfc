//! What users should know, and what fails nothing.
//!
//! Owns that each thing is told once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(crate) struct Warnings(Mutex<Texts>);

#[derive(Default)]
struct Texts {
    known: BTreeSet<String>,
    untold: Vec<String>,
}

impl Warnings {
    /// Adds a sentence, unless it was there before.
    pub(crate) fn tell(&self, text: String) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.known.insert(text.clone()) {
            texts.untold.push(text);
        }
    }

    /// What was added since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).untold)
    }
}
