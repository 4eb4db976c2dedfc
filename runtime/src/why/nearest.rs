//! Which earlier step a step is most like.
