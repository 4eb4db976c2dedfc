//! How many ops run at a time, and which is next.
