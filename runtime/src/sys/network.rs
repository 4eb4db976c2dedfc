//! Network namespaces.
//!
//! Owns how one is made and kept by a mount. Which addresses it gets is known to `exec::network`.
