//! Tokens and API keys, for programs of users and for service accounts.
//!
//! A token is signed and short-lived; a key is random, kept as its hash, and lives longer. Both are
//! listed and revoked in one way, and neither gives more, or lasts longer, than the credential that
//! made it. Start with [`Registry::make_token`].

mod rights;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::accounts::{Credentials, Rights, owner};
use super::change::{Actor, Effect, Work};
use super::keys::{random, random_id};
use super::sessions::Session;
use super::{Error, Registry};
use crate::auth::api_key::NewKey;
use crate::auth::issue::Grant;
use crate::catalog::snapshot::Access;
use crate::domain::api_key::KeyHash;
use crate::domain::ids::TokenId;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::{Owner, SERVICE_ACCOUNT, StoredToken, Transaction};

/// What somebody asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    /// For this service account in place of the caller; admins only.
    pub(super) service_account: Option<String>,
    /// Absent: all rights of its owner. Empty: none.
    pub(super) scopes: Option<BTreeSet<String>>,
    pub(super) hours: u32,
    pub(super) description: String,
}

/// The two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signed.
    Token,
    /// Random, kept as its hash.
    ApiKey,
}

impl Kind {
    /// As the API says it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ApiKey => "api_key",
        }
    }

    /// Of a token that is kept.
    pub(super) const fn of(token: &StoredToken) -> Self {
        if token.key_hash.is_some() {
            Self::ApiKey
        } else {
            Self::Token
        }
    }
}

/// A token just made; shown once.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) token: Secret<String>,
    pub(super) stored: StoredToken,
}

/// Who asks, and with which credential.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) principal: Arc<Principal>,
    /// The session and who vouches for its user.
    session: Option<([u8; 32], String)>,
}

impl Holder {
    pub(super) fn new(principal: &Arc<Principal>, session: Option<&Session>) -> Self {
        Self {
            principal: Arc::clone(principal),
            session: session.map(|session| (session.id_hash, session.provider.clone())),
        }
    }

    /// Whose tokens the caller's are, and whether the credential stands for all rights of that
    /// owner. The credential must still count within the transaction, so
    /// that nothing is made of one that ends at the same moment.
    async fn owner(&self, transaction: &mut dyn Transaction) -> Result<(Owner, Reach), Error> {
        let subject = &self.principal.subject;
        if let Some((id_hash, provider)) = &self.session {
            let session = transaction.sessions().find(id_hash).await?;
            return session
                .map(|_| (owner(provider, subject), Reach::All))
                .ok_or(Error::Ended);
        }
        match (self.principal.method, &self.principal.token_id) {
            (AuthMethod::Token | AuthMethod::ApiKey, Some(id)) => {
                let found = transaction.tokens().find(id).await?;
                let token = found
                    .filter(|token| token.revoked_at.is_none())
                    .ok_or(Error::Ended)?;
                let reach = if token.inherits {
                    Reach::All
                } else {
                    Reach::Chosen
                };
                Ok((token.owner, reach))
            }
            // Nothing that is kept here can have ended. What a provider's token stands for may be less
            // than its user's groups, which what is made of it must not follow.
            (method, _) => Ok((owner(method.as_str(), subject), Reach::Chosen)),
        }
    }
}

/// How much of its owner's rights a credential stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    All,
    /// Those that were chosen, whatever the owner gets later.
    Chosen,
}

impl Registry {
    /// Makes a token or a key.
    pub(super) async fn make_token(
        &self,
        actor: &Actor,
        holder: Holder,
        request: Request,
    ) -> Result<Made, Error> {
        let access = Arc::clone(&self.view().access);
        let (text, id) = match request.kind {
            Kind::Token => (None, TokenId(random_id()?.into())),
            Kind::ApiKey => {
                let no_randomness = |_| Error::Internal("no randomness");
                let id = random().map_err(no_randomness)?;
                let key = NewKey::new(id, random().map_err(no_randomness)?);
                let id = key.id.clone();
                (Some(key), id)
            }
        };
        let issue = Issue {
            id,
            key_hash: text.as_ref().map(|key| key.hash),
            access,
            limit: self.0.settings.auth.tokens_per_hour,
            admin: self.0.settings.auth.admin_user.clone(),
            holder,
            request,
        };
        let stored = self.change(actor, issue).await?;
        let token = match text {
            Some(key) => key.text,
            None => self.sign(&stored)?,
        };
        Ok(Made { token, stored })
    }

    fn sign(&self, stored: &StoredToken) -> Result<Secret<String>, Error> {
        let grant = Grant {
            subject: &stored.owner.subject,
            username: &stored.username,
            scopes: &stored.scopes,
            groups: &stored.groups,
            id: &stored.id,
            issued_at: stored.created_at,
            expires_at: stored.expires_at,
        };
        self.0
            .keys
            .issuer
            .issue(&grant)
            .map_err(|_| Error::Internal("could not sign a token"))
    }

    /// Tokens and keys, newest first.
    pub(super) async fn tokens(&self, whose: &Whose) -> Result<Vec<StoredToken>, Error> {
        let mut transaction = self.0.store.read().await?;
        let owner = whose.owner(&mut *transaction).await?;
        Ok(transaction.tokens().list(owner.as_ref()).await?)
    }

