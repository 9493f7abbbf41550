//! Who may do what: every endpoint with every kind of credential; sessions; tokens.

mod api_key;
mod canary;
#[cfg(feature = "gateway")]
mod gateway;
mod login;
mod matrix;
mod service_account;
mod session;
mod token;
mod user;
