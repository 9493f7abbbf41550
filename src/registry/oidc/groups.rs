//! What a provider's user has made here follows the groups of their logins.
//!
//! Promises: API keys with all rights of their owner stand for the groups of the last login; a group
//! that is gone ends what was made with it and cannot follow: signed tokens, and keys with a list of
//! scopes one of which came from that group. A login that changes none of this is no change to
//! gateways.

use std::collections::BTreeSet;

use crate::domain::policy::Policy;
use crate::domain::principal::AuthMethod;
use crate::domain::time::Timestamp;
use crate::registry::Error;
use crate::registry::accounts::Rights;
use crate::store::{AuditEntry, Bump, StoredProviderUser, StoredToken, Transaction};

/// Notes a login, within its transaction; whether gateways must hear of it.
pub(super) async fn follow(
    transaction: &mut dyn Transaction,
    user: &StoredProviderUser,
    policy: &Policy,
    now: Timestamp,
) -> Result<Bump, Error> {
    let before = transaction.oidc().user(&user.owner).await?;
    transaction.oidc().keep_user(user).await?;
    let tokens = transaction.tokens();
    let followed = tokens.follow(&user.owner, &user.groups, now).await?;
    let lost = before.map(|before| Lost::between(&before, user, policy));
    let mut ended = 0_u64;
    if let Some(lost) = lost.filter(|lost| !lost.groups.is_empty()) {
        for token in tokens.list(Some(&user.owner)).await? {
            if lost.ends(&token, now) && tokens.revoke(&token.id, now).await? {
                ended += 1;
            }
        }
    }
    if followed + ended == 0 {
        return Ok(Bump::No);
    }
    let (name, groups) = (&user.username, user.groups.join(","));
    let entry = AuditEntry {
        at: now,
        actor: "registry".to_owned(),
        action: "user.groups".to_owned(),
        subject: format!("{name} groups={groups} keys={followed} ended={ended}"),
        auth_method: user.owner.provider.clone(),
        changed: vec!["groups".to_owned()],
        ..AuditEntry::default()
    };
    transaction.audit().append(&entry).await?;
    Ok(Bump::Yes)
}

/// What a user had at the last login and has no more.
struct Lost {
    groups: BTreeSet<String>,
    /// Scopes that these groups had, and no other of theirs has.
    scopes: BTreeSet<String>,
}

impl Lost {
    fn between(before: &StoredProviderUser, now: &StoredProviderUser, policy: &Policy) -> Self {
        let groups = |user: &StoredProviderUser| BTreeSet::from_iter(user.groups.clone());
        let scopes = |user: &StoredProviderUser| -> BTreeSet<String> {
            let rights = Rights {
                scopes: Vec::new(),
                groups: user.groups.clone(),
            };
            let principal = rights.principal(&user.username, AuthMethod::Session);
            let scopes = policy.scopes_of(&principal);
            scopes.iter().map(ToString::to_string).collect()
        };
        Self {
            groups: &groups(before) - &groups(now),
            scopes: &scopes(before) - &scopes(now),
        }
    }

    fn ends(&self, token: &StoredToken, now: Timestamp) -> bool {
        let in_force = token.revoked_at.is_none() && token.expires_at > now;
        let follows = token.key_hash.is_some() && token.inherits;
        let has =
            |lost: &BTreeSet<String>, names: &[String]| names.iter().any(|one| lost.contains(one));
        in_force
            && !follows
            && (has(&self.groups, &token.groups) || has(&self.scopes, &token.scopes))
    }
}
