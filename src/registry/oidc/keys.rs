//! Following the provider: its description for logging in, its keys for every gateway.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Provider;
use crate::auth::oidc::{discovery, fetch, jwks};
use crate::domain::issuer::IssuerKey;
use crate::domain::time::Timestamp;
use crate::registry::{Error, Registry};
use crate::store::{AuditEntry, Bump, StoredIssuer};

/// Why the provider was not taken up this time.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Discovery(#[from] discovery::DiscoveryError),
    #[error("cannot read the provider's keys at {url}: {source}")]
    Keys {
        url: url::Url,
        #[source]
        source: fetch::FetchError,
    },
    #[error("the provider's keys at {place} are not usable: {source}")]
    KeySet {
        place: String,
        #[source]
        source: jwks::JwksError,
    },
    #[error("cannot read the key set {} (OIDC_JWKS_FILE)", path.display())]
    File {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot keep the provider's keys")]
    Store(#[from] Error),
}

impl Registry {
    /// Looks at the provider again and again, until the stop token; soon after each failure. To be
    /// restarted when it ends otherwise.
    pub async fn follow_provider(self) {
        let Some(provider) = &self.0.oidc else { return };
        let mut failures = 0_u32;
        loop {
            let pause = match self.look_at(provider).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(
                            issuer = provider.addresses.issuer(),
                            "the identity provider is there again"
                        );
                    }
                    failures = 0;
                    provider.config.refresh.get()
                }
                Err(trouble) => {
                    tracing::warn!(
                        issuer = provider.addresses.issuer(),
                        error = &trouble as &dyn std::error::Error,
                        "the identity provider cannot be used now; what is known of it goes on"
                    );
                    failures = failures.saturating_add(1);
                    backoff(failures)
                }
            };
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at the provider once; for tests and for the start.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn refresh_provider(&self) -> Result<(), anyhow::Error> {
        match &self.0.oidc {
            Some(provider) => Ok(self.look_at(provider).await?),
            None => Ok(()),
        }
    }

    /// Whether the provider answers, so that no browser is sent to nowhere. Asks it at most once in
    /// some seconds, however many want to log in.
    pub(super) async fn provider_answers(&self, provider: &Provider) -> bool {
        let now = self.0.clock.now();
        let recent = |at: Timestamp| at <= now && now < at.plus_seconds(FRESH_SECONDS);
        let known = provider.contact();
        if let Some((at, answered)) = known
            && recent(at)
        {
            return answered;
        }
        provider.note_contact(now, known.is_some_and(|(_, answered)| answered));
        let registry = self.clone();
        // A task of its own: a browser that goes away must not leave new keys half kept.
        let task = self.0.tasks.spawn(async move {
            match &registry.0.oidc {
                Some(provider) => registry.look_at(provider).await,
                None => Ok(()),
            }
        });
        match task.await {
            Ok(Ok(())) => true,
            Ok(Err(trouble)) => {
                tracing::warn!(
                    issuer = provider.addresses.issuer(),
                    error = &trouble as &dyn std::error::Error,
                    "nobody can log in at the identity provider now"
                );
                false
            }
            Err(_) => false,
        }
    }

    async fn look_at(&self, provider: &Provider) -> Result<(), Trouble> {
        let looked = self.look(provider).await;
        provider.note_contact(self.0.clock.now(), looked.is_ok());
        looked
    }

    async fn look(&self, provider: &Provider) -> Result<(), Trouble> {
        if let Some(path) = &provider.config.jwks_file {
            let text = tokio::fs::read(path).await;
            let text = text.map_err(|source| Trouble::File {
                path: path.clone(),
                source,
            })?;
            let keys = jwks::parse(&text).map_err(|source| Trouble::KeySet {
                place: path.display().to_string(),
                source,
            })?;
            self.keep(provider, Published::keys(keys, None)).await?;
        }
        let endpoints = discovery::discover(&provider.client, &provider.addresses).await?;
        let (url, scopes) = (endpoints.keys.clone(), endpoints.scopes.clone());
        *provider
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(endpoints));
        if provider.config.jwks_file.is_some() {
            return Ok(self.keep(provider, Published::scopes(scopes)).await?);
        }
        let text = fetch::get(&provider.client, &url).await;
        let text = text.map_err(|source| Trouble::Keys {
            url: url.clone(),
            source,
        })?;
        let keys = jwks::parse(&text).map_err(|source| Trouble::KeySet {
            place: url.to_string(),
            source,
        })?;
        let published = Published {
            scopes: Some(scopes),
            ..Published::keys(keys, Some(&url))
        };
        Ok(self.keep(provider, published).await?)
    }

    /// Gateways of this process have it when this returns.
    async fn keep(&self, provider: &Provider, published: Published) -> Result<(), Error> {
        let name = provider.addresses.issuer();
        if published.is_known(self, name) {
            return Ok(());
        }
        let _writing = self.0.writing.lock().await;
        if published.is_known(self, name) {
            return Ok(());
        }
        let now = self.0.clock.now();
        let mut transaction = self.0.store.begin().await?;
        let known = transaction.oidc().issuer(name).await?;
        let mut stored = known.unwrap_or_else(|| StoredIssuer {
            issuer: name.to_owned(),
            keys_url: None,
            keys: Vec::new(),
            scopes: BTreeSet::new(),
            fetched_at: now,
        });
        stored.fetched_at = now;
        let before = (stored.keys.clone(), stored.keys_url.clone());
        if let Some((keys, url)) = published.keys {
            (stored.keys, stored.keys_url) = (keys, url);
        }
        let action = if before == (stored.keys.clone(), stored.keys_url.clone()) {
            "issuer.scopes"
        } else {
            "issuer.keys"
        };
        if let Some(scopes) = published.scopes {
            stored.scopes = scopes;
        }
        transaction.oidc().keep_issuer(&stored).await?;
        let entry = AuditEntry {
            at: now,
            actor: "registry".to_owned(),
            action: action.to_owned(),
            subject: name.to_owned(),
            ..AuditEntry::default()
        };
        transaction.audit().append(&entry).await?;
        transaction.commit(Bump::Yes).await?;
        tracing::info!(
            issuer = name,
            keys = stored.keys.len(),
            scopes = stored.scopes.len(),
            "the identity provider publishes something else"
        );
        self.reload_locked().await
    }
}

