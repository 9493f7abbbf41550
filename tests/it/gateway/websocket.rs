//! WebSocket handshakes and tunnels.

use mcp::gateway::ControlPlane;
use tokio::sync::mpsc;

use super::client::{Client, Field, JSON, LIST, ask};
use super::upstream::Upstream;
use super::wire::{Wire, soon};
use crate::support::front::{Front, Server, Setup, millis, revoke};
use mcp::domain::policy::ADMIN_SCOPE;

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nset-cookie: a=b\r\n\r\n";
const ASKING: [Field<'static>; 4] = [
    ("connection", "keep-alive, Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

/// A server that switches and echoes until the end; it reports that end.
async fn echoing() -> (Upstream, mpsc::Receiver<()>) {
    let (ended, ends) = mpsc::channel(8);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let ended = ended.clone();
        async move {
            wire.send(SWITCHING).await.ok()?;
            echo(&mut wire).await;
            ended.send(()).await.ok()?;
            None
        }
    })
    .await;
    (upstream, ends)
}

async fn echo(wire: &mut Wire) {
    while let Ok(byte) = wire.exactly(1).await {
        if byte == b"!" || wire.send(byte).await.is_err() {
            return;
        }
    }
}

/// A tunnel to `target`, its handshake done.
async fn tunnel(front: &Front, target: &str, token: &str) -> Client {
    let mut client = Client::plain(front.plain).await;
    let fields = [&ASKING[..], &[("authorization", token)]].concat();
    client.send("GET", target, &fields, b"").await.unwrap();
    let head = client.head().await;
    assert_eq!(head.word(1), "101", "{head:?}");
    assert_eq!(head.one("upgrade"), Some("websocket"));
    assert_eq!(head.one("connection"), Some("upgrade"));
    assert!(head.one("sec-websocket-accept").is_some());
    assert_eq!(head.one("set-cookie"), None);
    client
}

async fn echoes(client: &mut Client, text: &str) {
    client.wire.send(text).await.unwrap();
    let echoed = soon(client.wire.exactly(text.len())).await.unwrap();
    assert_eq!(echoed, text.as_bytes());
}

fn bearer(front: &Front) -> String {
    format!("Bearer {}", front.token())
}

