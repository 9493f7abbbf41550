//! Credentials with which other people's gateways ask for verdicts.

use async_trait::async_trait;

use super::super::accounts::Credentials;
use super::super::change::{Actor, Effect, Work};
use super::super::keys::random;
use super::super::{Error, Registry};
use crate::auth::gateway_key;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::{self, StoredGateway, Transaction};

/// A credential just made; its text is shown once.
#[derive(Debug)]
pub(in super::super) struct Made {
    pub(in super::super) text: Secret<String>,
    pub(in super::super) stored: StoredGateway,
}

impl Registry {
    /// All, by name.
    pub(in super::super) async fn gateway_credentials(&self) -> Result<Vec<StoredGateway>, Error> {
        let mut transaction = self.0.store.read().await?;
        Ok(transaction.gateways().list().await?)
    }

    /// Makes one.
    pub(in super::super) async fn create_gateway(
        &self,
        actor: &Actor,
        name: String,
        sends_body: bool,
    ) -> Result<Made, Error> {
        let no_randomness = |_| Error::Internal("no random bytes for a credential");
        let key = gateway_key::new(
            random().map_err(no_randomness)?,
            random().map_err(no_randomness)?,
        );
        let stored = StoredGateway {
            name,
            id: key.id.0.to_string(),
            key_hash: key.hash,
            sends_body,
            created_at: self.0.clock.now(),
            created_by: actor.username.clone(),
        };
        let work = Create {
            stored: stored.clone(),
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await?;
        Ok(Made {
            text: key.text,
            stored,
        })
    }

    /// Takes one out: from now on it proves nothing.
    pub(in super::super) async fn remove_gateway(
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
    stored: StoredGateway,
    admin: String,
}

#[async_trait]
impl Work for Create {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<((), Effect), Error> {
        let inserted = transaction.gateways().insert(&self.stored).await;
        inserted.map_err(|error| match error {
            store::Error::Exists => Error::GatewayTaken(self.stored.name.clone()),
            other => other.into(),
        })?;
        let bodies = if self.stored.sends_body {
            " sends_body"
        } else {
            ""
        };
        let effect = Effect {
            audit: vec![("gateway.create", format!("{}{bodies}", self.stored.name))],
            credentials: Some(Credentials::read(transaction, &self.admin, now).await?),
            ..Effect::default()
        };
        Ok(((), effect))
    }
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
        if !transaction.gateways().remove(&self.name).await? {
            return Err(Error::NoGateway(self.name.clone()));
        }
        let effect = Effect {
            audit: vec![("gateway.delete", self.name.clone())],
            credentials: Some(Credentials::read(transaction, &self.admin, now).await?),
            ..Effect::default()
        };
        Ok(((), effect))
    }
}
