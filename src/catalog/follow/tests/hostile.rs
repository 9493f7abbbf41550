//! Whatever the registry does, no route in use is taken away, and all is well again afterwards.

use super::scripted::{LINES_HEAD, Registry, Reply, json, line_then_silence, ok, status};
use super::*;
use crate::catalog::samples::{route, snapshot};
use crate::catalog::wire::Codec;

type Trick = (&'static str, fn() -> Reply);

fn codec() -> Codec {
    Codec::new(token())
}

fn state(cluster: &str, revision: u64, paths: &[&str]) -> Snapshot {
    snapshot(
        cluster,
        revision,
        paths.iter().map(|path| route(path, "http://127.0.0.1:9/")),
    )
}

fn full(cluster: &str, revision: u64, paths: &[&str]) -> Vec<u8> {
    codec()
        .full(&state(cluster, revision, paths))
        .unwrap()
        .to_vec()
}

fn impatient(follower: Follower) -> Follower {
    Follower {
        answer_limit: Duration::from_millis(200),
        heartbeat: Duration::from_millis(30),
        poll_interval: Duration::from_millis(100),
        ..follower
    }
}

fn cut(body: &[u8]) -> Vec<u8> {
    body[..body.len() / 2].to_vec()
}

fn on_any_request() -> Vec<Trick> {
    vec![
        ("internal error", || status(500)),
        ("unavailable", || status(503)),
        ("not allowed in", || status(401)),
        ("forbidden", || status(403)),
        ("gone", || status(410)),
        ("redirect to a login page", || {
            Reply::Bytes(
                b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n".to_vec(),
            )
        }),
        ("no content", || status(204)),
        ("hangs up at once", || Reply::Bytes(Vec::new())),
        ("not HTTP", || {
            Reply::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())
        }),
        ("HTML error page", || {
            Reply::Bytes(b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>".to_vec())
        }),
    ]
}

/// Lines on the watch that must not be believed.
fn on_the_watch() -> Vec<Trick> {
    vec![
        ("empty", || ok("content-type: application/x-ndjson\r\n", "")),
        ("not JSON", || line_then_silence(b"hello\n")),
        ("other JSON", || line_then_silence(b"{\"servers\":{}}\n")),
        ("JSON list", || line_then_silence(b"[]\n")),
        ("cut off and closed", || {
            Reply::Bytes([LINES_HEAD.as_bytes(), &cut(&full("c1", 9, &["/evil"]))].concat())
        }),
        ("cut off and silent", || {
            line_then_silence(&cut(&full("c1", 9, &["/evil"])))
        }),
        ("silent from the start", || line_then_silence(b"")),
        ("silent before the head", || Reply::Hang(Vec::new())),
        ("older revision", || {
            line_then_silence(&full("c1", 4, &["/old"]))
        }),
        ("older and empty", || line_then_silence(&full("c1", 1, &[]))),
        ("oversized line", || line_then_silence(&[b'x'; 600 * 1024])),
        ("other token", || {
            let stranger = Codec::new(Secret::new("another-token-of-good-length".to_owned()));
            line_then_silence(&stranger.full(&state("c2", 99, &["/evil"])).unwrap())
        }),
        ("changed on the way", || {
            let line = String::from_utf8(full("c1", 9, &["/evil"])).unwrap();
            line_then_silence(line.replace("/evil", "/exil").as_bytes())
        }),
        ("delta to something else", || {
            let line = codec()
                .delta(&state("c1", 7, &[]), &state("c1", 8, &["/evil"]))
                .unwrap();
            line_then_silence(&line)
        }),
    ]
}

/// Lists that must not be believed, with a registry that has no watch.
fn on_the_list() -> Vec<Trick> {
    vec![
        ("empty body", || json("")),
        ("HTML with 200", || {
            ok("content-type: text/html\r\n", "<!doctype html>")
        }),
        ("HTML that lies", || {
            json("<!doctype html><title>Log in</title>")
        }),
        ("cut-off JSON", || json(r#"{"/a": {"enabled": true, "po"#)),
        ("less than promised", || {
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"/b\":{\"enabled\":true,\"port\":1}}".to_vec())
        }),
        ("oversized", || {
            json(&format!(
                r#"{{"/b": {{"enabled": true, "port": 1, "x": "{}"}}}}"#,
                "x".repeat(300 * 1024)
            ))
        }),
        ("an error with 200", || {
            json(r#"{"detail": "Not authenticated"}"#)
        }),
        ("a number", || json("7")),
        ("null", || json("null")),
        ("entries without sense", || {
            json(r#"{"/a": [], "/b": 7, "../c": {"enabled": true, "port": 1}}"#)
        }),
        ("deep nesting", || json(&"[".repeat(100_000))),
        ("not modified, unasked", || status(304)),
        ("stalls in the middle", || {
            Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"/b\":".to_vec())
        }),
    ]
}

#[tokio::test]
async fn no_answer_to_the_watch_takes_a_route_away() {
    let mut revision = 5;
    let good = move |revision| line_then_silence(&full("c1", revision, &["/a"]));
    let registry = Registry::start(move |_| good(5)).await;
    let running = Running::start_with(&config(&registry.url()), None, impatient);
    running.until_routes(&["/a"]).await;
    for (name, trick) in on_any_request().into_iter().chain(on_the_watch()) {
        registry.script(move |_| trick());
        registry.asked(2).await;
        assert!(running.has(&["/a"]), "{name}");
        revision += 5;
        registry.script(move |_| good(revision));
        running
            .until(|snapshot| snapshot.revision.0 == revision)
            .await;
    }
    running.end().await;
}

#[tokio::test]
async fn no_answer_to_a_poll_takes_a_route_away() {
    let good = |port: u16| json(&format!(r#"{{"/a": {{"enabled": true, "port": {port}}}}}"#));
    let registry = Registry::start(move |request| {
        if request.is_watch() {
            status(404)
        } else {
            good(8000)
        }
    })
    .await;
    let running = Running::start_with(&config(&registry.url()), None, impatient);
    running.until_routes(&["/a"]).await;
    for (port, (name, trick)) in (8001..).zip(on_any_request().into_iter().chain(on_the_list())) {
        registry.script(move |request| {
            if request.is_watch() {
                status(404)
            } else {
                trick()
            }
        });
        registry.asked(3).await;
        assert!(running.has(&["/a"]), "{name}");
        registry.script(move |request| {
            if request.is_watch() {
                status(404)
            } else {
                good(port)
            }
        });
        let base = format!("http://localhost:{port}/");
        running
            .until(|now| {
                now.routes
                    .values()
                    .all(|route| route.endpoints.base.as_str() == base)
            })
            .await;
    }
    running.end().await;
}

#[tokio::test]
async fn a_dead_registry_takes_nothing_away_and_is_found_again() {
    let mut registry = Registry::start(|_| line_then_silence(&full("c1", 5, &["/a"]))).await;
    let mut config = config(&registry.url());
    config.heartbeat = Period::new(Duration::from_hours(1));
    let running = Running::start(&config, None);
    running.until_routes(&["/a"]).await;
    registry.kill().await;
    registry.script(|_| line_then_silence(&full("c1", 6, &["/a", "/b"])));
    assert!(running.has(&["/a"]));
    registry.revive().await;
    running.until_routes(&["/a", "/b"]).await;
    running.end().await;
}

#[tokio::test]
async fn another_cluster_is_adopted_when_it_proves_itself() {
    let registry = Registry::start(|_| line_then_silence(&full("c1", 50, &["/a"]))).await;
    let running = Running::start(&config(&registry.url()), None);
    running.until_routes(&["/a"]).await;
    registry.script(|_| line_then_silence(&full("c2", 3, &["/b"])));
    let adopted = running.until_routes(&["/b"]).await;
    assert_eq!((&*adopted.cluster.0, adopted.revision.0), ("c2", 3));
    running.end().await;
}

#[tokio::test]
async fn trouble_is_said_once_and_counted_each_time() {
    let log = log::Captured::start();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let registry = Registry::start(|_| status(500)).await;
    let running = Running::start(&config(&registry.url()), None);
    registry.asked(4).await;
    registry.script(|_| line_then_silence(&full("c1", 5, &["/a"])));
    running.until_routes(&["/a"]).await;
    registry.script(|_| line_then_silence(&full("c1", 4, &["/old"])));
    registry.asked(4).await;
    running.end().await;
    let text = log.text();
    let count = |needle: &str| text.lines().filter(|line| line.contains(needle)).count();
    assert_eq!(count("reason=\"status\""), 1, "{text}");
    assert_eq!(count("reason=\"older_revision\""), 1, "{text}");
    assert_eq!(count("no configuration yet"), 1, "{text}");
    assert_eq!(
        count("configuration updated cluster=c1 revision=5 servers=1 added=1"),
        1,
        "{text}"
    );
    assert_eq!(count("the registry is well again"), 1, "{text}");
    assert!(!text.contains(TOKEN));
    let metrics = recorder.handle().render();
    for line in [
        "mcp_gateway_poll_total{result=\"applied\"}",
        "mcp_gateway_poll_total{result=\"failed\"}",
        "mcp_gateway_snapshot_applied_total 1",
        "mcp_gateway_snapshot_rejected_total{reason=\"older_revision\"}",
        "mcp_gateway_snapshot_revision 5",
        "mcp_gateway_snapshot_age_seconds",
        "mcp_registry_request_duration_seconds",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

mod log {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::DefaultGuard;

    /// What this thread logs.
    pub(super) struct Captured {
        lines: Arc<Mutex<Vec<u8>>>,
        _guard: DefaultGuard,
        /// With one subscriber alone, tracing lets a thread that has none decide that nobody
        /// listens; a second one keeps the tests beside this one from switching its events off.
        _second: tracing::Dispatch,
    }

    impl Captured {
        pub(super) fn start() -> Self {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let sink = Sink(Arc::clone(&lines));
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_max_level(tracing::Level::INFO)
                .with_writer(move || sink.clone())
                .finish();
            let second = tracing::Dispatch::new(tracing_subscriber::registry());
            let guard = tracing::subscriber::set_default(subscriber);
            Self {
                lines,
                _guard: guard,
                _second: second,
            }
        }

        pub(super) fn text(&self) -> String {
            String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
        }
    }

    #[derive(Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
