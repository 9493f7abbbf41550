//! The registry's database: a trait per aggregate behind one unit of work.
//!
//! A change, its revision and its audit entry are one transaction ([`Transaction`]). SQLite is the
//! default, PostgreSQL serves several replicas; one contract suite holds both to the same promises.
//! Nothing outside this module names a driver, and no secret reaches the disk unsealed ([`seal`]).
//!
//! Start with [`open()`]. The statements, shared by both databases, are in `unit`; `sqlite` and
//! `postgres` know connections, locking and what can go wrong with them.

use std::path::Path;

use async_trait::async_trait;

mod audit;
#[cfg(test)]
mod contract;
mod identity;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
pub mod seal;
mod sql;
mod sqlite;
mod unit;

pub use audit::{
    AccessBatch, AccessLog, AuditEntry, AuditFilter, AuditRepository, Mark, Place, StoredAccess,
    StoredAudit,
};
pub use identity::{
    IdentityKeyRepository, OidcRepository, StoredIdentity, StoredIdentityKey, StoredIssuer,
    StoredLogout, StoredProviderUser,
};
pub use open::{OpenError, open};
pub use seal::Sealer;

use crate::domain::api_key::KeyHash;
use crate::domain::ids::{ClusterId, Revision, TokenId};
use crate::domain::path::ServerPath;
use crate::domain::policy::Policy;
use crate::domain::secret::Secret;
use crate::domain::server::ServerDefinition;
use crate::domain::time::Timestamp;

/// A database that is open, migrated and locked by this process where it must be.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Starts a transaction that may write. With SQLite there is one at a time.
    async fn begin(&self) -> Result<Box<dyn Transaction + '_>, Error>;

    /// Starts a transaction that only reads, at one consistent state.
    async fn read(&self) -> Result<Box<dyn Transaction + '_>, Error>;

    /// Who used what; not part of any transaction.
    fn access(&self) -> &dyn AccessLog;

    /// Resolves when another process may have changed the database; never, where none can.
    ///
    /// For one waiter at a time. Safe to drop: what was not answered is answered by the next call.
    async fn changed_elsewhere(&self);

    /// Whether several processes may share the database.
    fn is_shared(&self) -> bool;

    /// Writes a consistent copy to a new file while work goes on.
    ///
    /// # Errors
    /// [`Error::Failed`] where the database has its own tool for it: `pg_dump` with PostgreSQL.
    async fn backup(&self, target: &Path) -> Result<(), Error>;

    /// Ends all connections; with SQLite after a checkpoint.
    async fn close(&self);
}

/// One unit of work. Dropped without commit, nothing of it happened.
#[async_trait]
pub trait Transaction: Send {
    /// The cluster's identity and the current revision.
    async fn cluster(&mut self) -> Result<(ClusterId, Revision), Error>;
    /// Server definitions.
    fn servers(&mut self) -> &mut dyn ServerRepository;
    /// Tokens that the registry issued.
    fn tokens(&mut self) -> &mut dyn TokenRepository;
    /// Browser sessions.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// Generated keys, sealed at rest.
    fn keys(&mut self) -> &mut dyn KeyRepository;
    /// What was imported from files.
    fn imports(&mut self) -> &mut dyn ImportRepository;
    /// Local users.
    fn users(&mut self) -> &mut dyn UserRepository;
    /// Identity providers.
    fn oidc(&mut self) -> &mut dyn OidcRepository;
    /// Public keys of gateways.
    fn identity_keys(&mut self) -> &mut dyn IdentityKeyRepository;
    /// Who may do what.
    fn policy(&mut self) -> &mut dyn PolicyRepository;
    /// Accounts of programs.
    fn service_accounts(&mut self) -> &mut dyn ServiceAccountRepository;
    /// Credentials of other people's gateways.
    fn gateways(&mut self) -> &mut dyn GatewayRepository;
    /// Who changed what.
    fn audit(&mut self) -> &mut dyn AuditRepository;
    /// Makes everything durable. `Bump::Yes` counts the revision up in the same transaction and
    /// wakes other replicas; the answer is the revision that now holds.
    ///
    /// # Errors
    /// Nothing happened, except after [`Error::Unavailable`], whose source says when that is not
    /// known (the connection was lost on the way): read before trying again. A transaction in
    /// which a statement failed or was cancelled does not commit.
    async fn commit(self: Box<Self>, bump: Bump) -> Result<Revision, Error>;
}

/// Whether a change matters to gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bump {
    /// It does: a new revision.
    Yes,
    /// It does not: sessions, health, audit.
    No,
}

/// A definition with what the registry knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredServer {
    /// What people wrote.
    pub definition: ServerDefinition,
    /// Counts changes of this server; its ETag.
    pub version: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

