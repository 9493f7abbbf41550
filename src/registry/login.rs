//! Logins with name and password, and what stops guessing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::sessions::Session;
use super::{Error, Registry};
use crate::auth::password::{self, PasswordHash};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::http::Edge;

/// The one user that is always there, and what guards all local logins.
#[derive(Debug)]
pub(super) struct LocalAdmin {
    username: String,
    hash: Arc<PasswordHash>,
    failures: Failures,
    /// Hashing is expensive: so many at once.
    hashing: Semaphore,
}

impl LocalAdmin {
    pub(super) fn new(username: String, hash: PasswordHash, max_failures: u32) -> Self {
        Self {
            username,
            hash: Arc::new(hash),
            failures: Failures {
                max: max_failures,
                counts: Mutex::default(),
            },
            hashing: Semaphore::new(2),
        }
    }
}

impl Registry {
    /// Checks name and password and starts a session.
    pub(super) async fn login(
        &self,
        username: &str,
        password: Secret<String>,
        edge: &Edge,
    ) -> Result<(Secret<String>, Session), Error> {
        let checked = self.check_password(username, password, edge.client).await;
        if let Err(Error::Login) = checked {
            let is_known = self.password_of(username).await?.is_some();
            self.note_failed_login(username, is_known, edge).await;
        }
        checked?;
        self.start_session(username, edge).await
    }

    /// Whether it is this local user's password; failures count.
    pub(super) async fn check_password(
        &self,
        username: &str,
        password: Secret<String>,
        client: Option<IpAddr>,
    ) -> Result<(), Error> {
        let admin = &self.0.admin;
        let keys = [
            Key::Account(username.chars().take(100).collect()),
            Key::Address(client),
        ];
        // Counted before the check, so that many at once count too; taken back on success.
        admin.failures.count(&keys, self.0.clock.now())?;
        let known = self.password_of(username).await?;
        // The same work for names that do not exist.
        let hash = known.as_ref().unwrap_or(&admin.hash);
        let hash = Arc::clone(hash);
        let good = self.hashing(move || hash.verify(password.expose())).await?;
        if !good || known.is_none() {
            tracing::warn!(
                client.address = client.map(tracing::field::display),
                "a login failed"
            );
            return Err(Error::Login);
        }
        admin.failures.forgive(&keys);
        Ok(())
    }

    /// Hashes a new password.
    pub(super) async fn hash_password(
        &self,
        password: Secret<String>,
    ) -> Result<PasswordHash, Error> {
        self.hashing(move || PasswordHash::new(password.expose()))
            .await
    }

    async fn password_of(&self, username: &str) -> Result<Option<Arc<PasswordHash>>, Error> {
        let mut transaction = self.0.store.read().await?;
        let user = transaction.users().find(username).await?;
        drop(transaction);
        if username == self.0.admin.username {
            return Ok(Some(Arc::clone(&self.0.admin.hash)));
        }
        let Some(user) = user.filter(|user| !user.disabled) else {
            return Ok(None);
        };
        PasswordHash::parse(user.password_hash.expose())
            .map(|hash| Some(Arc::new(hash)))
            .map_err(|_| Error::Internal("a stored password hash cannot be read"))
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, password::Failed> + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self
            .0
            .admin
            .hashing
            .acquire()
            .await
            .map_err(|_| Error::Internal("the login is closed"))?;
        self.0
            .tasks
            .spawn_blocking(work)
            .await
            .map_err(|_| Error::Internal("the password check ended early"))?
            .map_err(|_| Error::Internal("the password check failed"))
    }
}

/// Failed logins in a window, per address and per account.
#[derive(Debug)]
struct Failures {
    max: u32,
    counts: Mutex<HashMap<Key, Count>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Address(Option<IpAddr>),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    since: Timestamp,
}

impl Failures {
    /// Counts an attempt; refuses it where there were too many.
    fn count(&self, keys: &[Key], now: Timestamp) -> Result<(), Error> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_KEYS {
            counts.retain(|_, count| now < count.since.plus_seconds(WINDOW));
        }
        let over = keys
            .iter()
            .filter_map(|key| counts.get(key))
            .filter(|count| count.failures >= self.max && now < count.since.plus_seconds(WINDOW));
        if let Some(wait) = over
            .map(|count| count.since.unix() + WINDOW - now.unix())
            .max()
        {
            return Err(Error::TooManyLogins(
                u64::try_from(wait).unwrap_or(1).max(1),
            ));
        }
        for key in keys {
            if counts.len() >= MAX_KEYS && !counts.contains_key(key) {
                let oldest = counts
                    .iter()
                    .min_by_key(|(_, count)| count.since)
                    .map(|(key, _)| key.clone());
                oldest.map(|key| counts.remove(&key));
            }
            let count = counts.entry(key.clone()).or_insert(Count {
                failures: 0,
                since: now,
            });
            if now >= count.since.plus_seconds(WINDOW) {
                *count = Count {
                    failures: 0,
                    since: now,
                };
            }
            count.failures = count.failures.saturating_add(1);
        }
        Ok(())
    }

    /// The attempt was a success.
    fn forgive(&self, keys: &[Key]) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(count) = counts.get_mut(key) {
                count.failures = count.failures.saturating_sub(1);
                if count.failures == 0 {
                    counts.remove(key);
                }
            }
        }
    }
}

/// Failures count for five minutes.
const WINDOW: i64 = 300;
const MAX_KEYS: usize = 10_000;
