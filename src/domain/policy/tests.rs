//! What the decisions promise.