/// Server definitions.
#[async_trait]
pub trait ServerRepository: Send {
    /// One, by its path.
    async fn find(&mut self, path: &ServerPath) -> Result<Option<StoredServer>, Error>;
    /// All, by path.
    async fn list(&mut self) -> Result<Vec<StoredServer>, Error>;
    /// Adds one. [`Error::Exists`] when the path is taken.
    async fn insert(&mut self, server: &StoredServer) -> Result<(), Error>;
    /// Replaces one whose version is `server.version - 1`. [`Error::Stale`] when it is another.
    async fn update(&mut self, server: &StoredServer) -> Result<(), Error>;
    /// Takes one out; whether it was there.
    async fn remove(&mut self, path: &ServerPath) -> Result<bool, Error>;
}

/// Whose a token is. Two people of one name at two providers are two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Who vouches for the subject: [`LOCAL`], [`SERVICE_ACCOUNT`] or an identity provider.
    pub provider: String,
    /// The name there that does not change.
    pub subject: String,
}

/// Seconds between two notes of the use of one key.
pub const USE_NOTED_EVERY: i64 = 3_600;

/// Provider of local users.
pub const LOCAL: &str = "local";
/// Provider of service accounts.
pub const SERVICE_ACCOUNT: &str = "service-account";

/// A token or an API key that the registry issued; its text is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Its `jti`, or the id in the key's text.
    pub id: TokenId,
    /// Whose it is.
    pub owner: Owner,
    /// The owner's name when it was made.
    pub username: String,
    /// Hash of an API key; nothing for a signed token.
    pub key_hash: Option<KeyHash>,
    /// What its maker called it.
    pub description: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Groups whose rights it has too.
    pub groups: Vec<String>,
    /// Whether it has all rights of its owner.
    pub inherits: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When a key was last used, about; nothing where that was not seen.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Which tokens of an owner end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// All.
    All,
    /// Those whose rights are written in them; keys that inherit follow their owner by themselves.
    Fixed,
}

/// Tokens and API keys that the registry issued.
#[async_trait]
pub trait TokenRepository: Send {
    /// Adds one.
    async fn insert(&mut self, token: &StoredToken) -> Result<(), Error>;
    /// One, by id.
    async fn find(&mut self, id: &TokenId) -> Result<Option<StoredToken>, Error>;
    /// Those of an owner, or all; newest first.
    async fn list(&mut self, owner: Option<&Owner>) -> Result<Vec<StoredToken>, Error>;
    /// Those of an owner made since a moment.
    async fn count_since(&mut self, owner: &Owner, since: Timestamp) -> Result<u64, Error>;
    /// Marks one as revoked; whether it was there and not revoked yet.
    async fn revoke(&mut self, id: &TokenId, at: Timestamp) -> Result<bool, Error>;
    /// Marks those of an owner as revoked; how many were in force.
    async fn revoke_of(&mut self, owner: &Owner, ends: Ends, at: Timestamp) -> Result<u64, Error>;
    /// Gives these groups to an owner's API keys in force that stand for all of its rights; how many
    /// had others.
    async fn follow(
        &mut self,
        owner: &Owner,
        groups: &[String],
        now: Timestamp,
    ) -> Result<u64, Error>;
    /// Users with this name or subject, as owners of tokens and keys; no service accounts.
    async fn owners_called(&mut self, name: &str) -> Result<Vec<Owner>, Error>;
    /// Revoked tokens that have not ended: what every gateway must refuse. Keys are not among them:
    /// those that count are listed.
    async fn revoked(&mut self, now: Timestamp) -> Result<Vec<(TokenId, Timestamp)>, Error>;
    /// Notes a use of a key, unless one of the last [`USE_NOTED_EVERY`] seconds is noted; whether that
    /// was done.
    async fn used(&mut self, id: &TokenId, at: Timestamp) -> Result<bool, Error>;
    /// API keys that count.
    async fn api_keys(&mut self, now: Timestamp) -> Result<Vec<StoredToken>, Error>;
    /// Forgets those that ended before a moment; how many.
    async fn purge(&mut self, before: Timestamp) -> Result<u64, Error>;
}

/// A browser session, by the SHA-256 of its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// SHA-256 of the id in the cookie.
    pub id_hash: [u8; 32],
    /// Whose it is.
    pub username: String,
    /// How they logged in.
    pub provider: String,
    /// When.
    pub created_at: Timestamp,
    /// Last use.
    pub seen_at: Timestamp,
}

/// Browser sessions.
#[async_trait]
pub trait SessionRepository: Send {
    /// Adds one.
    async fn insert(&mut self, session: &StoredSession) -> Result<(), Error>;
    /// One, by the hash of its id.
    async fn find(&mut self, id_hash: &[u8; 32]) -> Result<Option<StoredSession>, Error>;
    /// Notes its last use.
    async fn touch(&mut self, id_hash: &[u8; 32], at: Timestamp) -> Result<(), Error>;
    /// Ends one; whether it was there.
    async fn remove(&mut self, id_hash: &[u8; 32]) -> Result<bool, Error>;
    /// Ends those of a user who logged in by that provider, but one; how many.
    async fn remove_of(
        &mut self,
        username: &str,
        provider: &str,
        keep: Option<&[u8; 32]>,
    ) -> Result<u64, Error>;
    /// Ends those unused since `idle_before` or made before `made_before`; how many.
    async fn purge(&mut self, idle_before: Timestamp, made_before: Timestamp)
    -> Result<u64, Error>;
}

