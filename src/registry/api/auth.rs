//! `/api/auth`.

pub(super) mod login;
pub(super) mod logout;
pub(super) mod me;
pub(super) mod oidc;
pub(super) mod pages;
pub(super) mod providers;
