//! One suite of programs, each solved by the embedded runtime and by a real BuildKit, whose results must be the same.
