//! An identity provider: whose tokens count, and logging in there.
//!
//! Promises: a provider that is away takes nothing away (its keys are kept in the database, sessions
//! go on), it is only not possible to log in; who was logged out there is logged out here at once.
//! Must not trust anything that a browser carries: see `state`. Start with [`Provider`]; `keys`
//! follows what the provider publishes, `login` and `logout` are what people do.

mod groups;
mod id_token;
mod keys;
mod login;
mod logout;
mod state;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Registry, Settings};
use crate::auth::oidc::address::Addresses;
use crate::auth::oidc::discovery::Endpoints;
use crate::auth::oidc::refresh::KeyFetcher;
use crate::auth::verify::{Rejection, Verifier};
use crate::config::OidcConfig;
use crate::domain::issuer::TrustedIssuer;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::Timestamp;
use crate::domain::trust::Trust;
use crate::http::Edge;
use crate::net::outbound::GuardedClient;
use crate::store::{StoredSession, Transaction};

pub(super) use login::{Answer, LoginError};
pub(super) use logout::LogoutError;

/// The identity provider of this registry.
#[derive(Debug)]
pub(super) struct Provider {
    config: OidcConfig,
    addresses: Addresses,
    client: GuardedClient,
    fetcher: KeyFetcher,
    /// As it describes itself; none before it has answered for the first time.
    endpoints: Mutex<Option<Arc<Endpoints>>>,
    /// When it was last asked, and whether it answered.
    contact: Mutex<Option<(Timestamp, bool)>>,
}

impl Provider {
    /// From the settings; none where they name no issuer.
    pub(super) fn new(
        settings: &Settings,
        verifier: &Arc<Verifier>,
    ) -> Result<Option<Self>, anyhow::Error> {
        let config = &settings.oidc;
        let Some(issuer) = &config.issuer else {
            return Ok(None);
        };
        let client = GuardedClient::new(&settings.network)?;
        let source = Arc::new(client.clone());
        Ok(Some(Self {
            addresses: Addresses::new(issuer, config.internal_url.as_ref())?,
            fetcher: KeyFetcher::new(source, Arc::clone(verifier)),
            client,
            endpoints: Mutex::default(),
            contact: Mutex::default(),
            config: config.clone(),
        }))
    }

    /// Its name in addresses.
    pub(super) fn name(&self) -> &str {
        &self.config.provider
    }

    /// Whether people log in there, rather than only programs with tokens.
    pub(super) const fn can_log_in(&self) -> bool {
        self.config.client_id.is_some()
    }

    /// Its name for people.
    pub(super) fn display_name(&self) -> String {
        let host = || {
            url::Url::parse(self.addresses.issuer())
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
        };
        let name = self.config.display_name.clone().or_else(host);
        name.unwrap_or_else(|| self.config.provider.clone())
    }

    fn endpoints(&self) -> Option<Arc<Endpoints>> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn contact(&self) -> Option<(Timestamp, bool)> {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_contact(&self, at: Timestamp, answered: bool) {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, answered));
    }
}

/// The issuer of the settings, none of its keys known yet.
pub(super) fn trusted(config: &OidcConfig) -> Option<TrustedIssuer> {
    let seconds = |period: Duration| i64::try_from(period.as_secs()).unwrap_or(i64::MAX);
    let clients = config.clients.iter().chain(&config.client_id);
    Some(TrustedIssuer {
        issuer: config.issuer.clone()?,
        provider: config.provider.clone(),
        audiences: config
            .audience
            .iter()
            .chain(clients.clone())
            .cloned()
            .collect(),
        clients: clients.cloned().collect(),
        groups_claim: config.groups_claim.clone(),
        max_life: seconds(config.max_token_life.get()),
        keys_url: None,
        keys: Vec::new(),
        scopes: BTreeSet::new(),
    })
}

/// Completes a trust by what the database knows of its issuers.
pub(super) async fn put_into(
    transaction: &mut dyn Transaction,
    trust: &mut Trust,
    now: Timestamp,
) -> Result<(), crate::store::Error> {
    for issuer in &mut trust.issuers {
        if let Some(stored) = transaction.oidc().issuer(&issuer.issuer).await?
            && (issuer.keys != stored.keys
                || issuer.keys_url != stored.keys_url
                || issuer.scopes != stored.scopes)
        {
            let issuer = Arc::make_mut(issuer);
            issuer.keys = stored.keys;
            issuer.keys_url = stored.keys_url;
            issuer.scopes = stored.scopes;
        }
    }
    let logouts = transaction.oidc().logouts(now).await?;
    trust.logouts = logouts
        .into_iter()
        .map(|logout| (logout.name, logout.at))
        .collect();
    Ok(())
}

impl Registry {
    /// Whether an identity provider is configured.
    pub fn has_provider(&self) -> bool {
        self.0.oidc.is_some()
    }

    /// The identity provider.
    pub(super) fn provider(&self) -> Option<&Provider> {
        self.0.oidc.as_ref()
    }

    /// Whose token this is. Where a provider's key is not known, its keys are fetched first.
    pub(super) async fn verify(&self, token: &str) -> Result<Arc<Principal>, Rejection> {
        let access = Arc::clone(&self.view().access);
        let verified = match self.0.verifier.verify(&access.trust, token) {
            Err(rejection) if rejection.wants_keys().is_some() => match &self.0.oidc {
                Some(provider) => {
                    let again = provider
                        .fetcher
                        .verify(&access.trust, token, None, rejection);
                    again.await
                }
                None => Err(rejection),
            },
            verified => verified,
        };
        verified
            .inspect(|caller| self.was_used(caller))
            .inspect_err(|rejection| {
                tracing::debug!(reason = rejection.reason(), "refused a token");
            })
    }

    /// What a token says that the provider signed for us.
    async fn open_provider_token(
        &self,
        provider: &Provider,
        token: &str,
        types: &[&str],
    ) -> Result<Map<String, Value>, Rejection> {
        let access = Arc::clone(&self.view().access);
        let open = || self.0.verifier.open(&access.trust, 0, token, types);
        match open() {
            Err(rejection) if rejection.wants_keys().is_some() => {
                provider.fetcher.retry(&access.trust, rejection, open).await
            }
            opened => opened,
        }
    }

    /// Who a session of a provider's user belongs to; none where another provider is configured now.
    pub(super) async fn identity_of(
        &self,
        transaction: &mut dyn Transaction,
        stored: &StoredSession,
    ) -> Result<Option<Principal>, super::Error> {
        let Some(provider) = &self.0.oidc else {
            return Ok(None);
        };
        let found = transaction.oidc().session(&stored.id_hash).await?;
        let identity = found.filter(|identity| identity.issuer == provider.addresses.issuer());
        Ok(identity.map(|identity| Principal {
            subject: identity.subject.into(),
            username: identity.username.into(),
            scopes: BTreeSet::new(),
            groups: identity.groups.into_iter().map(Arc::from).collect(),
            method: AuthMethod::Session,
            client_id: provider.config.client_id.as_deref().map(Arc::from),
            token_id: None,
            expires_at: None,
        }))
    }

    /// Our own address as browsers see it; no slash at its end.
    pub(super) fn public_base(&self, edge: &Edge) -> String {
        let http = &self.0.settings.http;
        let configured = http
            .public_url
            .as_ref()
            .or(http.gateway_public_url.as_ref());
        match configured {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("{}://{}", edge.scheme(), edge.host),
        }
    }
}
