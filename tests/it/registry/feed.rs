//! How servers are, live, over a WebSocket.

use axum::http::Method;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_util::task::TaskTracker;

use crate::support::TestApp;

/// A browser's end of a WebSocket, as raw bytes.
struct Socket {
    stream: DuplexStream,
    tasks: TaskTracker,
}

impl Socket {
    /// Opens one; the answer's head.
    async fn open(app: &TestApp, target: &str, headers: &str) -> (Self, String) {
        let (mut stream, server) = tokio::io::duplex(64 << 10);
        let service = TowerToHyperService::new(app.router.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            builder
                .serve_connection_with_upgrades(TokioIo::new(server), service)
                .await
                .ok();
        });
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost:7860\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Self { stream, tasks }, String::from_utf8(head).unwrap())
    }

    /// The next frame: its opcode and payload.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let opcode = self.stream.read_u8().await.unwrap() & 0x0f;
        let length = match self.stream.read_u8().await.unwrap() {
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await.unwrap();
        (opcode, payload)
    }

    async fn json(&mut self) -> Value {
        let (opcode, payload) = self.frame().await;
        assert_eq!(opcode, 1, "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).unwrap()
    }
}

#[tokio::test]
async fn the_feed_gives_all_and_then_what_changed() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(&token, &json!({"name": "a", "port": 1})).await;
    for target in ["/ws/health_status", "/api/health/ws/health_status"] {
        let credential = format!("authorization: Bearer {token}\r\n");
        let (mut socket, head) = Socket::open(&app, target, &credential).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(
            socket.json().await["/a"],
            json!({"status": "unknown", "last_checked_iso": null, "num_tools": 0})
        );
        app.add(&token, &json!({"name": "b", "port": 2, "enabled": false}))
            .await;
        assert_eq!(socket.json().await["/b"]["status"], "disabled");
        app.call(Method::DELETE, "/api/servers/b")
            .bearer(&token)
            .send()
            .await;
        assert_eq!(socket.json().await, json!({"/b": null}));
    }
}

#[tokio::test]
async fn a_stopping_registry_says_goodbye() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let credential = format!("authorization: Bearer {token}\r\n");
    let (mut socket, _) = Socket::open(&app, "/ws/health_status", &credential).await;
    assert_eq!(socket.json().await, json!({}));
    app.stop.cancel();
    assert_eq!(socket.frame().await.0, 8, "a close frame");
    drop(socket.stream);
    socket.tasks.close();
    socket.tasks.wait().await;
}

#[tokio::test]
async fn a_page_that_was_logged_out_is_cut_off() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let credential = format!("cookie: {}\r\n", session.cookie);
    let (mut socket, _) = Socket::open(&app, "/ws/health_status", &credential).await;
    assert_eq!(socket.json().await, json!({}));
    app.call(Method::POST, "/api/auth/logout")
        .session(&session)
        .send()
        .await;
    // The look at the session comes every few seconds of the paused clock.
    tokio::time::pause();
    assert_eq!(socket.frame().await.0, 8, "a close frame");
}

#[tokio::test]
async fn strangers_and_foreign_pages_get_no_feed() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let (_, head) = Socket::open(&app, "/ws/health_status", "").await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let foreign = format!(
        "cookie: {}\r\norigin: http://evil.example\r\n",
        session.cookie
    );
    let (_, head) = Socket::open(&app, "/ws/health_status", &foreign).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let plain = app
        .get("/api/health/ws/health_status")
        .cookie(&session.cookie)
        .send()
        .await;
    assert_eq!(plain.json(), json!({}), "without the upgrade: all at once");
}
