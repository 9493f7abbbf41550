//! Who changed what, and who used what: the shapes that both databases keep.
//!
//! A change's entry is part of its transaction ([`AuditRepository`]). Uses of servers come in
//! batches and are kept apart ([`AccessLog`]): with SQLite in `telemetry.db`, which may lose the
//! last moments in a power cut, with PostgreSQL in the same database.

use async_trait::async_trait;

use super::Error;
use crate::domain::audit::{AccessEvent, Decision};
use crate::domain::time::Timestamp;

/// One change, or a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What, such as `server.create`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// In which request.
    pub request_id: String,
    /// The server that it is about; empty for anything else.
    pub server: String,
    /// From which address; empty where it is not known.
    pub source: String,
    /// How the actor proved who they are; empty for the registry itself.
    pub auth_method: String,
    /// Names of the fields that are different now; never their values.
    pub changed: Vec<String>,
    /// Digest of the object before, without its secrets; empty where there was none.
    pub before: String,
    /// The same afterwards.
    pub after: String,
}

/// An entry with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAudit {
    /// Its number; later ones have greater numbers.
    pub id: u64,
    /// What it says.
    pub entry: AuditEntry,
}

/// Who changed what.
#[async_trait]
pub trait AuditRepository: Send {
    /// Adds an entry; part of the change's transaction.
    async fn append(&mut self, entry: &AuditEntry) -> Result<(), Error>;
    /// The newest first.
    async fn list(&mut self, limit: u32) -> Result<Vec<AuditEntry>, Error>;
    /// Those that match, older than a place; the newest first.
    async fn search(
        &mut self,
        filter: &AuditFilter,
        before: Place,
        limit: u32,
    ) -> Result<Vec<StoredAudit>, Error>;
}

/// Which entries are looked for; what is empty matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this user.
    pub user: String,
    /// About this server.
    pub server: String,
    /// Of this tool; changes have none.
    pub tool: String,
    /// With this decision; changes are allowed ones.
    pub decision: Option<Decision>,
    /// Changes of this kind, such as `server.create`.
    pub action: String,
    /// Of this request.
    pub request_id: String,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// A place in a list that begins with the newest: what is older than this moment, or of it with a
/// smaller number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The moment.
    pub at: Timestamp,
    /// The number.
    pub id: u64,
}

impl Place {
    /// Before everything.
    pub const START: Self = Self {
        at: Timestamp::from_unix(i64::MAX),
        id: i64::MAX.unsigned_abs(),
    };
}

/// What is kept at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessBatch {
    /// Who tells: a gateway's name for itself; empty for the registry.
    pub gateway: String,
    /// What tells a repeat from something new; nothing, where nobody repeats.
    pub mark: Option<Mark>,
    /// What happened.
    pub events: Vec<AccessEvent>,
}

/// Which batch of a gateway it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Names one run of the gateway: sequence numbers begin anew with each.
    pub run: String,
    /// Grows with each batch of a run.
    pub sequence: u64,
}

/// A use of a server, with its number and the gateway it went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAccess {
    /// Its number; what came in later has greater numbers.
    pub id: u64,
    /// The gateway.
    pub gateway: String,
    /// What happened.
    pub event: AccessEvent,
}

/// Who used what. Not part of any unit of work: nothing waits for it.
#[async_trait]
pub trait AccessLog: Send + Sync + std::fmt::Debug {
    /// Keeps a batch once; whether it is new. `now` is noted for forgetting its run.
    async fn keep(&self, batch: &AccessBatch, now: Timestamp) -> Result<bool, Error>;
    /// Those that match, older than a place; the newest first.
    async fn search(
        &self,
        filter: &AuditFilter,
        before: Place,
        limit: u32,
    ) -> Result<Vec<StoredAccess>, Error>;
    /// Forgets what is older than a moment, then the oldest until the rest takes no more than so many
    /// bytes; how many entries.
    async fn purge(&self, before: Timestamp, most_bytes: u64) -> Result<u64, Error>;
}
