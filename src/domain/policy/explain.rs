//! Why something is allowed or refused.
