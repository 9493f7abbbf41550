//! Following a registry that is elsewhere, for a gateway and for an auth server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;

use super::Base;
use crate::catalog::disk::Disk;
use crate::catalog::follow::{Follower, Identity};
use crate::catalog::{Publisher, SnapshotSink};
use crate::config::CatalogConfig;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;
use crate::domain::trust::TokenKey;
use crate::net::outbound;

/// What a follower is made of.
#[derive(Debug)]
pub(super) struct Following {
    config: CatalogConfig,
    snapshot_file: PathBuf,
    /// Its name in reports.
    id: String,
    default_host: String,
    client: reqwest::Client,
    publisher: Arc<Publisher>,
    clock: Clock,
    /// What it signs with, to be reported.
    keys: watch::Receiver<Vec<TokenKey>>,
}

impl Following {
    /// As the settings say; `id` is its name in reports, `file` keeps its snapshots in the data
    /// directory.
    pub(super) fn new(
        base: &Base<'_>,
        id: String,
        file: &str,
        sink: Arc<dyn SnapshotSink>,
    ) -> anyhow::Result<Self> {
        let settings = base.settings;
        Ok(Self {
            config: settings.catalog.clone(),
            snapshot_file: settings.data_dir.join(file),
            id,
            default_host: settings.gateway.default_host.clone(),
            client: outbound::registry_client(&settings.network)?,
            publisher: Arc::new(Publisher::new(vec![sink])),
            clock: base.clock.clone(),
            keys: watch::channel(Vec::new()).1,
        })
    }

    /// The same, telling the registry the public halves of these keys.
    #[cfg(feature = "gateway")]
    pub(super) fn reporting(mut self, keys: watch::Receiver<Vec<TokenKey>>) -> Self {
        self.keys = keys;
        self
    }

    /// Where snapshots are published.
    pub(super) const fn publisher(&self) -> &Arc<Publisher> {
        &self.publisher
    }

    /// Follows with this token, what lies on disk in force when this returns. Where the token is still
    /// to come, `found` is told of it.
    pub(super) fn start(
        self,
        base: &Base<'_>,
        token: Option<Secret<String>>,
        found: impl Fn(&Secret<String>) + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        // With a token at hand, a bad setting ends the start; without one, following begins when the
        // registry has written it.
        let ready = if token.is_some() || self.config.token_file.is_none() {
            Some(self.restored(token)?)
        } else {
            None
        };
        let (following, found) = (Arc::new(self), Arc::new(found));
        let stop = base.lifecycle.stop.soft.clone();
        base.lifecycle.supervise("follower", move || {
            let (ready, following) = (ready.clone(), Arc::clone(&following));
            let (found, stop) = (Arc::clone(&found), stop.clone());
            async move {
                let follower = match ready {
                    Some(follower) => Ok(follower),
                    None => following.once_there_is_a_token(&*found).await,
                };
                match follower {
                    Ok(follower) => follower.run(stop).await,
                    Err(error) => {
                        tracing::error!(error = format!("{error:#}"), "cannot follow the registry");
                    }
                }
            }
        });
        Ok(())
    }

    /// A follower, the snapshot on disk in force.
    fn restored(&self, token: Option<Secret<String>>) -> anyhow::Result<Arc<Follower>> {
        let disk = token.as_ref().map(|token| {
            Disk::new(
                &self.snapshot_file,
                token.clone(),
                self.config.snapshot_bytes.bytes(),
            )
        });
        let identity = Identity {
            id: self.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            default_host: self.default_host.clone(),
            keys: self.keys.clone(),
        };
        let config = CatalogConfig {
            token,
            ..self.config.clone()
        };
        let (client, publisher) = (self.client.clone(), Arc::clone(&self.publisher));
        let follower = Follower::new(
            &config,
            identity,
            client,
            publisher,
            disk,
            self.clock.clone(),
        )?;
        follower.restore();
        Ok(Arc::new(follower))
    }

    /// Waits until the registry has written the token, then follows with it.
    async fn once_there_is_a_token(
        &self,
        found: &(dyn Fn(&Secret<String>) + Send + Sync),
    ) -> anyhow::Result<Arc<Follower>> {
        let file = self
            .config
            .token_file
            .as_deref()
            .context("no token file is named")?;
        let token = loop {
            match tokio::fs::read_to_string(file).await {
                Ok(text) if !text.trim().is_empty() => break Secret::new(text.trim().to_owned()),
                _ => tokio::time::sleep(TOKEN_FILE_LOOK).await,
            }
        };
        tracing::info!(file = %file.display(), "the registry's token is there");
        found(&token);
        self.restored(Some(token))
    }
}

/// Between two looks for a token file that is not there yet.
const TOKEN_FILE_LOOK: Duration = Duration::from_secs(1);
