//! Who may do what: every endpoint with every kind of credential; sessions; tokens.

mod login;
mod matrix;
mod session;
mod token;
