//! Why steps ran, in words.
//!
//! Owns those words and the places they point at. What the causes are is found by the runtime.
