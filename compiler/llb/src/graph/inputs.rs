//! What a vertex reads.
//!
//! Owns how it is kept: nearly all vertices read at most three outputs, and a walk of the graph looks at those of each
//! vertex, so a few stand in the vertex itself.

use super::Output;

/// A list of outputs that can no longer change.
pub(super) enum Inputs {
    One([Output; 1]),
    Two([Output; 2]),
    Three([Output; 3]),
    Any(Vec<Output>),
}

impl Inputs {
    pub(super) fn as_slice(&self) -> &[Output] {
        match self {
            Self::One(inputs) => inputs,
            Self::Two(inputs) => inputs,
            Self::Three(inputs) => inputs,
            Self::Any(inputs) => inputs,
        }
    }

    /// Hands each over.
    pub(super) fn each(self, take: impl FnMut(Output)) {
        match self {
            Self::One(inputs) => inputs.into_iter().for_each(take),
            Self::Two(inputs) => inputs.into_iter().for_each(take),
            Self::Three(inputs) => inputs.into_iter().for_each(take),
            Self::Any(inputs) => inputs.into_iter().for_each(take),
        }
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self::Any(Vec::new())
    }
}

impl From<Vec<Output>> for Inputs {
    fn from(list: Vec<Output>) -> Self {
        let few = match list.len() {
            1 => list.try_into().map(Self::One),
            2 => list.try_into().map(Self::Two),
            3 => list.try_into().map(Self::Three),
            _ => Err(list),
        };
        few.unwrap_or_else(Self::Any)
    }
}
