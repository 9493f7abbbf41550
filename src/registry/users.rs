//! Local users: people who log in with a name and a password that this registry keeps.
//!
//! The local administrator of the settings is one of them in every list, and is changed in the
//! settings. Whatever takes a right away ends what was made with it: see [`Save::effect`].

use std::net::IpAddr;

use async_trait::async_trait;
use serde_json::json;

use super::accounts::{Credentials, Rights, is_taken, owner};
use super::audit::Difference;
use super::change::{Actor, Effect, Work};
use super::sessions::Session;
use super::{Error, Registry};
use crate::domain::policy::ADMIN_SCOPE;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::{Ends, LOCAL, StoredUser, Transaction};

/// A local user as others see it.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) groups: Vec<String>,
    pub(super) disabled: bool,
    /// The local administrator of the settings.
    pub(super) built_in: bool,
    pub(super) updated_at: Option<Timestamp>,
}

impl From<StoredUser> for User {
    fn from(user: StoredUser) -> Self {
        Self {
            username: user.username,
            groups: user.groups,
            disabled: user.disabled,
            built_in: false,
            updated_at: Some(user.updated_at),
        }
    }
}

/// A user to be.
#[derive(Debug)]
pub(super) struct NewUser {
    pub(super) username: String,
    pub(super) password: Secret<String>,
    pub(super) groups: Vec<String>,
    pub(super) disabled: bool,
}

/// What shall be another.
#[derive(Debug, Default)]
pub(super) struct UserPatch {
    pub(super) password: Option<Secret<String>>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) disabled: Option<bool>,
}

impl Registry {
    /// All local users, the administrator of the settings first.
    pub(super) async fn users(&self) -> Result<Vec<User>, Error> {
        let mut transaction = self.0.store.read().await?;
        let stored = transaction.users().list().await?;
        let admin = &self.0.settings.auth.admin_user;
        let others = stored.into_iter().filter(|user| user.username != *admin);
        Ok(std::iter::once(self.built_in())
            .chain(others.map(User::from))
            .collect())
    }

    /// One local user.
    pub(super) async fn user(&self, username: &str) -> Result<User, Error> {
        if username == self.0.settings.auth.admin_user {
            return Ok(self.built_in());
        }
        let mut transaction = self.0.store.read().await?;
        let found = transaction.users().find(username).await?;
        found
            .map(User::from)
            .ok_or_else(|| Error::NoUser(username.to_owned()))
    }

    fn built_in(&self) -> User {
        User {
            username: self.0.settings.auth.admin_user.clone(),
            groups: vec![ADMIN_SCOPE.to_owned()],
            disabled: false,
            built_in: true,
            updated_at: None,
        }
    }

