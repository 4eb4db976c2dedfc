//! Trees sent to our own receiver, and peers that do not keep to the protocol.