/// What a provider publishes; what is not there was not asked for.
struct Published {
    /// Its keys, and where they are.
    keys: Option<(Vec<IssuerKey>, Option<String>)>,
    scopes: Option<BTreeSet<String>>,
}

impl Published {
    fn keys(keys: Vec<IssuerKey>, url: Option<&url::Url>) -> Self {
        Self {
            keys: Some((keys, url.map(ToString::to_string))),
            scopes: None,
        }
    }

    const fn scopes(scopes: BTreeSet<String>) -> Self {
        Self {
            keys: None,
            scopes: Some(scopes),
        }
    }

    fn is_known(&self, registry: &Registry, issuer: &str) -> bool {
        let view = registry.view();
        let mut issuers = view.access.trust.issuers.iter();
        let Some(known) = issuers.find(|one| one.issuer == issuer) else {
            return false;
        };
        let same_keys = |(keys, url): &(Vec<IssuerKey>, Option<String>)| {
            known.keys == *keys && known.keys_url == *url
        };
        let same_scopes = |scopes: &BTreeSet<String>| known.scopes == *scopes;
        self.keys.as_ref().is_none_or(same_keys) && self.scopes.as_ref().is_none_or(same_scopes)
    }
}

/// For so long an answer of the provider, or none, holds for further logins.
const FRESH_SECONDS: i64 = 3;

/// One second, doubled up to a minute.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(Duration::from_mins(1))
}
