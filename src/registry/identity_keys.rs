//! The public keys with which gateways sign what servers are told of callers: reported by gateways,
//! kept in the database, passed on to all of them.
//!
//! A key is known by its thumbprint, not by its gateway's name: gateways on several machines may
//! have one name. What nobody reports any more is forgotten after [`MEMORY`], so that servers can
//! check what it signed long after it was followed by another.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Error, Registry};
use crate::domain::time::Timestamp;
use crate::domain::trust::{TokenKey, Trust};
use crate::store::{self, AuditEntry, Bump, StoredIdentityKey, Transaction};

/// Completes a trust by the keys that the database knows.
pub(super) async fn put_into(
    transaction: &mut dyn Transaction,
    trust: &mut Trust,
) -> Result<(), store::Error> {
    let keys = transaction.identity_keys().list().await?;
    trust.gateway_keys = keys.into_iter().map(|stored| stored.key).collect();
    Ok(())
}

/// When keys were last noted in the database: reports come every few seconds.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<String, Timestamp>>);

impl Seen {
    fn lately(&self, keys: &[TokenKey], now: Timestamp) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.plus_seconds(-NOTED_EVERY);
        keys.iter()
            .all(|key| seen.get(&key.kid).is_some_and(|at| *at > since))
    }

    fn note(&self, keys: &[TokenKey], now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| *at > now.plus_seconds(-NOTED_EVERY));
        seen.extend(keys.iter().map(|key| (key.kid.clone(), now)));
    }
}

impl Registry {
    /// Takes a gateway's keys up. All gateways of this process have them when this returns.
    ///
    /// # Errors
    /// When the database cannot keep them.
    pub async fn publish_identity_keys(
        &self,
        gateway: &str,
        keys: &[TokenKey],
    ) -> Result<(), anyhow::Error> {
        Ok(self.see_identity_keys(gateway, keys).await?)
    }

    pub(super) async fn see_identity_keys(
        &self,
        gateway: &str,
        keys: &[TokenKey],
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let used = &self.view().access.trust.gateway_keys;
        let is_used = keys.iter().all(|key| used.contains(key));
        if is_used && self.0.seen_keys.lately(keys, now) {
            return Ok(());
        }
        let _writing = self.0.writing.lock().await;
        let mut transaction = self.0.store.begin().await?;
        let known = transaction.identity_keys().list().await?;
        let is_known = |key: &TokenKey| known.iter().any(|stored| stored.key == *key);
        let new: Vec<&TokenKey> = keys.iter().filter(|key| !is_known(key)).collect();
        if known.len() + new.len() > MAX_KEYS {
            return Err(Error::Internal("there are too many keys of gateways"));
        }
        for key in keys {
            let seen = StoredIdentityKey {
                key: key.clone(),
                gateway: gateway.to_owned(),
                seen_at: now,
            };
            transaction.identity_keys().see(&seen).await?;
        }
        for key in &new {
            let entry = entry("gateway.key", format!("{gateway} {}", key.kid), now);
            transaction.audit().append(&entry).await?;
        }
        let bump = if new.is_empty() { Bump::No } else { Bump::Yes };
        transaction.commit(bump).await?;
        if bump == Bump::Yes {
            tracing::info!(gateway, keys = new.len(), "a gateway has new keys");
            self.reload_locked().await?;
        }
        self.0.seen_keys.note(keys, now);
        Ok(())
    }

    /// Forgets what nobody reports any more.
    pub(super) async fn forget_identity_keys(&self) -> Result<(), Error> {
        let since = self.0.clock.now().plus_seconds(-MEMORY);
        let _writing = self.0.writing.lock().await;
        let mut transaction = self.0.store.begin().await?;
        let gone = transaction.identity_keys().purge(since).await?;
        if gone == 0 {
            return Ok(());
        }
        let entry = entry("gateway.key.forget", gone.to_string(), self.0.clock.now());
        transaction.audit().append(&entry).await?;
        transaction.commit(Bump::Yes).await?;
        self.reload_locked().await
    }
}

fn entry(action: &str, subject: String, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        actor: "registry".to_owned(),
        action: action.to_owned(),
        subject,
        ..AuditEntry::default()
    }
}

/// Seconds after which a key that nobody reports is forgotten: a day.
pub(super) const MEMORY: i64 = 24 * 60 * 60;
/// Seconds between two notes of one key.
const NOTED_EVERY: i64 = 60 * 60;
/// Keys of all gateways together.
const MAX_KEYS: usize = 2_000;
