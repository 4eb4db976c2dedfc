//! BuildKit's gateway protocol: what a frontend in a container says to whoever solves for it.
