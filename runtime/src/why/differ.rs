//! What differs between a step and an earlier one.
