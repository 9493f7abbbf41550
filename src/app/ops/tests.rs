use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::telemetry::LevelHandle;

fn ops() -> Ops {
    Ops {
        readiness: Readiness::new(),
        metrics: Metrics::local().1,
        level: LevelHandle::detached("INFO").unwrap(),
    }
}

async fn ask(ops: &Ops, method: &str, path: &str, body: &str, from: &str) -> (u16, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body.to_owned()))
        .unwrap();
    request.extensions_mut().insert(Peer(from.parse().unwrap()));
    let response = router(ops.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

const HERE: &str = "127.0.0.1:5";

#[tokio::test]
async fn ready_says_what_is_missing() {
    let ops = ops();
    let guard = ops.readiness.guard("waiting for the first snapshot");
    let (status, body) = ask(&ops, "GET", "/ready", "", HERE).await;
    assert_eq!(status, 503);
    assert_eq!(
        body,
        r#"{"ready":false,"reasons":["waiting for the first snapshot"]}"#
    );
    assert_eq!(
        ask(&ops, "GET", "/health", "", HERE).await,
        (200, "OK".to_owned())
    );
    drop(guard);
    let (status, body) = ask(&ops, "GET", "/ready", "", HERE).await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"ready":true,"reasons":[]}"#)
    );
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let (recorder, metrics) = Metrics::local();
    ::metrics::with_local_recorder(&recorder, || ::metrics::counter!("x_total").increment(3));
    let ops = Ops { metrics, ..ops() };
    let (status, body) = ask(&ops, "GET", "/metrics", "", HERE).await;
    assert_eq!(status, 200);
    assert!(body.contains("x_total 3"), "{body}");
}

#[tokio::test]
async fn the_log_level_changes_by_word_or_json_from_this_machine_only() {
    let ops = ops();
    let (status, body) = ask(&ops, "PUT", "/log-level", "debug\n", HERE).await;
    assert_eq!((status, body.as_str()), (200, r#"{"level":"debug"}"#));
    let (status, _) = ask(
        &ops,
        "PUT",
        "/log-level",
        r#"{"level":"Warning"}"#,
        "[::1]:5",
    )
    .await;
    assert_eq!(status, 200);
    let (status, body) = ask(&ops, "PUT", "/log-level", "trace", "192.0.2.1:5").await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(
        ask(&ops, "GET", "/log-level", "", HERE).await.1,
        r#"{"level":"Warning"}"#
    );
}

#[tokio::test]
async fn a_wrong_level_is_refused_with_the_words_that_are_right() {
    let ops = ops();
    for wrong in ["loud", "", "{}", r#"{"level":3}"#, "mcp=loud"] {
        let (status, body) = ask(&ops, "PUT", "/log-level", wrong, HERE).await;
        assert_eq!(status, 422, "{wrong}");
        assert!(
            body.contains("error, warning, info, debug or trace"),
            "{body}"
        );
    }
    assert_eq!(ops.level.current(), "INFO");
}

#[tokio::test]
async fn anything_else_is_not_found() {
    assert_eq!(ask(&ops(), "GET", "/", "", HERE).await.0, 404);
}

#[tokio::test]
async fn serves_on_a_socket_and_ends_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Kept alive: the stop must not wait for the client to leave.
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"OK") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        stop.cancel();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let (served, answer) = tokio::join!(serve(listener, ops(), stop.clone()), client);
    served.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}
