//! Tokens that users make for their programs.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::change::{Actor, Effect, Work};
use super::keys::random_id;
use super::{Error, Registry};
use crate::auth::issue::Grant;
use crate::domain::ids::TokenId;
use crate::domain::principal::Principal;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::{StoredToken, Transaction};

/// What a user asks for.
#[derive(Debug)]
pub(super) struct Request {
    /// Absent: all scopes of the caller.
    pub(super) scopes: Option<BTreeSet<String>>,
    pub(super) hours: u32,
    pub(super) description: String,
}

/// A token just made; shown once.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) token: Secret<String>,
    pub(super) stored: StoredToken,
}

impl Registry {
    /// Makes a token. It has at most the scopes of the caller and ends no later than the token
    /// that the caller shows.
    pub(super) async fn make_token(
        &self,
        actor: &Actor,
        caller: &Principal,
        request: Request,
    ) -> Result<Made, Error> {
        let scopes: Vec<String> = match request.scopes {
            None => caller.scopes.iter().map(ToString::to_string).collect(),
            Some(scopes) => scopes.into_iter().collect(),
        };
        if let Some(foreign) = scopes
            .iter()
            .find(|scope| !caller.scopes.contains(scope.as_str()))
        {
            return Err(Error::Scope(foreign.clone()));
        }
        let now = self.0.clock.now();
        let end = now.plus_seconds(i64::from(request.hours) * 3_600);
        let stored = StoredToken {
            id: TokenId(random_id()?.into()),
            username: caller.username.to_string(),
            description: request.description,
            scopes,
            created_at: now,
            expires_at: caller.expires_at.map_or(end, |own| own.min(end)),
            revoked_at: None,
        };
        let groups: Vec<String> = caller.groups.iter().map(ToString::to_string).collect();
        let token = self
            .0
            .keys
            .issuer
            .issue(&Grant {
                username: &stored.username,
                scopes: &stored.scopes,
                groups: &groups,
                id: &stored.id,
                issued_at: stored.created_at,
                expires_at: stored.expires_at,
            })
            .map_err(|_| Error::Internal("could not sign a token"))?;
        let limit = self.0.settings.auth.tokens_per_hour;
        let stored = self.change(actor, Issue { stored, limit }).await?;
        Ok(Made { token, stored })
    }

    /// The tokens of a user, or all; newest first.
    pub(super) async fn tokens(&self, username: Option<&str>) -> Result<Vec<StoredToken>, Error> {
        let mut transaction = self.0.store.read().await?;
        Ok(transaction.tokens().list(username).await?)
    }

    /// Revokes a token; gateways of this process refuse it when this returns.
    pub(super) async fn revoke_token(
        &self,
        actor: &Actor,
        id: &str,
        owner: Option<&str>,
    ) -> Result<(), Error> {
        let owner = owner.map(str::to_owned);
        self.change(
            actor,
            Revoke {
                id: TokenId(id.into()),
                owner,
            },
        )
        .await
    }
}

struct Issue {
    stored: StoredToken,
    limit: u32,
}

#[async_trait]
impl Work for Issue {
    type Output = StoredToken;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredToken, Effect), Error> {
        let since = now.plus_seconds(-3_600);
        let made = transaction
            .tokens()
            .count_since(&self.stored.username, since)
            .await?;
        if made >= u64::from(self.limit) {
            return Err(Error::TooManyTokens(self.limit));
        }
        transaction.tokens().insert(&self.stored).await?;
        let audit = vec![("token.create", self.stored.id.to_string())];
        Ok((
            self.stored.clone(),
            Effect {
                audit,
                ..Effect::default()
            },
        ))
    }
}

struct Revoke {
    id: TokenId,
    /// Absent: anybody's.
    owner: Option<String>,
}

#[async_trait]
impl Work for Revoke {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<((), Effect), Error> {
        let found = transaction.tokens().find(&self.id).await?;
        let token = found
            .filter(|token| {
                self.owner
                    .as_ref()
                    .is_none_or(|owner| *owner == token.username)
            })
            .ok_or(Error::NoToken)?;
        if !transaction.tokens().revoke(&self.id, now).await? {
            // Revoked before: nothing to do again.
            return Ok(((), Effect::default()));
        }
        let audit = vec![("token.revoke", format!("{} of {}", self.id, token.username))];
        Ok((
            (),
            Effect {
                audit,
                revoked: Some((self.id.clone(), token.expires_at)),
                ..Effect::default()
            },
        ))
    }
}
