//! Who local users and service accounts are at this moment, and which of their credentials count.
//!
//! The database decides; nothing is remembered here. What gateways need of it is [`Credentials`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Error;
use crate::domain::api_key::{ApiKey, ApiKeys};
use crate::domain::gateway_key::{GatewayKey, GatewayKeys};
use crate::domain::ids::TokenId;
use crate::domain::policy::ADMIN_SCOPE;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::Timestamp;
use crate::domain::trust::Trust;
use crate::store::{LOCAL, Owner, SERVICE_ACCOUNT, StoredToken, Transaction};

/// What an account may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) scopes: Vec<String>,
    pub(super) groups: Vec<String>,
}

impl Rights {
    /// Of a local user: members of the admins' group are admins whatever the policy says of groups.
    pub(super) fn of_groups(groups: Vec<String>) -> Self {
        let admin = groups.iter().any(|group| group == ADMIN_SCOPE);
        Self {
            scopes: admin.then(|| ADMIN_SCOPE.to_owned()).into_iter().collect(),
            groups,
        }
    }

    /// Of the local admin.
    pub(super) fn of_admin() -> Self {
        Self::of_groups(vec![ADMIN_SCOPE.to_owned()])
    }

    /// Whether something of these is missing there.
    pub(super) fn shrink_to(&self, other: &Self) -> bool {
        let lost = |before: &[String], now: &[String]| before.iter().any(|one| !now.contains(one));
        lost(&self.scopes, &other.scopes) || lost(&self.groups, &other.groups)
    }

    /// Somebody with these rights.
    pub(super) fn principal(&self, name: &str, method: AuthMethod) -> Principal {
        let set = |names: &[String]| -> BTreeSet<Arc<str>> {
            names.iter().map(|name| name.as_str().into()).collect()
        };
        let name: Arc<str> = name.into();
        Principal {
            subject: Arc::clone(&name),
            username: name,
            scopes: set(&self.scopes),
            groups: set(&self.groups),
            method,
            client_id: None,
            token_id: None,
            expires_at: None,
        }
    }
}

/// A local user or service account as owner of credentials.
pub(super) fn owner(provider: &str, name: &str) -> Owner {
    Owner {
        provider: provider.to_owned(),
        subject: name.to_owned(),
    }
}

/// The rights of a local user; `None` where there is none or it is disabled.
pub(super) async fn user_rights(
    transaction: &mut dyn Transaction,
    admin: &str,
    username: &str,
) -> Result<Option<Rights>, Error> {
    if username == admin {
        return Ok(Some(Rights::of_admin()));
    }
    let user = transaction.users().find(username).await?;
    Ok(user
        .filter(|user| !user.disabled)
        .map(|user| Rights::of_groups(user.groups)))
}

/// Whether a name is a local user's or a service account's.
pub(super) async fn is_taken(
    transaction: &mut dyn Transaction,
    admin: &str,
    name: &str,
) -> Result<bool, Error> {
    Ok(name == admin
        || transaction.users().find(name).await?.is_some()
        || transaction.service_accounts().find(name).await?.is_some())
}

/// The credentials' part of what gateways trust.
#[derive(Debug)]
pub(super) struct Credentials {
    revoked: BTreeMap<TokenId, Timestamp>,
    api_keys: ApiKeys,
    gateways: GatewayKeys,
}

impl Credentials {
    /// As the database has them within this transaction.
    pub(super) async fn read(
        transaction: &mut dyn Transaction,
        admin: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let revoked = transaction.tokens().revoked(now).await?;
        let keys = transaction.tokens().api_keys(now).await?;
        let mut api_keys = ApiKeys::default();
        if !keys.is_empty() {
            let rights = all_rights(transaction, admin).await?;
            for key in keys {
                insert(&mut api_keys, key, &rights);
            }
        }
        let gateways = transaction.gateways().list().await?;
        let gateways = gateways.into_iter().map(|stored| {
            let key = GatewayKey {
                name: stored.name,
                sends_body: stored.sends_body,
            };
            (stored.key_hash, key)
        });
        Ok(Self {
            revoked: revoked.into_iter().collect(),
            api_keys,
            gateways: gateways.collect(),
        })
    }

    /// Puts them in force.
    pub(super) fn put_into(&self, trust: &mut Trust) {
        trust.revoked.clone_from(&self.revoked);
        trust.api_keys.clone_from(&self.api_keys);
        trust.gateways.clone_from(&self.gateways);
    }
}

type AllRights = BTreeMap<(&'static str, String), Rights>;

/// Those of everybody who is kept here and not disabled.
async fn all_rights(transaction: &mut dyn Transaction, admin: &str) -> Result<AllRights, Error> {
    let mut all = AllRights::new();
    for user in transaction.users().list().await? {
        if !user.disabled {
            all.insert((LOCAL, user.username), Rights::of_groups(user.groups));
        }
    }
    for account in transaction.service_accounts().list().await? {
        if !account.disabled {
            let rights = Rights {
                scopes: account.scopes,
                groups: account.groups,
            };
            all.insert((SERVICE_ACCOUNT, account.name), rights);
        }
    }
    all.insert((LOCAL, admin.to_owned()), Rights::of_admin());
    Ok(all)
}

/// A key of somebody who is kept here counts only while its owner does.
fn insert(api_keys: &mut ApiKeys, key: StoredToken, rights: &AllRights) {
    let Some(hash) = key.key_hash else { return };
    let (mut scopes, mut groups) = (key.scopes, key.groups);
    let kept_here = [LOCAL, SERVICE_ACCOUNT]
        .into_iter()
        .find(|provider| *provider == key.owner.provider);
    if let Some(provider) = kept_here {
        let Some(rights) = rights.get(&(provider, key.owner.subject.clone())) else {
            return;
        };
        if key.inherits {
            (scopes, groups) = (rights.scopes.clone(), rights.groups.clone());
        }
    }
    let key = ApiKey {
        id: key.id,
        subject: key.owner.subject,
        username: key.username,
        scopes,
        groups,
        expires_at: key.expires_at,
    };
    api_keys.insert(hash, key);
}