    /// Adds a user.
    pub(super) async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<User, Error> {
        let hash = self.hash_password(new.password).await?;
        let work = Create {
            user: StoredUser {
                username: new.username,
                password_hash: hash.to_phc(),
                groups: new.groups,
                disabled: new.disabled,
                updated_at: Timestamp::default(),
            },
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await
    }

    /// Changes a user.
    pub(super) async fn change_user(
        &self,
        actor: &Actor,
        username: &str,
        patch: UserPatch,
    ) -> Result<User, Error> {
        let ends = patch.password.as_ref().map(|_| PasswordSetBy::Admin);
        self.save(actor, username, patch, ends).await
    }

    /// A user's own change of password: the present one proves that it is them.
    pub(super) async fn change_own_password(
        &self,
        actor: &Actor,
        session: Option<&Session>,
        present: Secret<String>,
        new: Secret<String>,
        client: Option<IpAddr>,
    ) -> Result<User, Error> {
        let username = actor.username.clone();
        self.check_password(&username, present, client).await?;
        let patch = UserPatch {
            password: Some(new),
            ..UserPatch::default()
        };
        let by = PasswordSetBy::User(session.map(|session| session.id_hash));
        self.save(actor, &username, patch, Some(by)).await
    }

    async fn save(
        &self,
        actor: &Actor,
        username: &str,
        patch: UserPatch,
        password_by: Option<PasswordSetBy>,
    ) -> Result<User, Error> {
        let admin = &self.0.settings.auth.admin_user;
        if username == *admin {
            return Err(Error::LocalAdmin(username.to_owned()));
        }
        let password_hash = match patch.password {
            Some(password) => Some(self.hash_password(password).await?.to_phc()),
            None => None,
        };
        let work = Save {
            username: username.to_owned(),
            password_hash,
            password_by,
            groups: patch.groups,
            disabled: patch.disabled,
            admin: admin.clone(),
        };
        self.change(actor, work).await
    }

    /// Takes a user out, with sessions, tokens and keys.
    pub(super) async fn remove_user(&self, actor: &Actor, username: &str) -> Result<(), Error> {
        let admin = &self.0.settings.auth.admin_user;
        if username == *admin {
            return Err(Error::LocalAdmin(username.to_owned()));
        }
        let work = Remove {
            username: username.to_owned(),
            admin: admin.clone(),
        };
        self.change(actor, work).await
    }
}

struct Create {
    user: StoredUser,
    admin: String,
}

#[async_trait]
impl Work for Create {
    type Output = User;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(User, Effect), Error> {
        if is_taken(transaction, &self.admin, &self.user.username).await? {
            return Err(Error::NameTaken(self.user.username.clone()));
        }
        let user = StoredUser {
            updated_at: now,
            ..self.user.clone()
        };
        transaction.users().upsert(&user).await?;
        let effect = Effect {
            audit: vec![("user.create", user.username.clone())],
            difference: Some(difference(None, Some(&user))),
            ..Effect::default()
        };
        Ok((user.into(), effect))
    }
}

/// Who sets a password: a user's own change keeps the session it was made in, tokens and keys; an
/// administrator's is made because somebody else may have been in, and ends them all.
#[derive(Clone, Copy, Debug)]
enum PasswordSetBy {
    Admin,
    User(Option<[u8; 32]>),
}

struct Save {
    username: String,
    password_hash: Option<Secret<String>>,
    password_by: Option<PasswordSetBy>,
    groups: Option<Vec<String>>,
    disabled: Option<bool>,
    admin: String,
}

impl Save {
    /// What ends with the change: all, where the user is disabled or an administrator sets the
    /// password; what carries a right that is lost, where groups are.
    async fn effect(
        &self,
        transaction: &mut dyn Transaction,
        before: &StoredUser,
        after: &StoredUser,
        now: Timestamp,
    ) -> Result<Effect, Error> {
        let rights = |user: &StoredUser| Rights::of_groups(user.groups.clone());
        let ends = match self.password_by {
            _ if after.disabled && !before.disabled => Some(Ends::All),
            Some(PasswordSetBy::Admin) => Some(Ends::All),
            _ if rights(before).shrink_to(&rights(after)) => Some(Ends::Fixed),
            _ => None,
        };
        let mut credentials = None;
        let account = owner(LOCAL, &self.username);
        if let Some(ends) = ends {
            transaction.tokens().revoke_of(&account, ends, now).await?;
        }
        if ends.is_some() || before.groups != after.groups {
            credentials = Some(Credentials::read(transaction, &self.admin, now).await?);
        }
        let keep = match self.password_by {
            Some(PasswordSetBy::User(session)) => Some(session),
            Some(PasswordSetBy::Admin) => Some(None),
            None => (ends == Some(Ends::All)).then_some(None),
        };
        if let Some(keep) = keep {
            transaction
                .sessions()
                .remove_of(&self.username, LOCAL, keep.as_ref())
                .await?;
        }
        Ok(Effect {
            audit: vec![("user.update", self.said(before, after))],
            difference: Some(difference(Some(before), Some(after))),
            credentials,
            sessions_of: Some(self.username.clone()),
            ..Effect::default()
        })
    }

    /// Name and what was changed, for the audit log.
    fn said(&self, before: &StoredUser, after: &StoredUser) -> String {
        let mut said = self.username.clone();
        if self.password_hash.is_some() {
            said.push_str(" password");
        }
        if before.groups != after.groups {
            said.push_str(" groups=");
            said.push_str(&after.groups.join(","));
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
}

#[async_trait]
impl Work for Save {
    type Output = User;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(User, Effect), Error> {
        let before = transaction
            .users()
            .find(&self.username)
            .await?
            .ok_or_else(|| Error::NoUser(self.username.clone()))?;
        let mut after = before.clone();
        if let Some(hash) = &self.password_hash {
            after.password_hash = hash.clone();
        }
        if let Some(groups) = &self.groups {
            after.groups.clone_from(groups);
        }
        after.disabled = self.disabled.unwrap_or(before.disabled);
        if after == before {
            return Ok((before.into(), Effect::default()));
        }
        after.updated_at = now;
        transaction.users().upsert(&after).await?;
        let effect = self.effect(transaction, &before, &after, now).await?;
        Ok((after.into(), effect))
    }
}

/// What of a user is different; of the password only that.
fn difference(before: Option<&StoredUser>, after: Option<&StoredUser>) -> Difference {
    let shown = |user: &StoredUser| json!({"groups": user.groups, "disabled": user.disabled});
    let (old, new) = (before.map(shown), after.map(shown));
    let difference = Difference::of(old.as_ref(), new.as_ref());
    match (before, after) {
        (Some(before), Some(after)) if before.password_hash != after.password_hash => {
            difference.and("password")
        }
        _ => difference,
    }
}

struct Remove {
    username: String,
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
        let username = &self.username;
        let before = transaction.users().find(username).await?;
        if !transaction.users().remove(username).await? {
            return Err(Error::NoUser(username.clone()));
        }
        let account = owner(LOCAL, username);
        let tokens = transaction.tokens();
        tokens.revoke_of(&account, Ends::All, now).await?;
        let sessions = transaction.sessions();
        sessions.remove_of(username, LOCAL, None).await?;
        let effect = Effect {
            audit: vec![("user.delete", username.clone())],
            difference: Some(difference(before.as_ref(), None)),
            credentials: Some(Credentials::read(transaction, &self.admin, now).await?),
            sessions_of: Some(username.clone()),
            ..Effect::default()
        };
        Ok(((), effect))
    }
}
