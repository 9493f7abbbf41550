mod hostile;
mod polling;
mod scripted;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::snapshot::Snapshot;
use crate::config::types::{ByteSize, Period};
use crate::domain::path::ServerPath;

const TOKEN: &str = "a-gateway-token-of-good-length";
const HEARTBEAT: Duration = Duration::from_millis(100);

fn token() -> Secret<String> {
    Secret::new(TOKEN.to_owned())
}

fn config(url: &str) -> CatalogConfig {
    CatalogConfig {
        registry_api_url: url.to_owned(),
        poll_interval: Period::new(Duration::from_millis(150)),
        token: Some(token()),
        token_file: None,
        snapshot_bytes: ByteSize::new(256 * 1024),
        heartbeat: Period::new(HEARTBEAT),
        coalesce: Period::new(Duration::from_millis(5)),
    }
}

#[expect(clippy::disallowed_methods, reason = "talks to loopback only")]
fn client() -> Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// A follower at work.
struct Running {
    publisher: Arc<Publisher>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(config: &CatalogConfig, disk: Option<Disk>) -> Self {
        Self::start_with(config, disk, |follower| follower)
    }

    fn start_with(
        config: &CatalogConfig,
        disk: Option<Disk>,
        change: impl FnOnce(Follower) -> Follower,
    ) -> Self {
        let publisher = Arc::new(Publisher::new(vec![Arc::new(Idle)]));
        let identity = Identity {
            id: "gw-1".into(),
            version: "1.2.3".into(),
            default_host: "localhost".into(),
            keys: tokio::sync::watch::channel(Vec::new()).1,
        };
        let clock = Clock::system();
        let follower = Follower::new(
            config,
            identity,
            client(),
            Arc::clone(&publisher),
            disk,
            clock,
        )
        .unwrap();
        let follower = change(follower);
        follower.restore();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move { follower.run(stopped).await });
        Self {
            publisher,
            stop,
            tasks,
        }
    }

    /// Waits until a snapshot is as it should be.
    async fn until(&self, claim: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshots = self.publisher.subscribe();
        let waiting = snapshots.wait_for(|current| current.as_deref().is_some_and(&claim));
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        match found {
            Ok(found) => found.unwrap().clone().unwrap(),
            Err(late) => panic!(
                "{late}: never came; last was {:?}",
                self.publisher.current()
            ),
        }
    }

    async fn until_routes(&self, paths: &[&str]) -> Arc<Snapshot> {
        self.until(|snapshot| has(snapshot, paths)).await
    }

    fn has(&self, paths: &[&str]) -> bool {
        self.publisher
            .current()
            .is_some_and(|current| has(&current, paths))
    }

    async fn end(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.tasks.join_next()).await;
        ended.expect("stops in time").unwrap().unwrap();
    }
}

fn has(snapshot: &Snapshot, paths: &[&str]) -> bool {
    snapshot
        .routes
        .keys()
        .map(ServerPath::as_str)
        .eq(paths.iter().copied())
}

#[derive(Debug)]
struct Idle;

impl crate::catalog::SnapshotSink for Idle {
    fn apply(&self, _: &Arc<Snapshot>) {}
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_registrys_other_addresses_lie_beside_its_list() {
    for (list, watch) in [
        (
            "http://registry:7860/api/servers",
            "http://registry:7860/api/gateway/watch",
        ),
        (
            "https://h/base/api/servers/",
            "https://h/base/api/gateway/watch",
        ),
        ("https://h/api/servers?x=1#y", "https://h/api/gateway/watch"),
    ] {
        assert_eq!(Urls::of(list).unwrap().watch.unwrap().as_str(), watch);
    }
    assert!(Urls::of("http://h/list.json").unwrap().watch.is_none());
    for wrong in ["", "registry:7860", "ftp://h/api/servers", "/api/servers"] {
        assert!(
            Urls::of(wrong)
                .unwrap_err()
                .to_string()
                .contains("REGISTRY_API_URL")
        );
    }
}
