//! Skeleton; its owner writes it.
