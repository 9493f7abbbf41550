//! What the readers promise.
