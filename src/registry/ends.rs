//! Ending all that stands for a user: sessions, tokens, API keys, and what a provider has signed for
//! them up to now.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::accounts::owner;
use super::change::{Actor, Effect, Work};
use super::{Error, Registry, oidc};
use crate::domain::issuer::{LogoutKind, TrustedIssuer};
use crate::domain::time::Timestamp;
use crate::store::{Ends, LOCAL, Owner, StoredLogout, Transaction};

/// How many have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) sessions: u64,
    pub(super) tokens: u64,
}

impl Registry {
    /// Ends all that stands for the users of this name, or of this subject at a provider.
    pub(super) async fn end_user(
        &self,
        actor: &Actor,
        name: &str,
        provider: Option<String>,
    ) -> Result<Ended, Error> {
        let work = End {
            name: name.to_owned(),
            provider,
            issuer: oidc::trusted(&self.0.settings.oidc),
            admin: self.0.settings.auth.admin_user.clone(),
        };
        self.change(actor, work).await
    }
}

struct End {
    name: String,
    /// Only those of this one.
    provider: Option<String>,
    issuer: Option<TrustedIssuer>,
    admin: String,
}

impl End {
    /// Who is meant: local users, and whoever has logged in or made something here.
    async fn owners(&self, transaction: &mut dyn Transaction) -> Result<BTreeSet<Owner>, Error> {
        let mut all = BTreeSet::new();
        let user = transaction.users().find(&self.name).await?;
        if user.is_some() || self.name == self.admin {
            all.insert(owner(LOCAL, &self.name));
        }
        all.extend(transaction.tokens().owners_called(&self.name).await?);
        let users = transaction.oidc().users_called(&self.name).await?;
        all.extend(users.into_iter().map(|user| user.owner));
        all.retain(|who| {
            let wanted = self.provider.as_ref();
            wanted.is_none_or(|provider| who.provider == *provider)
        });
        Ok(all)
    }

    async fn end_sessions(
        &self,
        transaction: &mut dyn Transaction,
        who: &Owner,
        now: Timestamp,
    ) -> Result<(u64, Vec<[u8; 32]>), Error> {
        if who.provider == LOCAL {
            let sessions = transaction.sessions();
            let ended = sessions.remove_of(&who.subject, LOCAL, None).await?;
            return Ok((ended, Vec::new()));
        }
        let issuer = self.issuer.as_ref();
        let Some(issuer) = issuer.filter(|one| one.method().as_str() == who.provider) else {
            return Ok((0, Vec::new()));
        };
        let subject = Some(who.subject.as_str());
        let oidc = transaction.oidc();
        let ended = oidc.end_sessions(&issuer.issuer, subject, None).await?;
        let logout = StoredLogout {
            name: issuer.logout_of(&who.subject, LogoutKind::All),
            at: now,
            ends_at: now.plus_seconds(issuer.max_life),
        };
        oidc.log_out(&logout).await?;
        Ok((u64::try_from(ended.len()).unwrap_or(u64::MAX), ended))
    }
}

#[async_trait]
impl Work for End {
    type Output = Ended;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(Ended, Effect), Error> {
        let owners = self.owners(transaction).await?;
        if owners.is_empty() {
            return Err(Error::NobodyCalled(self.name.clone()));
        }
        let mut ended = Ended::default();
        let mut sessions = Vec::new();
        for who in &owners {
            let revoked = transaction.tokens().revoke_of(who, Ends::All, now);
            ended.tokens += revoked.await?;
            let (number, known) = self.end_sessions(transaction, who, now).await?;
            ended.sessions += number;
            sessions.extend(known);
        }
        let said = format!(
            "{} sessions={} tokens={}",
            self.name, ended.sessions, ended.tokens
        );
        let effect = Effect {
            audit: vec![("user.end", said)],
            sessions_of: Some(self.name.clone()),
            sessions,
            everything: true,
            ..Effect::default()
        };
        Ok((ended, effect))
    }
}