    /// Revokes one; gateways of this process refuse it when this returns.
    pub(super) async fn revoke_token(
        &self,
        actor: &Actor,
        id: &str,
        whose: Whose,
    ) -> Result<(), Error> {
        let work = Revoke {
            id: TokenId(id.into()),
            whose,
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await
    }
}

/// Among whose tokens something is looked for.
#[derive(Debug)]
pub(super) enum Whose {
    /// The caller's own.
    Own(Holder),
    /// A service account's.
    ServiceAccount(String),
    /// Everybody's.
    All,
}

impl Whose {
    async fn owner(&self, transaction: &mut dyn Transaction) -> Result<Option<Owner>, Error> {
        match self {
            Self::All => Ok(None),
            Self::Own(holder) => {
                let (owner, _) = holder.owner(transaction).await?;
                Ok(Some(owner))
            }
            Self::ServiceAccount(name) => {
                let account = transaction.service_accounts().find(name).await?;
                account.ok_or_else(|| Error::NoServiceAccount(name.clone()))?;
                Ok(Some(owner(SERVICE_ACCOUNT, name)))
            }
        }
    }
}

struct Issue {
    id: TokenId,
    key_hash: Option<KeyHash>,
    request: Request,
    holder: Holder,
    access: Arc<Access>,
    limit: u32,
    admin: String,
}

impl Issue {
    /// For whom, and with which rights where all are asked for.
    async fn owner(
        &self,
        transaction: &mut dyn Transaction,
    ) -> Result<(Owner, Rights, Reach), Error> {
        let (own, reach) = self.holder.owner(transaction).await?;
        let Some(name) = &self.request.service_account else {
            return Ok((own, self.rights(&self.holder.principal)?, reach));
        };
        let account = transaction
            .service_accounts()
            .find(name)
            .await?
            .ok_or_else(|| Error::NoServiceAccount(name.clone()))?;
        if account.disabled {
            return Err(Error::Disabled(name.clone()));
        }
        let rights = Rights {
            scopes: account.scopes,
            groups: account.groups,
        };
        let principal = rights.principal(name, AuthMethod::ApiKey);
        let rights = self.rights(&principal)?;
        Ok((owner(SERVICE_ACCOUNT, name), rights, Reach::All))
    }

    /// All rights of whom it is for; what is asked for must be among them.
    fn rights(&self, principal: &Principal) -> Result<Rights, Error> {
        let policy = &self.access.policy;
        let mut asked = self.request.scopes.iter().flatten();
        if let Some(foreign) = asked.find(|scope| !rights::may_hand_on(policy, principal, scope)) {
            return Err(Error::Scope(foreign.clone()));
        }
        let text = |name: &Arc<str>| name.to_string();
        // Not the scopes of the groups: those are the groups' own at each use.
        Ok(Rights {
            scopes: principal.scopes.iter().map(text).collect(),
            groups: principal.groups.iter().map(text).collect(),
        })
    }

    fn token(&self, owner: Owner, all: Rights, reach: Reach, now: Timestamp) -> StoredToken {
        let end = now.plus_seconds(i64::from(self.request.hours) * 3_600);
        let own = self.request.service_account.is_none();
        let limit = self.holder.principal.expires_at.filter(|_| own);
        // A choice of scopes leaves the groups out: they would bring all the others back.
        let (scopes, groups) = match &self.request.scopes {
            Some(scopes) => (scopes.iter().cloned().collect(), Vec::new()),
            None => (all.scopes, all.groups),
        };
        StoredToken {
            id: self.id.clone(),
            username: if own {
                self.holder.principal.username.to_string()
            } else {
                owner.subject.clone()
            },
            owner,
            key_hash: self.key_hash,
            description: self.request.description.clone(),
            scopes,
            groups,
            inherits: self.request.scopes.is_none() && reach == Reach::All,
            created_at: now,
            expires_at: limit.map_or(end, |own| own.min(end)),
            last_used_at: None,
            revoked_at: None,
        }
    }
}

#[async_trait]
impl Work for Issue {
    type Output = StoredToken;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredToken, Effect), Error> {
        let (owner, all, reach) = self.owner(transaction).await?;
        let since = now.plus_seconds(-3_600);
        let made = transaction.tokens().count_since(&owner, since).await?;
        if made >= u64::from(self.limit) {
            return Err(Error::TooManyTokens(self.limit));
        }
        let mut stored = self.token(owner, all, reach, now);
        if stored.inherits
            && stored.key_hash.is_some()
            && let Some(user) = transaction.oidc().user(&stored.owner).await?
        {
            // Of the last login, whichever session it is made in.
            stored.groups = user.groups;
        }
        transaction.tokens().insert(&stored).await?;
        let action = match self.request.kind {
            Kind::Token => "token.create",
            Kind::ApiKey => "api_key.create",
        };
        let credentials = match self.request.kind {
            Kind::Token => None,
            Kind::ApiKey => Some(Credentials::read(transaction, &self.admin, now).await?),
        };
        let effect = Effect {
            audit: vec![(action, format!("{} of {}", stored.id, stored.username))],
            credentials,
            ..Effect::default()
        };
        Ok((stored, effect))
    }
}

struct Revoke {
    id: TokenId,
    whose: Whose,
    admin: String,
}

#[async_trait]
impl Work for Revoke {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<((), Effect), Error> {
        let owner = self.whose.owner(transaction).await?;
        let found = transaction.tokens().find(&self.id).await?;
        let token = found
            .filter(|token| owner.as_ref().is_none_or(|owner| *owner == token.owner))
            .ok_or(Error::NoToken)?;
        if !transaction.tokens().revoke(&self.id, now).await? {
            // Revoked before: nothing to do again.
            return Ok(((), Effect::default()));
        }
        let action = match Kind::of(&token) {
            Kind::Token => "token.revoke",
            Kind::ApiKey => "api_key.revoke",
        };
        let effect = Effect {
            audit: vec![(action, format!("{} of {}", self.id, token.username))],
            credentials: Some(Credentials::read(transaction, &self.admin, now).await?),
            ..Effect::default()
        };
        Ok(((), effect))
    }
}
