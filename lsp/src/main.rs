//! Skeleton; its owner writes it.
fn main() {}
