//! The networks of steps.
//!
//! Owns which there are. Namespaces are made in `sys::network`.

/// What a step sees of the network if it asks for nothing special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// The network of the machine.
    Host,
}
