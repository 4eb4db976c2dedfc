//! How large things are.
//!
//! Owns the measuring of layers, blobs and cache mounts, so that what it says adds up to what the file system says.
