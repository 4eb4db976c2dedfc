//! Options of the commands about builds that were: `history`, `logs` and `why`.
//!
//! Owns their names and help texts.
