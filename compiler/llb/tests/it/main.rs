//! Tests of `hlb-llb` from outside.

mod corpus;
mod oracle;
mod replay;
