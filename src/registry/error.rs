//! What can go wrong with a use case.

use super::identity_keys::IN_USE;
use crate::domain::path::ServerPath;
use crate::domain::policy::Permission;
use crate::domain::validate::FieldError;
use crate::store;

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such server.
    #[error("there is no server at {0}")]
    NoServer(ServerPath),
    /// The path is taken.
    #[error("there is already a server at {0}")]
    Exists(ServerPath),
    /// Somebody else changed it since the caller read it.
    #[error("the server at {0} was changed in the meantime")]
    Stale(ServerPath),
    /// None of the caller's scopes has the permission for the server.
    #[error("none of your scopes has {0} for {1}")]
    NotPermitted(Permission, ServerPath),
    /// Nobody who is kept here has this name.
    #[error(
        "the registry does not know the user {0:?}; say which groups and scopes their token names"
    )]
    Stranger(String),
    /// Something that only admins may do.
    #[error("only an admin may {0}")]
    AdminOnly(&'static str),
    /// Somebody else changed the policy since the caller read it.
    #[error("the policy was changed in the meantime")]
    StalePolicy,
    /// The definition has mistakes.
    #[error("the definition has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
    /// There is no such token.
    #[error("there is no such token")]
    NoToken,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoUser(String),
    /// Nobody of that name is known, here or by a login at a provider.
    #[error(
        "nobody called {0:?} is a local user, has logged in, or has tokens or keys; a provider's \
         user is found by user name or by the `sub` of their tokens"
    )]
    NobodyCalled(String),
    /// There is no such service account.
    #[error("there is no service account {0:?}")]
    NoServiceAccount(String),
    /// A user or service account has that name.
    #[error("the name {0:?} is taken by a user or a service account")]
    NameTaken(String),
    /// There is no such gateway.
    #[error("there is no credential of a gateway {0:?}")]
    NoGateway(String),
    /// A gateway has that name.
    #[error("a gateway {0:?} has a credential; take that out first, or choose another name")]
    GatewayTaken(String),
    /// There is no such key of a gateway.
    #[error("there is no key {0:?} of a gateway")]
    NoIdentityKey(String),
    /// A gateway would bring the key back.
    #[error(
        "the gateway {gateway:?} still reports the key {kid:?}, so it would come back; stop that \
         gateway, or remove `identity-keys` in its data directory and start it, and try again \
         after {} seconds",
        IN_USE
    )]
    IdentityKeyInUse {
        /// The key.
        kid: String,
        /// Who reports it.
        gateway: String,
    },
    /// Set by the operator, not here.
    #[error(
        "{0:?} is the local administrator: name and password come from ADMIN_USER and \
         ADMIN_PASSWORD, or `mcp admin reset-password`"
    )]
    LocalAdmin(String),
    /// Nothing can be made for an account that is disabled.
    #[error("the service account {0:?} is disabled; enable it first")]
    Disabled(String),
    /// The credential ended while the request was on its way.
    #[error("the credential of this request ended in the meantime; log in again")]
    Ended,
    /// A scope that the caller does not have.
    #[error("the scope {0:?} is not one of yours")]
    Scope(String),
    /// Too many tokens.
    #[error("the limit of {0} tokens per hour is reached")]
    TooManyTokens(u32),
    /// Wrong user name or password.
    #[error("user name or password is wrong")]
    Login,
    /// Too many failed logins.
    #[error("too many failed logins; try again in {0} seconds")]
    TooManyLogins(u64),
    /// The database.
    #[error("the registry's database did not take part")]
    Store(#[from] store::Error),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(&'static str),
}
