//! What is known of all files together.
//!
//! Owns `Project`: the files of the client as one program with many entries. Immutable.

use std::sync::Arc;

use hlb_compiler::{Checked, Depth, Text};

use crate::world::EditorWorld;

/// All files, checked as one program.
#[derive(Debug)]
pub struct Project {
    pub(crate) checked: Checked,
}

impl Project {
    /// Checks texts, each named by its absolute path.
    pub fn new(world: &EditorWorld, texts: &[Arc<Text>]) -> Self {
        Self { checked: hlb_compiler::check_texts(world, texts, Depth::All) }
    }
}
