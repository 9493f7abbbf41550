//! When API keys were last used, to the hour: from what gateways tell of calls, and from the registry's
//! own use.
//!
//! Promises: a key's use is written down at most once in [`USE_NOTED_EVERY`] seconds, beside the
//! request, and is no change to gateways. Where gateways tell nothing of calls, only the registry's
//! own use is seen.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::{Error, Registry};
use crate::domain::audit::AccessEvent;
use crate::domain::ids::TokenId;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::Timestamp;
use crate::store::{Bump, USE_NOTED_EVERY};

/// When the use of keys was last noted.
#[derive(Debug, Default)]
pub(super) struct KeyUses(Mutex<HashMap<TokenId, Timestamp>>);

impl KeyUses {
    /// Whether this is worth a note; it counts as noted then.
    fn is_due(&self, id: &TokenId, at: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(id).is_some_and(|last| at < next(*last)) {
            return false;
        }
        if noted.len() >= MAX_KNOWN {
            noted.retain(|_, last| at < next(*last));
        }
        if noted.len() < MAX_KNOWN {
            noted.insert(id.clone(), at);
        }
        true
    }

    fn forget<'i>(&self, ids: impl Iterator<Item = &'i TokenId>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            noted.remove(id);
        }
    }
}

const fn next(last: Timestamp) -> Timestamp {
    last.plus_seconds(USE_NOTED_EVERY)
}

impl Registry {
    /// Notes the keys with which gateways were called.
    pub(super) fn keys_were_used(&self, events: &[AccessEvent]) {
        let now = self.0.clock.now();
        let mut last = BTreeMap::<&str, Timestamp>::new();
        for event in events.iter().filter(|event| !event.key.is_empty()) {
            // A clock that is ahead tells nothing of the future.
            let at = event.at.min(now);
            let known = last.entry(&event.key).or_insert(at);
            *known = at.max(*known);
        }
        let view = self.view();
        let counts = |id: &TokenId| view.access.trust.api_keys.with_id(id).is_some();
        let uses = last.into_iter().map(|(id, at)| (TokenId(id.into()), at));
        self.note_uses(uses.filter(|(id, _)| counts(id)).collect());
    }

    /// Notes the key with which the registry itself was called.
    pub(super) fn was_used(&self, caller: &Principal) {
        if let (AuthMethod::ApiKey, Some(id)) = (caller.method, &caller.token_id) {
            self.note_uses(vec![(id.clone(), self.0.clock.now())]);
        }
    }

    /// Beside the request: nobody waits for it.
    fn note_uses(&self, mut uses: Vec<(TokenId, Timestamp)>) {
        uses.retain(|(id, at)| self.0.key_uses.is_due(id, *at));
        if uses.is_empty() {
            return;
        }
        let registry = self.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = registry.write_uses(&uses).await {
                registry.0.key_uses.forget(uses.iter().map(|(id, _)| id));
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not note the use of keys"
                );
            }
        });
    }

    async fn write_uses(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), Error> {
        let mut transaction = self.0.store.begin().await?;
        for (id, at) in uses {
            transaction.tokens().used(id, *at).await?;
        }
        transaction.commit(Bump::No).await?;
        Ok(())
    }
}

/// Keys whose last note is remembered; those beyond it are noted by each use, which the database
/// refuses within the hour.
const MAX_KNOWN: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_due_once_an_hour() {
        let uses = KeyUses::default();
        let due = |id: &str, at: i64| uses.is_due(&TokenId(id.into()), Timestamp::from_unix(at));
        assert!(due("a", 10_000));
        assert!(!due("a", 10_000) && !due("a", 13_599) && !due("a", 9_000));
        assert!(due("b", 10_000));
        assert!(due("a", 13_600));
        assert!(!due("a", 13_601));
        uses.forget([TokenId("a".into())].iter());
        assert!(due("a", 13_602));
    }
}
