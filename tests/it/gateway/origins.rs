//! Pages of foreign origins are refused before anything happens in their name; pages of allowed ones
//! may read what servers answer, and only that; a server never learns of either.
//!
//! Which origins are foreign, and what a browser is told when it asks before it calls, is in
//! `admission`.

use super::client::{Client, Field, H2, JSON, LIST, ask};
use super::upstream::{EVENTS, Upstream, answer, json};
use crate::support::front::{Front, ORIGIN, Server, Setup};
use mcp::gateway::ControlPlane;

const EVIL: Field<'static> = ("origin", "https://evil.example");
const METHODS: [&str; 4] = ["POST", "GET", "DELETE", "OPTIONS"];
const CORS: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
];

fn body_of(method: &str) -> &'static [u8] {
    if method == "POST" {
        LIST.as_bytes()
    } else {
        b""
    }
}

#[tokio::test]
async fn a_foreign_page_is_refused_in_json_rpc_whoever_it_calls_as() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/pub", &upstream.url("/")).public(),
        Server::new("/raw", &upstream.url("/"))
            .public()
            .passthrough(),
        Server::new("/private", &upstream.url("/")),
    ]);
    let bearer = format!("Bearer {}", front.token());
    let fields = [JSON, EVIL, ("authorization", bearer.as_str())];
    let host = [("host", "localhost")];
    let mut plain = Client::plain(front.plain).await;
    let mut secure = Client::tls(front.tls, "localhost").await;
    for target in [
        "/pub",
        "/pub/mcp",
        "/raw/sub",
        "/private",
        "/no-such-server",
    ] {
        for method in METHODS {
            for reply in [
                plain.ask(method, target, &fields, body_of(method)).await,
                secure
                    .ask(
                        method,
                        target,
                        &[&fields[..], &host].concat(),
                        body_of(method),
                    )
                    .await,
            ] {
                let case = format!("{method} {target}");
                assert_eq!(reply.status(), 403, "{case}");
                let kind = reply.head.one("content-type");
                assert_eq!(kind, Some("application/json"), "{case}");
                let body = reply.json();
                assert_eq!(body["jsonrpc"], "2.0");
                assert!(body["id"].is_null());
                assert_eq!(body["error"]["data"]["reason"], "origin_refused");
                let code = body["error"]["code"].as_i64().unwrap();
                assert!(!(-32_768..=-32_000).contains(&code), "{case}: {code}");
                for name in CORS.iter().chain(&["www-authenticate", "set-cookie"]) {
                    assert_eq!(reply.head.one(name), None, "{case}");
                }
            }
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_foreign_page_is_refused_over_h2_before_its_body_has_come() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/pub", &upstream.url("/")).public()]);
    for mut client in [
        H2::plain(front.plain).await,
        H2::tls(front.tls, "localhost").await,
    ] {
        for method in METHODS {
            let answer = client.send(method, "/pub", &[JSON, EVIL], body_of(method));
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 403, "{method}");
            for name in CORS {
                assert!(!answer.headers().contains_key(name), "{method} {name}");
            }
        }
    }
    let mut client = Client::plain(front.plain).await;
    let announced = [JSON, EVIL, ("content-length", "1000")];
    client.send("POST", "/pub", &announced, b"").await.unwrap();
    assert_eq!(client.reply("POST").await.unwrap().status(), 403);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn only_the_very_origin_is_allowed() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    for (origin, status) in [
        (ORIGIN, 200),
        ("HTTPS://App.Example", 200),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("https://app.example.", 403),
        ("https://sub.app.example", 403),
        ("https://app.example@evil.example", 403),
        ("https://app.example, https://evil.example", 403),
        ("https://app.example https://evil.example", 403),
        ("app.example", 403),
        ("//app.example", 403),
        ("NULL", 403),
        ("*", 403),
        ("", 403),
        ("http://localhost.evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("chrome-extension://abcdef", 403),
    ] {
        let reply = ask(
            front.plain,
            "POST",
            "/a",
            &[JSON, ("origin", origin)],
            LIST.as_bytes(),
        )
        .await;
        assert_eq!(reply.status(), status, "{origin:?}");
        let echoed = reply.head.one(CORS[0]);
        assert_eq!(echoed, (status == 200).then_some(origin), "{origin:?}");
    }
}

#[tokio::test]
async fn an_allowed_page_reads_every_answer_of_a_server_and_the_server_sees_no_origin() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let bytes = match call.method() {
            "GET" => format!("{EVENTS}0\r\n\r\n").into_bytes(),
            "DELETE" => answer("404 Not Found", "text/plain", b"gone"),
            _ => {
                let fields = "HTTP/1.1 200 OK\r\nvary: Accept\r\naccess-control-allow-origin: *\r\n\
                              access-control-allow-credentials: true\r\n";
                let whole = String::from_utf8(json("{}")).unwrap();
                whole.replace("HTTP/1.1 200 OK\r\n", fields).into_bytes()
            }
        };
        wire.send(bytes).await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::routing([
        Server::new("/a", &upstream.url("/")).public(),
        Server::new("/private", &upstream.url("/")),
    ]);
    let with_origin = [JSON, ("origin", ORIGIN)];
    for (method, target, status) in [
        ("POST", "/a", 200),
        ("POST", "/a/mcp/", 200),
        ("GET", "/a", 200),
        ("DELETE", "/a", 404),
        // Refusals of our own are for the page to read too, the challenge above all.
        ("POST", "/private", 401),
        ("PUT", "/a", 405),
        ("POST", "/no-such-server", 404),
    ] {
        let reply = ask(front.plain, method, target, &with_origin, body_of(method)).await;
        let case = format!("{method} {target}");
        assert_eq!(reply.status(), status, "{case}");
        assert_eq!(reply.head.one(CORS[0]), Some(ORIGIN), "{case}");
        assert!(reply.head.all("vary").contains(&"Origin"), "{case}");
        assert_eq!(reply.head.one("access-control-allow-credentials"), None);
        let exposed = reply.head.one("access-control-expose-headers").unwrap();
        for name in ["Mcp-Session-Id", "MCP-Protocol-Version", "WWW-Authenticate"] {
            assert!(exposed.contains(name), "{case}: {exposed}");
        }
        let reply = ask(front.plain, method, target, &[JSON], body_of(method)).await;
        assert_eq!(reply.status(), status, "{case}");
        for name in CORS {
            assert_eq!(reply.head.one(name), None, "{case}");
        }
    }
    assert_eq!(upstream.calls().len(), 8);
    for call in upstream.calls() {
        assert_eq!(call.head.one("origin"), None);
        assert_eq!(call.head.one("referer"), None);
    }
}

#[tokio::test]
async fn an_allowed_page_may_read_nothing_beside_the_servers() {
    let registry = Upstream::ready().await;
    for control_plane in [
        ControlPlane::Local(registry.local_peer()),
        // One that hangs up, so that the gateway answers in its place.
        Setup::default().control_plane,
    ] {
        let front = Front::start(Setup {
            control_plane,
            ..Setup::default()
        });
        front.apply([]);
        for target in [
            "/health",
            "/ready",
            "/",
            "/api/servers",
            "/api/auth/me",
            "/api/gateway/watch",
            "/.well-known/x",
        ] {
            for method in ["GET", "OPTIONS"] {
                let reply = ask(front.plain, method, target, &[("origin", ORIGIN)], b"").await;
                for name in CORS {
                    assert_eq!(reply.head.one(name), None, "{method} {target}");
                }
            }
        }
    }
}
