//! Recursion that may go deep.
//!
//! Programs may be nested, and call, far deeper than a thread's stack reaches. What walks them does each step through here, where the
//! stack goes on elsewhere when it is nearly full.

/// What must be left of the stack at each step: more than the step takes up to the next one.
const LEFT: usize = 256 << 10;
/// How much is taken when it is not.
const MORE: usize = 8 << 20;

/// Does a step.
pub(crate) fn deep<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(LEFT, MORE, step)
}
