//! How urgent a step is: how long what waits for it takes.
