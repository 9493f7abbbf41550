//! The seam, end to end: a publisher behind an HTTP server with compression, and a follower.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use futures_util::StreamExt;
use mcp::catalog::follow::{Follower, Identity};
use mcp::catalog::wire::watch_stream;
use mcp::catalog::{Access, Publisher, SessionKey, Snapshot};
use mcp::config::CatalogConfig;
use mcp::config::types::{ByteSize, Period};
use mcp::domain::endpoint::{Endpoints, UpstreamUrl};
use mcp::domain::ids::{ClusterId, Revision};
use mcp::domain::path::ServerPath;
use mcp::domain::policy::Policy;
use mcp::domain::secret::Secret;
use mcp::domain::server::{Route, UpstreamHeader, UpstreamTls};
use mcp::domain::time::Clock;
use mcp::domain::trust::Trust;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

const TOKEN: &str = "a-gateway-token-of-good-length";

/// Serves the watch, compressed as the registry's web edge does; the address and its task.
async fn serve(publisher: &Arc<Publisher>, tasks: &mut JoinSet<()>) -> String {
    let publisher = Arc::clone(publisher);
    let watch = move || {
        let receiver = publisher.subscribe();
        let token = Secret::new(TOKEN.to_owned());
        let stop = CancellationToken::new();
        let (heartbeat, coalesce) = (Duration::from_secs(5), Duration::from_millis(20));
        let lines = watch_stream(receiver, token, heartbeat, coalesce, stop);
        let body = Body::from_stream(lines.map(Ok::<_, Infallible>));
        async {
            Response::builder()
                .header(CONTENT_TYPE, "application/x-ndjson")
                .body(body)
                .unwrap()
        }
    };
    let router = Router::new()
        .route("/api/gateway/watch", get(watch))
        .layer(CompressionLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[expect(clippy::disallowed_methods, reason = "talks to loopback only")]
fn follower(base: &str, publisher: &Arc<Publisher>) -> Follower {
    // Another test may have installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = CatalogConfig {
        registry_api_url: format!("{base}/api/servers"),
        poll_interval: Period::new(Duration::from_secs(30)),
        token: Some(Secret::new(TOKEN.to_owned())),
        token_file: None,
        snapshot_bytes: ByteSize::new(64 << 20),
        heartbeat: Period::new(Duration::from_secs(5)),
        coalesce: Period::new(Duration::from_millis(20)),
    };
    let identity = Identity {
        id: "gw".into(),
        version: "1".into(),
        default_host: "localhost".into(),
        keys: tokio::sync::watch::channel(Vec::new()).1,
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Follower::new(
        &config,
        identity,
        client,
        Arc::clone(publisher),
        None,
        Clock::system(),
    )
    .unwrap()
}

fn snapshot(revision: u64, servers: usize) -> Arc<Snapshot> {
    let routes = (0..servers).map(|number| {
        let port = if number == 0 {
            10_000 + revision
        } else {
            9_000
        };
        let base = UpstreamUrl::parse(&format!("http://server-{number}.example:{port}/")).unwrap();
        let header = UpstreamHeader {
            name: "X-Key".into(),
            value: Secret::new(format!("secret-{number}")),
        };
        let route = Route {
            path: ServerPath::parse(&format!("/s{number}")).unwrap(),
            endpoints: Endpoints::derive(&base, None, None),
            public: false,
            passthrough: false,
            forward_authorization: false,
            timeout: None,
            tls: UpstreamTls::default(),
            headers: vec![header],
        };
        (route.path.clone(), Arc::new(route))
    });
    let access = Access {
        policy: Policy::default(),
        trust: Trust::default(),
        session_key: SessionKey(Secret::new([7; 32])),
    };
    Arc::new(Snapshot {
        cluster: ClusterId("c1".into()),
        revision: Revision(revision),
        routes: routes.collect(),
        access: Some(Arc::new(access)),
    })
}

#[tokio::test]
async fn changes_reach_a_gateway_at_once_through_a_compressed_watch() {
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(snapshot(1, 1000));
    let mut tasks = JoinSet::new();
    let base = serve(&source, &mut tasks).await;
    let target = Arc::new(Publisher::new(Vec::new()));
    let follower = follower(&base, &target);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tasks.spawn(async move { follower.run(stopped).await });
    let mut got = target.subscribe();
    let mut delays = Vec::new();
    for revision in 1..=30 {
        let next = snapshot(revision, 1000);
        let started = Instant::now();
        source.publish(Arc::clone(&next));
        let waiting =
            got.wait_for(|now| now.as_ref().is_some_and(|now| now.revision.0 == revision));
        let arrived = tokio::time::timeout(Duration::from_secs(4), waiting).await;
        let arrived = arrived.expect("before any heartbeat").unwrap().clone();
        assert_eq!(arrived.unwrap(), next);
        delays.push(started.elapsed());
    }
    delays.sort_unstable();
    println!(
        "change to applied, 1,000 servers, unoptimised: median {:?}",
        delays.get(15)
    );
    stop.cancel();
}

#[tokio::test]
async fn the_watch_is_compressed_for_those_who_ask() {
    let source = Arc::new(Publisher::new(Vec::new()));
    source.publish(snapshot(1, 1000));
    let mut tasks = JoinSet::new();
    let base = serve(&source, &mut tasks).await;
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let request = b"GET /api/gateway/watch HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = vec![0; 512];
    stream.read_exact(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(
        head.contains("content-type: application/x-ndjson"),
        "{head}"
    );
}
