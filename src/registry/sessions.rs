//! Browser sessions: a random id in a cookie, everything else here.
//!
//! The database knows a session by the SHA-256 of its id; reads are answered from memory. Where
//! other replicas share the database, what is remembered is looked up again after a moment, so that
//! a logout there counts here.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::accounts::user_rights;
use super::audit::session_entry;
use super::keys::random;
use super::{Error, Registry};
use crate::config::AuthConfig;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::http::Edge;
use crate::store::{Bump, LOCAL, StoredSession, Transaction};

/// A session in use.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) principal: Arc<Principal>,
    /// Who vouches for the principal.
    pub(super) provider: String,
    pub(super) id_hash: [u8; 32],
    /// Proves that a request comes from our own page.
    pub(super) csrf_token: Secret<String>,
}

impl Session {
    /// Whether this is its token, in constant time.
    pub(super) fn has_csrf_token(&self, token: &[u8]) -> bool {
        verify_slices_are_equal(self.csrf_token.expose().as_bytes(), token).is_ok()
    }
}

/// What is remembered of sessions.
pub(super) struct Sessions {
    idle: i64,
    max: i64,
    /// How long a look-up holds, in seconds.
    fresh: i64,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

struct Known {
    session: Session,
    created_at: Timestamp,
    seen_at: Timestamp,
    noted_at: Timestamp,
    looked_up: Timestamp,
}

impl Sessions {
    pub(super) fn new(config: &AuthConfig, shared: bool) -> Self {
        let seconds = |period: crate::config::types::Period| {
            i64::try_from(period.get().as_secs()).unwrap_or(i64::MAX)
        };
        Self {
            idle: seconds(config.session_idle),
            max: seconds(config.session_max),
            fresh: if shared { 1 } else { i64::MAX },
            known: Mutex::default(),
        }
    }

    /// The absolute end in seconds, for the cookie.
    pub(super) const fn max_age(&self) -> i64 {
        self.max
    }

    fn in_force(&self, created_at: Timestamp, seen_at: Timestamp, now: Timestamp) -> bool {
        now < seen_at.plus_seconds(self.idle) && now < created_at.plus_seconds(self.max)
    }

    /// From memory; the flag tells that its use should be noted in the database.
    fn find(&self, id_hash: &[u8; 32], now: Timestamp) -> Option<(Session, bool)> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get_mut(id_hash)?;
        let fresh = now.unix().saturating_sub(entry.looked_up.unix()) < self.fresh;
        if !fresh || !self.in_force(entry.created_at, entry.seen_at, now) {
            known.remove(id_hash);
            return None;
        }
        entry.seen_at = entry.seen_at.max(now);
        let note = now >= entry.noted_at.plus_seconds(NOTE_SECONDS.min(self.idle / 2));
        if note {
            entry.noted_at = now;
        }
        Some((entry.session.clone(), note))
    }

