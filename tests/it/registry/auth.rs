//! Who may do what, sessions, tokens.