#[tokio::test]
async fn a_handshake_passes_and_bytes_flow_both_ways_until_either_side_closes() {
    let (upstream, mut ends) = echoing().await;
    let front = Front::routing([
        Server::new("/a", &upstream.url("/ws")),
        Server::new("/raw", &upstream.url("/base")).passthrough(),
    ]);
    let token = bearer(&front);
    for (target, endpoint) in [("/a", "/ws"), ("/a/mcp", "/ws"), ("/raw/sub", "/base/sub")] {
        let before = upstream.calls().len();
        let mut client = tunnel(&front, target, &token).await;
        echoes(&mut client, "\x00\u{ff}hello").await;
        let call = upstream.calls()[before].clone();
        assert_eq!(call.target(), endpoint);
        assert_eq!(call.head.one("upgrade"), Some("websocket"));
        assert_eq!(call.head.one("connection"), Some("upgrade"));
        assert_eq!(call.head.one("sec-websocket-key"), Some(ASKING[2].1));
        assert_eq!(call.head.one("authorization"), None);
        assert_eq!(call.head.one("x-user"), Some("Ann%20%C3%84"));
        if before == 0 {
            client.wire.send("!").await.unwrap();
            assert_eq!(soon(client.wire.rest()).await, b"");
        } else {
            drop(client);
        }
        soon(ends.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn a_tunnel_needs_a_token_and_every_right() {
    let (upstream, _ends) = echoing().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let reader = format!("Bearer {}", front.reader_token());
    for (token, status) in [("Bearer bad", 401), (reader.as_str(), 403)] {
        let fields = [&ASKING[..], &[("authorization", token)]].concat();
        assert_eq!(
            ask(front.plain, "GET", "/a", &fields, b"").await.status(),
            status
        );
    }
    let elsewhere = bearer(&front);
    let fields = [&ASKING[..], &[("authorization", elsewhere.as_str())]].concat();
    assert_eq!(
        ask(front.plain, "GET", "/a/sub", &fields, b"")
            .await
            .status(),
        404
    );
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn an_answer_other_than_101_is_never_tunnelled() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        let head = "HTTP/1.1 200 OK\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\nno";
        wire.send(head).await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    client.send("GET", "/a", &ASKING, b"").await.unwrap();
    // What follows is a request of its own, judged as such, and no part of a tunnel.
    client
        .wire
        .send("GET /api/gateway/watch HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let reply = client.reply("GET").await.unwrap();
    assert_eq!((reply.status(), reply.text()), (200, "no"));
    assert_eq!(reply.head.one("upgrade"), None);
    assert_eq!(client.reply("GET").await.unwrap().status(), 404);
    upstream.only_call();
}

#[tokio::test]
async fn a_101_that_was_not_asked_for_or_not_for_websocket_is_a_502() {
    let fakes = [
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n",
    ];
    for fake in fakes {
        let upstream = Upstream::answering(fake).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let reply = ask(front.plain, "GET", "/a", &ASKING, b"").await;
        assert_eq!(
            (reply.status(), reply.reason().as_str()),
            (502, "upstream_protocol"),
            "{fake}"
        );
    }
    let upstream = Upstream::answering(SWITCHING).await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let reply = ask(front.plain, "GET", "/a", &[], b"").await;
    assert_eq!(reply.status(), 502);
    let reply = ask(front.plain, "POST", "/a", &[JSON], LIST.as_bytes()).await;
    assert_eq!(reply.status(), 502);
    assert!(front.gateway.streams.is_empty());
}

#[tokio::test]
async fn an_upgrade_with_a_body_or_another_method_is_refused() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let reply = ask(
        front.plain,
        "GET",
        "/a",
        &ASKING,
        b"GET /x HTTP/1.1\r\n\r\n",
    )
    .await;
    assert_eq!(reply.status(), 400);
    let chunked = [&ASKING[..], &[("transfer-encoding", "chunked")]].concat();
    assert_eq!(
        ask(front.plain, "GET", "/a", &chunked, b"0\r\n\r\n")
            .await
            .status(),
        400
    );
    assert_eq!(
        ask(front.plain, "POST", "/a", &ASKING, b"").await.status(),
        400
    );
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn other_upgrades_are_ignored() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    for fields in [
        [
            ("connection", "upgrade, http2-settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
        ],
        [
            ("connection", "upgrade"),
            ("upgrade", "TLS/1.0"),
            ("x-a", "b"),
        ],
        [
            ("connection", "close"),
            ("upgrade", "websocket"),
            ("x-a", "b"),
        ],
    ] {
        let reply = ask(front.plain, "GET", "/a", &fields, b"").await;
        assert_eq!(reply.status(), 200);
        let call = upstream.calls().pop().unwrap();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(call.head.one(name), None, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn tunnels_close_when_their_right_ends() {
    let (upstream, mut ends) = echoing().await;
    let server = Server::new("/a", &upstream.url("/"));
    let front = Front::routing([server.clone()]);
    let token = |id: &str| format!("Bearer {}", front.issuer.token(id, ADMIN_SCOPE));
    let mut closing = tunnel(&front, "/a", &token("t1")).await;
    let mut staying = tunnel(&front, "/a", &token("t2")).await;
    front.apply_with([server], |access| revoke(access, "t1"));
    assert_eq!(soon(closing.wire.rest()).await, b"");
    soon(ends.recv()).await.unwrap();
    echoes(&mut staying, "still here").await;
    front.apply([]);
    assert_eq!(soon(staying.wire.rest()).await, b"");
}

#[tokio::test]
async fn a_tunnel_keeps_its_connections_place_and_ends_when_nothing_moves() {
    let (upstream, mut ends) = echoing().await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_stream_idle = millis(600);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/"))]);
    let mut client = tunnel(&front, "/a", &bearer(&front)).await;
    echoes(&mut client, "hello").await;
    assert_eq!(front.admission.open(), 1);
    assert_eq!(soon(client.wire.rest()).await, b"");
    soon(ends.recv()).await.unwrap();
    soon(async {
        while front.admission.open() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_registrys_websockets_pass_too() {
    let (registry, _ends) = echoing().await;
    let front = Front::start(Setup {
        control_plane: ControlPlane::Local(registry.local_peer()),
        ..Setup::default()
    });
    front.apply([]);
    let mut client = Client::plain(front.plain).await;
    let fields = [&ASKING[..], &[("cookie", "session=1")]].concat();
    client
        .send("GET", "/ws/health", &fields, b"")
        .await
        .unwrap();
    assert_eq!(client.head().await.word(1), "101");
    echoes(&mut client, "hello").await;
    assert_eq!(registry.only_call().head.one("cookie"), Some("session=1"));
}
