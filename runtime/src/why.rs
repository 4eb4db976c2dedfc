//! Why steps ran, and by what they were found.
//!
//! Owns the explanations and their order. Words for them are a caller's.

mod cause;
mod differ;
mod nearest;

/// By what a step was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Match {
    /// By its definition: nothing that it reads had to be looked at.
    Definition,
    /// By the content of some of its inputs.
    Content {
        /// Which.
        inputs: Vec<usize>,
    },
    /// An image under another digest, by its layers.
    ImageLayers,
    /// What it takes in has not changed since it was taken in last.
    Unchanged,
}
