//! Who others say that callers are: identity providers, and the keys with which gateways sign.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Error, Owner};
use crate::domain::issuer::IssuerKey;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::trust::TokenKey;

/// An identity provider as it was last seen, so that its tokens count while it is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIssuer {
    /// Its name.
    pub issuer: String,
    /// Where its keys are, as we reach them.
    pub keys_url: Option<String>,
    /// Its keys.
    pub keys: Vec<IssuerKey>,
    /// Scopes that it grants to clients that ask.
    pub scopes: BTreeSet<String>,
    /// When they were last different.
    pub fetched_at: Timestamp,
}

/// Who a session of an identity provider's user belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIdentity {
    /// The session, by the SHA-256 of its id.
    pub id_hash: [u8; 32],
    /// Who vouches for the user.
    pub issuer: String,
    /// The user's stable name there.
    pub subject: String,
    /// The session's name there.
    pub sid: Option<String>,
    /// The user's name to show.
    pub username: String,
    /// The groups at the time of the login.
    pub groups: Vec<String>,
    /// What the provider wants to see at the log-out.
    pub id_token: Secret<String>,
}

/// A log-out at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLogout {
    /// Whose: a user's or a session's, as the trust names them.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// No token from before lives longer.
    pub ends_at: Timestamp,
}

/// A user of an identity provider, as of the last login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredProviderUser {
    /// Whose tokens theirs are.
    pub owner: Owner,
    /// Their name.
    pub username: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// When that was.
    pub seen_at: Timestamp,
}

/// Identity providers: keys, sessions, log-outs.
#[async_trait]
pub trait OidcRepository: Send {
    /// What is known of one.
    async fn issuer(&mut self, issuer: &str) -> Result<Option<StoredIssuer>, Error>;
    /// Replaces what is known of one.
    async fn keep_issuer(&mut self, issuer: &StoredIssuer) -> Result<(), Error>;
    /// Adds the owner of a session.
    async fn insert_session(&mut self, identity: &StoredIdentity) -> Result<(), Error>;
    /// The owner of a session.
    async fn session(&mut self, id_hash: &[u8; 32]) -> Result<Option<StoredIdentity>, Error>;
    /// Ends the sessions of that name at the provider; without one, all of the user. Answers which.
    async fn end_sessions(
        &mut self,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
    ) -> Result<Vec<[u8; 32]>, Error>;
    /// Notes a log-out; a later one of the same name replaces it.
    async fn log_out(&mut self, logout: &StoredLogout) -> Result<(), Error>;
    /// Log-outs that may still matter.
    async fn logouts(&mut self, now: Timestamp) -> Result<Vec<StoredLogout>, Error>;
    /// A user as they last logged in.
    async fn user(&mut self, owner: &Owner) -> Result<Option<StoredProviderUser>, Error>;
    /// Notes a login.
    async fn keep_user(&mut self, user: &StoredProviderUser) -> Result<(), Error>;
    /// Those with this name or subject.
    async fn users_called(&mut self, name: &str) -> Result<Vec<StoredProviderUser>, Error>;
    /// Whether it is the first time that this is used.
    async fn use_once(&mut self, id: &[u8; 32], ends_at: Timestamp) -> Result<bool, Error>;
    /// Forgets what no longer matters, owners of sessions that are gone included.
    async fn purge(&mut self, now: Timestamp) -> Result<(), Error>;
}

/// A key with which a gateway signs what servers are told of callers, public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIdentityKey {
    /// The key.
    pub key: TokenKey,
    /// Who reported it last.
    pub gateway: String,
    /// When it was last reported, about.
    pub seen_at: Timestamp,
}

/// Public keys of gateways.
#[async_trait]
pub trait IdentityKeyRepository: Send {
    /// All, by key id.
    async fn list(&mut self) -> Result<Vec<StoredIdentityKey>, Error>;
    /// Adds one, or notes that it was seen again.
    async fn see(&mut self, key: &StoredIdentityKey) -> Result<(), Error>;
    /// Takes one out; whether it was there.
    async fn remove(&mut self, kid: &str) -> Result<bool, Error>;
    /// Forgets those that were not seen since; how many that were.
    async fn purge(&mut self, since: Timestamp) -> Result<u64, Error>;
}
