//! Reading and replacing the policy.
//!
//! Promises: a policy that is written has no mistake, is durable, audited and in force at the
//! gateways of this process before the answer; one that is not understood changes nothing. Start
//! with [`Registry::replace_policy`]; [`yaml`] reads and writes the text of `scopes.yml`, `import`
//! takes over the file of an existing installation.

mod explain;
mod grants;
mod import;
pub mod yaml;

use async_trait::async_trait;

pub(super) use self::explain::{Answer, Question, Who, Wish};
pub(super) use self::grants::Grants;
use super::audit::Difference;
use super::change::{Actor, Effect, Work};
use super::{Error, Registry};
use crate::domain::policy::{Policy, Rules};
use crate::domain::time::Timestamp;
use crate::http::etag::IfMatch;
use crate::store::{self, StoredPolicy, Transaction};

/// Where the policy in force is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PolicyOrigin {
    /// How often it was written; 0: the embedded default.
    pub(super) version: u64,
    /// When it was last written.
    pub(super) updated_at: Option<Timestamp>,
    /// By whom.
    pub(super) updated_by: Option<String>,
}

impl PolicyOrigin {
    pub(super) fn of(stored: &StoredPolicy) -> Self {
        Self {
            version: stored.version,
            updated_at: Some(stored.updated_at),
            updated_by: Some(stored.updated_by.clone()),
        }
    }

    /// Its entity tag.
    pub(super) fn etag(&self) -> String {
        etag(self.version)
    }
}

fn etag(version: u64) -> String {
    format!("\"policy-{version}\"")
}

impl Registry {
    /// Replaces the policy; gateways of this process decide by it when this returns.
    pub(super) async fn replace_policy(
        &self,
        actor: &Actor,
        rules: Rules,
        if_match: IfMatch,
    ) -> Result<(), Error> {
        let replace = Replace {
            policy: Policy::new(rules),
            if_match,
            action: "policy.update",
            from: None,
            by: actor.username.clone(),
        };
        self.change(actor, replace).await.map(drop)
    }
}

/// A new policy in place of the one there is.
struct Replace {
    policy: Policy,
    if_match: IfMatch,
    action: &'static str,
    /// The file it is from; then one that was written before stays.
    from: Option<String>,
    by: String,
}

#[async_trait]
impl Work for Replace {
    /// Whether it is in force now.
    type Output = bool;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(bool, Effect), Error> {
        let existing = transaction.policy().find().await?;
        if existing.is_some() && self.from.is_some() {
            return Ok((false, Effect::default()));
        }
        let version = existing.as_ref().map_or(0, |stored| stored.version);
        if !self.if_match.passes(&etag(version)) {
            return Err(Error::StalePolicy);
        }
        if existing
            .as_ref()
            .is_some_and(|stored| stored.policy == self.policy)
        {
            return Ok((true, Effect::default()));
        }
        let stored = StoredPolicy {
            policy: self.policy.clone(),
            version: version + 1,
            updated_at: now,
            updated_by: self.by.clone(),
        };
        match transaction.policy().keep(&stored).await {
            Err(store::Error::Stale) if self.if_match.is_given() => return Err(Error::StalePolicy),
            other => other?,
        }
        let before = existing.as_ref().map(|stored| stored.policy.rules());
        let difference = Difference::of_policy(before, stored.policy.rules());
        let effect = Effect {
            difference: Some(difference),
            ..self.effect(stored)
        };
        Ok((true, effect))
    }
}

impl Replace {
    fn effect(&self, stored: StoredPolicy) -> Effect {
        let rules = stored.policy.rules();
        let mut subject = format!(
            "version {}: {} scopes, {} groups",
            stored.version,
            rules.scopes.len(),
            rules.groups.len()
        );
        if let Some(file) = &self.from {
            subject.push_str(" from ");
            subject.push_str(file);
        }
        Effect {
            audit: vec![(self.action, subject)],
            policy: Some(stored),
            ..Effect::default()
        }
    }
}