/// Generated keys (token signing, sessions), sealed at rest.
#[async_trait]
pub trait KeyRepository: Send {
    /// The newest key of that name.
    async fn find(&mut self, name: &str) -> Result<Option<Secret<Vec<u8>>>, Error>;
    /// Keeps a key where none is yet, and answers the one that holds.
    async fn keep(&mut self, name: &str, key: Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, Error>;
}

/// What was imported from one file, so that the database wins over files at the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedFile {
    /// File name below the definitions' folder.
    pub file: String,
    /// SHA-256 of its content.
    pub hash: [u8; 32],
    /// The server it defined.
    pub path: ServerPath,
}

/// What was imported from files.
#[async_trait]
pub trait ImportRepository: Send {
    /// All.
    async fn list(&mut self) -> Result<Vec<ImportedFile>, Error>;
    /// Notes one; replaces what was noted of the same file.
    async fn keep(&mut self, file: &ImportedFile) -> Result<(), Error>;
}

/// A local user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// The login name.
    pub username: String,
    /// PHC string of the password's hash.
    pub password_hash: Secret<String>,
    /// Groups the user belongs to.
    pub groups: Vec<String>,
    /// May not log in.
    pub disabled: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Local users.
#[async_trait]
pub trait UserRepository: Send {
    /// One, by name.
    async fn find(&mut self, username: &str) -> Result<Option<StoredUser>, Error>;
    /// All, by name.
    async fn list(&mut self) -> Result<Vec<StoredUser>, Error>;
    /// Adds one or replaces the one of that name.
    async fn upsert(&mut self, user: &StoredUser) -> Result<(), Error>;
    /// Takes one out; whether it was there.
    async fn remove(&mut self, username: &str) -> Result<bool, Error>;
}

/// An account of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredServiceAccount {
    /// Its name; in one space with the names of local users.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Groups whose rights it has.
    pub groups: Vec<String>,
    /// Scopes beside these.
    pub scopes: Vec<String>,
    /// Nothing of it counts.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Accounts of programs.
#[async_trait]
pub trait ServiceAccountRepository: Send {
    /// One, by name.
    async fn find(&mut self, name: &str) -> Result<Option<StoredServiceAccount>, Error>;
    /// All, by name.
    async fn list(&mut self) -> Result<Vec<StoredServiceAccount>, Error>;
    /// Adds one or replaces the one of that name.
    async fn upsert(&mut self, account: &StoredServiceAccount) -> Result<(), Error>;
    /// Takes one out; whether it was there.
    async fn remove(&mut self, name: &str) -> Result<bool, Error>;
}

/// The credential of somebody else's gateway; its text is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGateway {
    /// What the operator calls it.
    pub name: String,
    /// The id in the credential's text.
    pub id: String,
    /// The hash of the credential's text.
    pub key_hash: KeyHash,
    /// Whether it sends the bodies of requests along.
    pub sends_body: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// Credentials of other people's gateways.
#[async_trait]
pub trait GatewayRepository: Send {
    /// All, by name.
    async fn list(&mut self) -> Result<Vec<StoredGateway>, Error>;
    /// Adds one. [`Error::Exists`] when the name is taken.
    async fn insert(&mut self, gateway: &StoredGateway) -> Result<(), Error>;
    /// Takes one out; whether it was there.
    async fn remove(&mut self, name: &str) -> Result<bool, Error>;
}

/// The policy that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    /// Scopes and groups.
    pub policy: Policy,
    /// Counts its changes, from 1; its ETag.
    pub version: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

/// Who may do what; one policy for all.
#[async_trait]
pub trait PolicyRepository: Send {
    /// What was written last; nothing where nobody has written one.
    async fn find(&mut self) -> Result<Option<StoredPolicy>, Error>;
    /// Replaces the one whose version is `policy.version - 1`, or adds the first. [`Error::Stale`]
    /// when it is another.
    async fn keep(&mut self, policy: &StoredPolicy) -> Result<(), Error>;
}

/// What can go wrong with a database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is taken.
    #[error("already exists")]
    Exists,
    /// Somebody else changed it first.
    #[error("changed by somebody else in the meantime")]
    Stale,
    /// No room; reads go on.
    #[error("the database's disk is full")]
    Full(#[source] anyhow::Error),
    /// Locked, restarting, failing over: worth another try.
    #[error("the database is not available")]
    Unavailable(#[source] anyhow::Error),
    /// Stored data that cannot be read back.
    #[error("corrupt data in {table}.{column}, row {row}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Key of the row.
        row: String,
        /// Cause.
        #[source]
        source: anyhow::Error,
    },
    /// The schema is newer than this program.
    #[error(
        "the database's schema is newer than this program; run the newer version or restore a backup"
    )]
    NewerSchema,
    /// A second process has it open.
    #[error(
        "the database is in use by another process; stop that one, or give this one a DATA_DIR of its own"
    )]
    InUse,
    /// Anything else.
    #[error("the database failed")]
    Failed(#[source] anyhow::Error),
}