    fn remember(&self, stored: &StoredSession, session: Session, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.retain(|_, entry| self.in_force(entry.created_at, entry.seen_at, now));
        }
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let entry = Known {
            session,
            created_at: stored.created_at,
            seen_at: now,
            noted_at: stored.seen_at,
            looked_up: now,
        };
        known.insert(stored.id_hash, entry);
    }

    /// Looks all of a local user's up again.
    pub(super) fn forget_user(&self, username: &str) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, entry| {
                entry.session.provider != LOCAL || *entry.session.principal.subject != *username
            });
    }

    /// Looks a session up again.
    pub(super) fn forget(&self, id_hash: &[u8; 32]) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id_hash);
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sessions")
            .field("idle", &self.idle)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Starts a local user's session with a new id; the id goes into the cookie and nowhere else.
    pub(super) async fn start_session(
        &self,
        username: &str,
        edge: &Edge,
    ) -> Result<(Secret<String>, Session), Error> {
        let id = random::<32>().map_err(|_| Error::Internal("no randomness"))?;
        let id = Secret::new(URL_SAFE_NO_PAD.encode(id));
        let now = self.0.clock.now();
        let stored = StoredSession {
            id_hash: hash(id.expose()),
            username: username.to_owned(),
            provider: LOCAL.to_owned(),
            created_at: now,
            seen_at: now,
        };
        let mut transaction = self.0.store.begin().await?;
        // Within the transaction: who was disabled a moment ago gets none.
        let principal = self.principal_of(&mut *transaction, &stored).await?;
        let principal = principal.ok_or(Error::Login)?;
        transaction.sessions().insert(&stored).await?;
        let entry = session_entry("session.login", username, LOCAL, edge, now);
        transaction.audit().append(&entry).await?;
        transaction.commit(Bump::No).await?;
        let session = session_of(&stored, id.expose(), principal);
        self.0.sessions.remember(&stored, session.clone(), now);
        Ok((id, session))
    }

    /// The session of a cookie, while it is in force.
    pub(super) async fn session(&self, id: &str) -> Result<Option<Session>, Error> {
        if id.len() != ID_LENGTH {
            return Ok(None);
        }
        let (id_hash, now) = (hash(id), self.0.clock.now());
        if let Some((session, note)) = self.0.sessions.find(&id_hash, now) {
            if note {
                self.note_use(id_hash, now);
            }
            return Ok(Some(session));
        }
        let mut transaction = self.0.store.read().await?;
        let found = transaction.sessions().find(&id_hash).await?;
        let Some(stored) = found else { return Ok(None) };
        let principal = self.principal_of(&mut *transaction, &stored).await?;
        drop(transaction);
        let in_force = self
            .0
            .sessions
            .in_force(stored.created_at, stored.seen_at, now);
        let Some(principal) = principal.filter(|_| in_force) else {
            return Ok(None);
        };
        let session = session_of(&stored, id, principal);
        self.0.sessions.remember(&stored, session.clone(), now);
        Ok(Some(session))
    }

    /// Whose a session is, with what they may do now: a renamed admin's sessions end with the name,
    /// those of a user who is disabled or gone with the user, those of an identity provider's user
    /// with the provider.
    async fn principal_of(
        &self,
        transaction: &mut dyn Transaction,
        stored: &StoredSession,
    ) -> Result<Option<Principal>, Error> {
        if stored.provider != LOCAL {
            return self.identity_of(transaction, stored).await;
        }
        let admin = &self.0.settings.auth.admin_user;
        let rights = user_rights(transaction, admin, &stored.username).await?;
        Ok(rights.map(|rights| rights.principal(&stored.username, AuthMethod::Session)))
    }

    /// Whether a caller who was let in some time ago would be let in again.
    pub(super) async fn still_counts(
        &self,
        session: Option<&Session>,
        principal: &Principal,
        since: Timestamp,
    ) -> bool {
        let now = self.0.clock.now();
        if let Some(session) = session {
            let found = async {
                let mut transaction = self.0.store.read().await?;
                transaction.sessions().find(&session.id_hash).await
            };
            // A database that does not answer logs nobody out.
            return found.await.map_or(true, |stored| {
                stored
                    .is_some_and(|stored| now < stored.created_at.plus_seconds(self.0.sessions.max))
            });
        }
        let trust = &self.view().access.trust;
        let revoked = principal
            .token_id
            .as_ref()
            .is_some_and(|id| trust.revoked.contains_key(id));
        !revoked
            && !trust.is_logged_out(principal, since)
            && trust.present(principal).is_some()
            && principal.expires_at.is_none_or(|end| now < end)
    }

    /// Ends a session everywhere.
    pub(super) async fn end_session(&self, id_hash: &[u8; 32]) -> Result<(), Error> {
        let mut transaction = self.0.store.begin().await?;
        transaction.sessions().remove(id_hash).await?;
        transaction.commit(Bump::No).await?;
        self.0.sessions.forget(id_hash);
        Ok(())
    }

    /// The same, because its owner logs out.
    pub(super) async fn log_out(&self, session: &Session, edge: &Edge) -> Result<(), Error> {
        let (name, now) = (&session.principal.username, self.0.clock.now());
        let entry = session_entry("session.logout", name, &session.provider, edge, now);
        let mut transaction = self.0.store.begin().await?;
        transaction.sessions().remove(&session.id_hash).await?;
        transaction.audit().append(&entry).await?;
        transaction.commit(Bump::No).await?;
        self.0.sessions.forget(&session.id_hash);
        Ok(())
    }

    /// Beside the request: nobody waits for it.
    fn note_use(&self, id_hash: [u8; 32], now: Timestamp) {
        let registry = self.clone();
        self.0.tasks.spawn(async move {
            let noted = async {
                let mut transaction = registry.0.store.begin().await?;
                transaction.sessions().touch(&id_hash, now).await?;
                transaction.commit(Bump::No).await
            };
            if let Err(error) = noted.await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not note a session's use"
                );
            }
        });
    }

    /// Forgets what has ended.
    pub(super) async fn purge(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let (idle, max) = (self.0.sessions.idle, self.0.sessions.max);
        let mut transaction = self.0.store.begin().await?;
        transaction
            .sessions()
            .purge(now.plus_seconds(-idle), now.plus_seconds(-max))
            .await?;
        transaction
            .tokens()
            .purge(now.plus_seconds(-TOKEN_MEMORY))
            .await?;
        transaction.oidc().purge(now).await?;
        transaction.commit(Bump::No).await?;
        Ok(())
    }
}

/// The principal is the same for each request of the session; made once.
fn session_of(stored: &StoredSession, id: &str, principal: Principal) -> Session {
    let csrf = digest(&SHA256, format!("csrf:{id}").as_bytes());
    Session {
        principal: Arc::new(principal),
        provider: stored.provider.clone(),
        id_hash: stored.id_hash,
        csrf_token: Secret::new(URL_SAFE_NO_PAD.encode(csrf)),
    }
}

/// By what a session's id is known.
pub(super) fn hash(id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}

/// Length of an id in its cookie: 256 bits in base64url.
const ID_LENGTH: usize = 43;
const MAX_KNOWN: usize = 10_000;
/// A session's use is noted this often.
const NOTE_SECONDS: i64 = 60;
/// Ended tokens stay in their makers' lists for a week.
const TOKEN_MEMORY: i64 = 7 * 86_400;
