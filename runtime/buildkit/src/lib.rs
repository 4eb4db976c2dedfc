//! A client of BuildKit: has a daemon solve LLB and brings the result back.
