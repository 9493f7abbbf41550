//! Following a registry: the gateway's side of the seam.
//!
//! [`Follower::run`] watches (`GET …/gateway/watch`), polls (`GET …/servers`) where there is no
//! watch, publishes each newer snapshot in this process and keeps the last good one on disk.
//! Promises: trouble of any kind with the registry (down, refusing, talking HTML, cut off, too
//! large, stalled, older, emptied by accident) never takes a route away; each kind is logged once,
//! when it begins, and once when it is over. Must not run on a data thread: reading a large snapshot
//! takes milliseconds.
//!
//! Start with [`Follower::run`]; the way of one connection is in `watch`, of one request in `poll`,
//! what may replace what in `held`, and what a polled list means in `listing`.
//!
//! # Why
//! A polled list has neither revision nor policy, so it gets a cluster id of its own, and rights
//! that an earlier watch brought are kept beside it: taking them away because a proxy hides the
//! watch would be the very outage that this module is there to prevent.

mod held;
mod keep;
mod listing;
mod meters;
mod pace;
mod poll;
mod report;
mod session;
mod token;
mod trouble;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::Client;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::disk::{self, Disk};
use super::publish::Publisher;
use super::snapshot::Snapshot;
use crate::config::CatalogConfig;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trust::TokenKey;

use session::Session;
use token::Token;

/// Who follows: what the registry is told in reports, and what polled definitions leave open.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of this gateway, stable across restarts where possible.
    pub id: String,
    /// Version of this program.
    pub version: String,
    /// Host of polled servers that name only a port.
    pub default_host: String,
    /// Public keys with which this gateway signs.
    pub keys: Receiver<Vec<TokenKey>>,
}

/// Why a follower cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error(
        "REGISTRY_API_URL is not an http or https URL: {0:?}; set it to the registry's list of servers, such as http://registry:7860/api/servers"
    )]
    Address(String),
}

/// Follows one registry.
#[derive(Debug)]
pub struct Follower {
    urls: Urls,
    token: Token,
    poll_interval: Duration,
    heartbeat: Duration,
    limit: usize,
    /// How long the registry may take to answer.
    answer_limit: Duration,
    identity: Identity,
    client: Client,
    publisher: Arc<Publisher>,
    disk: ArcSwapOption<Disk>,
    /// Where to keep snapshots when there is another token.
    kept_in: Option<PathBuf>,
    clock: Clock,
    /// When the registry last confirmed what is in use; 0: never.
    confirmed_at: AtomicI64,
}

/// Where the registry is.
#[derive(Debug)]
struct Urls {
    servers: Url,
    /// `None` where the list's address says nothing of the others.
    watch: Option<Url>,
    report: Option<Url>,
}

impl Follower {
    /// With a client that carries the trusted roots. Redirects are refused or followed as the
    /// client says; its own time-outs should be longer than those here. Where the settings name a
    /// token file, it is read as soon as it is there, and again when the registry refuses the token.
    ///
    /// # Errors
    /// When the registry's address is not one.
    pub fn new(
        config: &CatalogConfig,
        identity: Identity,
        client: Client,
        publisher: Arc<Publisher>,
        disk: Option<Disk>,
        clock: Clock,
    ) -> Result<Self, Error> {
        meters::describe();
        Ok(Self {
            urls: Urls::of(&config.registry_api_url)?,
            token: Token::new(config.token.as_ref(), config.token_file.clone()),
            poll_interval: config.poll_interval.get().max(SHORTEST_POLL),
            heartbeat: config.heartbeat.get(),
            limit: config.snapshot_bytes.bytes(),
            answer_limit: ANSWER_LIMIT,
            identity,
            client,
            publisher,
            disk: ArcSwapOption::new(disk.map(Arc::new)),
            kept_in: None,
            clock,
            confirmed_at: AtomicI64::new(0),
        })
    }

    /// Keeps snapshots in this file, from now on or, where the token is still to come, from then on.
    #[must_use]
    pub fn keep_in(mut self, file: PathBuf) -> Self {
        if let Some(token) = self.token() {
            let disk = Disk::new(&file, token, self.limit);
            self.disk.store(Some(Arc::new(disk)));
        }
        self.kept_in = Some(file);
        self
    }

    /// The token that is shown now.
    pub fn token(&self) -> Option<Secret<String>> {
        self.token.shown()
    }

    /// Publishes the snapshot on disk, if there is a good one: to be called before the first
    /// connection is accepted. Blocks for the time of reading the file.
    pub fn restore(&self) -> bool {
        let Some(disk) = self.disk.load_full() else {
            return false;
        };
        match disk.load() {
            Ok(Some(disk::Kept {
                snapshot,
                written_at,
            })) => {
                tracing::info!(
                    file = %disk.file().display(),
                    cluster = %snapshot.cluster,
                    revision = %snapshot.revision,
                    written_at = %written_at.to_rfc3339(),
                    "starting with the stored snapshot"
                );
                self.confirmed_at
                    .store(written_at.unix(), Ordering::Relaxed);
                self.publisher.publish(snapshot);
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "starting without a stored snapshot");
                false
            }
        }
    }

    /// Follows until `stop`. May be called again after a panic; it goes on from what is published.
    pub async fn run(&self, stop: CancellationToken) {
        let (connected, connection) = tokio::sync::watch::channel(false);
        let work = async {
            tokio::join!(
                Session::new(self, connected).run(),
                report::run(self, connection),
                meters::age(self),
            )
        };
        tokio::join!(stop.run_until_cancelled(work), keep::run(self, &stop),);
    }

    /// Looks for a newer token in its file; whether there is one.
    async fn renew_token(&self) -> bool {
        let Some(token) = self.token.renew().await else {
            return false;
        };
        if let Some(file) = &self.kept_in {
            let disk = Disk::new(file, token, self.limit);
            self.disk.store(Some(Arc::new(disk)));
        }
        true
    }

    fn current(&self) -> Option<Arc<Snapshot>> {
        self.publisher.current()
    }

    /// Notes that the registry said that what is in use is current.
    fn confirm(&self) {
        self.confirmed_at
            .store(self.clock.now().unix(), Ordering::Relaxed);
    }

    fn confirmed_at(&self) -> Option<Timestamp> {
        match self.confirmed_at.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Timestamp::from_unix(seconds)),
        }
    }
}

impl Urls {
    fn of(text: &str) -> Result<Self, Error> {
        let servers = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::Address(text.to_owned()))?;
        Ok(Self {
            watch: sibling(&servers, "watch"),
            report: sibling(&servers, "report"),
            servers,
        })
    }
}

/// The address with its last segment, `servers`, replaced by `gateway/NAME`.
fn sibling(servers: &Url, name: &str) -> Option<Url> {
    let folder = servers
        .path()
        .trim_end_matches('/')
        .strip_suffix("/servers")?;
    let mut url = servers.clone();
    url.set_path(&format!("{folder}/gateway/{name}"));
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const SHORTEST_POLL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
