//! The public keys with which gateways sign what servers are told of callers: reported by gateways,
//! kept in the database, passed on to all of them.
//!
//! A key is known by its thumbprint, not by its gateway's name: gateways on several machines may
//! have one name. What nobody reports any more is forgotten after [`MEMORY`], so that servers can
//! check what it signed long after it was followed by another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::change::{Actor, Effect, Work};
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

/// When keys were last heard of: reports come every few seconds.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// When they were last noted in the database.
    noted: BTreeMap<String, Timestamp>,
    /// By whom they were last reported, and when.
    reported: BTreeMap<String, (String, Timestamp)>,
    /// The gateway of this process, which tells of changes only, and its keys.
    own: (String, Vec<String>),
}

impl Seen {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lately(&self, keys: &[TokenKey], now: Timestamp) -> bool {
        let heard = self.heard();
        let since = now.plus_seconds(-NOTED_EVERY);
        keys.iter()
            .all(|key| heard.noted.get(&key.kid).is_some_and(|at| *at > since))
    }

    fn note(&self, keys: &[TokenKey], now: Timestamp) {
        let mut heard = self.heard();
        let since = now.plus_seconds(-NOTED_EVERY);
        heard.noted.retain(|_, at| *at > since);
        heard
            .noted
            .extend(keys.iter().map(|key| (key.kid.clone(), now)));
    }

    fn reported(&self, gateway: &str, keys: &[TokenKey], now: Timestamp) {
        let mut heard = self.heard();
        let since = now.plus_seconds(-IN_USE);
        heard.reported.retain(|_, (_, at)| *at > since);
        if heard.reported.len() + keys.len() <= MAX_KEYS {
            let by = keys
                .iter()
                .map(|key| (key.kid.clone(), (gateway.to_owned(), now)));
            heard.reported.extend(by);
        }
    }

    fn own(&self, gateway: &str, keys: &[TokenKey]) {
        let kids = keys.iter().map(|key| key.kid.clone()).collect();
        self.heard().own = (gateway.to_owned(), kids);
    }

    /// The gateway that would bring a key back.
    fn reporter(&self, kid: &str, now: Timestamp) -> Option<String> {
        let heard = self.heard();
        let (gateway, own) = &heard.own;
        if own.iter().any(|one| one == kid) {
            return Some(gateway.clone());
        }
        let (gateway, at) = heard.reported.get(kid)?;
        (*at > now.plus_seconds(-IN_USE)).then(|| gateway.clone())
    }

    fn forget(&self, kid: &str) {
        self.heard().noted.remove(kid);
    }
}

/// A gateway's key in the key set.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) stored: StoredIdentityKey,
    /// Whether a gateway reports it now.
    pub(super) in_use: bool,
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
        self.0.seen_keys.own(gateway, keys);
        Ok(self.see_identity_keys(gateway, keys).await?)
    }

    pub(super) async fn see_identity_keys(
        &self,
        gateway: &str,
        keys: &[TokenKey],
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        self.0.seen_keys.reported(gateway, keys, now);
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

    /// All keys of the key set, those that were replaced included.
    pub(super) async fn identity_keys(&self) -> Result<Vec<Listed>, Error> {
        let now = self.0.clock.now();
        let mut transaction = self.0.store.read().await?;
        let stored = transaction.identity_keys().list().await?;
        let listed = stored.into_iter().map(|mut stored| {
            let reporter = self.0.seen_keys.reporter(&stored.key.kid, now);
            let in_use = reporter.is_some();
            if in_use {
                stored.seen_at = now;
            }
            Listed { stored, in_use }
        });
        Ok(listed.collect())
    }

    /// Takes a replaced key out of the key set at once.
    pub(super) async fn remove_identity_key(&self, actor: &Actor, kid: &str) -> Result<(), Error> {
        let kid = kid.to_owned();
        if let Some(gateway) = self.0.seen_keys.reporter(&kid, self.0.clock.now()) {
            return Err(Error::IdentityKeyInUse { kid, gateway });
        }
        self.change(actor, Forget { kid: kid.clone() }).await?;
        self.0.seen_keys.forget(&kid);
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

struct Forget {
    kid: String,
}

#[async_trait]
impl Work for Forget {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        _: Timestamp,
    ) -> Result<((), Effect), Error> {
        if !transaction.identity_keys().remove(&self.kid).await? {
            return Err(Error::NoIdentityKey(self.kid.clone()));
        }
        let left = transaction.identity_keys().list().await?;
        let effect = Effect {
            audit: vec![("gateway.key.forget", self.kid.clone())],
            gateway_keys: Some(left.into_iter().map(|stored| stored.key).collect()),
            ..Effect::default()
        };
        Ok(((), effect))
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
/// Seconds for which a key that was reported counts as in use: three reports.
pub(super) const IN_USE: i64 = 15;
/// Seconds between two notes of one key.
const NOTED_EVERY: i64 = 60 * 60;
/// Keys of all gateways together.
const MAX_KEYS: usize = 2_000;
