//! Service accounts: names with rights for programs that are nobody's in particular. They cannot log
//! in; administrators make their tokens and keys.

use async_trait::async_trait;
use serde_json::json;

use super::accounts::{Credentials, Rights, is_taken, owner};
use super::audit::Difference;
use super::change::{Actor, Effect, Work};
use super::{Error, Registry};
use crate::domain::time::Timestamp;
use crate::store::{Ends, SERVICE_ACCOUNT, StoredServiceAccount, Transaction};

/// What shall be another.
#[derive(Debug, Default)]
pub(super) struct AccountPatch {
    pub(super) description: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) disabled: Option<bool>,
}

impl AccountPatch {
    fn apply(&self, account: &mut StoredServiceAccount) {
        if let Some(description) = &self.description {
            account.description.clone_from(description);
        }
        if let Some(groups) = &self.groups {
            account.groups.clone_from(groups);
        }
        if let Some(scopes) = &self.scopes {
            account.scopes.clone_from(scopes);
        }
        account.disabled = self.disabled.unwrap_or(account.disabled);
    }
}

impl Registry {
    /// All, by name.
    pub(super) async fn service_accounts(&self) -> Result<Vec<StoredServiceAccount>, Error> {
        let mut transaction = self.0.store.read().await?;
        Ok(transaction.service_accounts().list().await?)
    }

    /// One.
    pub(super) async fn service_account(&self, name: &str) -> Result<StoredServiceAccount, Error> {
        let mut transaction = self.0.store.read().await?;
        let found = transaction.service_accounts().find(name).await?;
        found.ok_or_else(|| Error::NoServiceAccount(name.to_owned()))
    }

    /// Adds one.
    pub(super) async fn create_service_account(
        &self,
        actor: &Actor,
        name: String,
        facts: AccountPatch,
    ) -> Result<StoredServiceAccount, Error> {
        let admin = self.0.settings.auth.admin_user.clone();
        self.change(actor, Create { name, facts, admin }).await
    }

    /// Changes one.
    pub(super) async fn change_service_account(
        &self,
        actor: &Actor,
        name: &str,
        patch: AccountPatch,
    ) -> Result<StoredServiceAccount, Error> {
        let work = Save {
            name: name.to_owned(),
            patch,
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await
    }

    /// Takes one out, with tokens and keys.
    pub(super) async fn remove_service_account(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<(), Error> {
        let work = Remove {
            name: name.to_owned(),
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await
    }
}

struct Create {
    name: String,
    facts: AccountPatch,
    admin: String,
}

#[async_trait]
impl Work for Create {
    type Output = StoredServiceAccount;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredServiceAccount, Effect), Error> {
        if is_taken(transaction, &self.admin, &self.name).await? {
            return Err(Error::NameTaken(self.name.clone()));
        }
        let mut account = StoredServiceAccount {
            name: self.name.clone(),
            description: String::new(),
            groups: Vec::new(),
            scopes: Vec::new(),
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        self.facts.apply(&mut account);
        transaction.service_accounts().upsert(&account).await?;
        let effect = Effect {
            audit: vec![("service_account.create", account.name.clone())],
            difference: Some(difference(None, Some(&account))),
            ..Effect::default()
        };
        Ok((account, effect))
    }
}

struct Save {
    name: String,
    patch: AccountPatch,
    admin: String,
}

#[async_trait]
impl Work for Save {
    type Output = StoredServiceAccount;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredServiceAccount, Effect), Error> {
        let found = transaction.service_accounts().find(&self.name).await?;
        let before = found.ok_or_else(|| Error::NoServiceAccount(self.name.clone()))?;
        let mut after = before.clone();
        self.patch.apply(&mut after);
        if after == before {
            return Ok((before, Effect::default()));
        }
        after.updated_at = now;
        transaction.service_accounts().upsert(&after).await?;
        let rights = |account: &StoredServiceAccount| Rights {
            scopes: account.scopes.clone(),
            groups: account.groups.clone(),
        };
        let (had, has) = (rights(&before), rights(&after));
        let ends = if after.disabled && !before.disabled {
            Some(Ends::All)
        } else {
            had.shrink_to(&has).then_some(Ends::Fixed)
        };
        let account = owner(SERVICE_ACCOUNT, &self.name);
        if let Some(ends) = ends {
            transaction.tokens().revoke_of(&account, ends, now).await?;
        }
        let credentials = if ends.is_some() || had != has {
            Some(Credentials::read(transaction, &self.admin, now).await?)
        } else {
            None
        };
        let effect = Effect {
            audit: vec![("service_account.update", said(&before, &after))],
            difference: Some(difference(Some(&before), Some(&after))),
            credentials,
            ..Effect::default()
        };
        Ok((after, effect))
    }
}

/// Name and what was changed, for the audit log.
fn said(before: &StoredServiceAccount, after: &StoredServiceAccount) -> String {
    let mut said = after.name.clone();
    for (what, old, new) in [
        (" groups=", &before.groups, &after.groups),
        (" scopes=", &before.scopes, &after.scopes),
    ] {
        if old != new {
            said.push_str(what);
            said.push_str(&new.join(","));
        }
    }
    if before.disabled != after.disabled {
        said.push_str(if after.disabled {
            " disabled"
        } else {
            " enabled"
        });
    }
    said
}

/// What of an account is different.
fn difference(
    before: Option<&StoredServiceAccount>,
    after: Option<&StoredServiceAccount>,
) -> Difference {
    let shown = |account: &StoredServiceAccount| {
        json!({
            "description": account.description,
            "groups": account.groups,
            "scopes": account.scopes,
            "disabled": account.disabled,
        })
    };
    Difference::of(before.map(shown).as_ref(), after.map(shown).as_ref())
}

struct Remove {
    name: String,
    admin: String,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<((), Effect), Error> {
        let before = transaction.service_accounts().find(&self.name).await?;
        if !transaction.service_accounts().remove(&self.name).await? {
            return Err(Error::NoServiceAccount(self.name.clone()));
        }
        let account = owner(SERVICE_ACCOUNT, &self.name);
        let tokens = transaction.tokens();
        tokens.revoke_of(&account, Ends::All, now).await?;
        let effect = Effect {
            audit: vec![("service_account.delete", self.name.clone())],
            difference: Some(difference(before.as_ref(), None)),
            credentials: Some(Credentials::read(transaction, &self.admin, now).await?),
            ..Effect::default()
        };
        Ok(((), effect))
    }
}
