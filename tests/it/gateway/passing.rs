//! What passes through as it is: answers of every status to every method, their heads as far as the
//! protocol needs them, and event streams however they are cut.
//!
//! Beside it: fields of requests over HTTP/1 (`identity`), bodies of every size (`bodies`, `large`),
//! each event before the next (`streams`), what a server may not say to a browser (`bodies`).

use super::client::{Client, Field, H2, JSON, LIST, ask};
use super::upstream::{EVENTS, Upstream, chunk};
use crate::support::front::{Front, Server};
use http_body_util::BodyExt as _;

/// Answers that a client draws conclusions from: an era, a session's end, a method not offered.
const ANSWERS: &[(&str, &[Field<'_>], &[u8])] = &[
    ("200 OK", &[("content-type", "application/json; charset=utf-8")], b"{ \"jsonrpc\" : \"2.0\",\"id\":1 }\n"),
    ("200 OK", &[("mcp-session-id", "!~s-1"), ("cache-control", "private, max-age=5")], b"{}"),
    ("201 Created", &[("location", "/elsewhere")], b"\xff\x00\xfe not text"),
    ("202 Accepted", &[], b""),
    ("206 Partial Content", &[("content-range", "bytes 0-1/9")], b"ab"),
    ("307 Temporary Redirect", &[("location", "/other")], b""),
    ("400 Bad Request", &[JSON], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32022,\"message\":\"no\",\"data\":{\"supported\":[\"2025-11-25\"],\"requested\":\"2026-07-28\"}}}"),
    ("400 Bad Request", &[("content-type", "text/plain")], b"Bad Request: No valid session ID provided"),
    ("404 Not Found", &[JSON], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}"),
    ("404 Not Found", &[("content-type", "text/html")], b"<h1>Session not found</h1>"),
    ("405 Method Not Allowed", &[("allow", "POST")], b"{\"error\":\"Method not allowed.\"}"),
    ("405 Method Not Allowed", &[], b""),
    ("406 Not Acceptable", &[JSON], b"{\"error\":\"must accept both\"}"),
    ("409 Conflict", &[JSON], b"{\"error\":\"only one stream\"}"),
    ("415 Unsupported Media Type", &[], b"no"),
    ("429 Too Many Requests", &[("retry-after", "7")], b"slower"),
    ("500 Internal Server Error", &[("x-accel-buffering", "yes")], b"Traceback (most recent call last):\n"),
    ("503 Service Unavailable", &[("retry-after", "30")], b""),
    ("299 Its Own", &[("etag", "W/\"a\""), ("last-modified", "Tue, 01 Jan 2030 00:00:00 GMT")], b"kept"),
];

async fn server(status: &str, fields: &[Field<'_>], body: &[u8]) -> Upstream {
    let fields: String = fields
        .iter()
        .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
        .collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n");
    Upstream::answering([head.as_bytes(), body].concat()).await
}

#[tokio::test]
async fn answers_to_every_method_are_the_servers_own() {
    for (status, expected, body) in ANSWERS {
        let upstream = server(status, expected, body).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let mut client = Client::plain(front.plain).await;
        let mut h2 = H2::plain(front.plain).await;
        let code = status.split(' ').next().unwrap().parse::<u16>().unwrap();
        let fields = [JSON, ("mcp-session-id", "s-1")];
        let mut asked = 0;
        for target in ["/a", "/a/", "/a/mcp", "/a/mcp/"] {
            for method in ["POST", "GET", "DELETE"] {
                let sent = if method == "POST" {
                    LIST.as_bytes()
                } else {
                    b""
                };
                let case = format!("{method} {target}: {status}");
                let reply = client.ask(method, target, &fields, sent).await;
                assert_eq!(reply.status(), code, "{case}");
                assert!(reply.body == *body, "{case}");
                let answer = h2.send(method, target, &fields, sent).await.unwrap();
                assert_eq!(answer.status(), code, "{case}");
                for (name, value) in *expected {
                    assert_eq!(reply.head.one(name), Some(*value), "{case}");
                    assert_eq!(answer.headers()[*name], *value, "{case}");
                }
                let whole = answer.into_body().collect().await.unwrap().to_bytes();
                assert!(whole == body, "{case}");
                asked += 2;
            }
        }
        // Each of them asked the server, and asked it once.
        let calls = upstream.calls();
        assert_eq!(calls.len(), asked, "{status}");
        for call in calls {
            assert_eq!(call.target(), "/mcp");
            assert_eq!(call.head.one("mcp-session-id"), Some("s-1"));
        }
    }
}

#[tokio::test]
async fn an_accepted_notification_has_no_body_however_it_is_framed() {
    for framing in [
        "content-length: 0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "connection: close\r\n\r\n",
    ] {
        let answer = format!("HTTP/1.1 202 Accepted\r\n{framing}");
        let upstream = Upstream::scripted(move |_, mut wire| {
            let answer = answer.clone();
            async move {
                wire.send(&answer).await.ok()?;
                (!answer.contains("close")).then_some(wire)
            }
        })
        .await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let mut client = Client::plain(front.plain).await;
        let mut h2 = H2::plain(front.plain).await;
        let notification = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        for _ in 0..3 {
            let reply = client.ask("POST", "/a", &[JSON], notification).await;
            assert_eq!((reply.status(), reply.body.len()), (202, 0), "{framing}");
            assert_eq!(reply.head.one("connection"), None);
            let (status, body) = h2.ask("POST", "/a", &[JSON], notification).await;
            assert_eq!((status, body.len()), (202, 0), "{framing}");
        }
        for call in upstream.calls() {
            assert_eq!(call.body, notification);
        }
    }
}

/// Line ends of every kind, comments, a byte order mark, unknown fields, a split character, no data.
const STREAM: &str = "\u{feff}: hello\r\n\r\nid: 1\rdata: a\r\revent: x\ndata\ndata:\ndata:  two\n\n\
    retry: 10\r\nunknown: \u{1f600}\r\nid\r\ndata: {\"\u{e9}\":\"\\n\"}\r\n\r\n:\n\ndata: no end";

#[tokio::test]
async fn a_stream_is_the_same_bytes_wherever_it_is_cut() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let cut: usize = call.head.one("x-cut")?.parse().ok()?;
        let (first, second) = STREAM.as_bytes().split_at(cut);
        wire.send(EVENTS).await.ok()?;
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            wire.send(chunk(part)).await.ok()?;
        }
        wire.send("0\r\n\r\n").await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for cut in 0..=STREAM.len() {
        let cut = cut.to_string();
        let fields = [JSON, ("x-cut", cut.as_str())];
        let reply = client.ask("POST", "/a", &fields, LIST.as_bytes()).await;
        assert!(reply.body == STREAM.as_bytes(), "cut at {cut}");
        let (_, body) = h2.ask("GET", "/a", &fields, b"").await;
        assert!(body == STREAM.as_bytes(), "cut at {cut}");
    }
}

/// What must reach the server as it was sent.
const SENT: &[Field<'_>] = &[
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", "=?base64?w6k=?="),
    ("mcp-param-region", "eu west"),
    ("mcp-param-x", "=?base64?w6k=?="),
    ("mcp-param-unknown-to-all", "-0.50"),
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("tracestate", "a=1,b=2"),
    ("baggage", "k=v;p=1"),
    ("accept-language", "de;q=0.5, en"),
];
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u00e9","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

#[tokio::test]
async fn fields_reach_the_server_whatever_their_case_and_order() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let upper: Vec<(String, &str)> = SENT
        .iter()
        .map(|(name, value)| (name.to_ascii_uppercase(), *value))
        .collect();
    let upper: Vec<Field<'_>> = upper
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .rev()
        .collect();
    for fields in [SENT, &upper] {
        let reply = ask(front.plain, "POST", "/a", fields, CALL.as_bytes()).await;
        assert_eq!(reply.status(), 200);
    }
    let mut h2 = H2::tls(front.tls, "localhost").await;
    let answer = h2.ask("POST", "/a", SENT, CALL.as_bytes()).await;
    assert_eq!(answer.0, 200);
    let calls = upstream.calls();
    assert_eq!(calls.len(), 3);
    for call in calls {
        for (name, value) in SENT {
            assert_eq!(call.head.one(name), Some(*value), "{name}");
        }
        assert_eq!(call.body, CALL.as_bytes());
    }
}

#[tokio::test]
async fn sessions_and_events_of_the_legacy_era_do_not_stray_into_the_modern_one() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let stray = [("mcp-session-id", "s-1"), ("last-event-id", "e-1")];
    let modern = [SENT, &stray].concat();
    let reply = ask(front.plain, "POST", "/a", &modern, CALL.as_bytes()).await;
    assert_eq!(reply.status(), 200);
    let call = upstream.only_call();
    for (name, _) in stray {
        assert_eq!(call.head.one(name), None, "{name}");
    }
    for version in ["2025-03-26", "2025-11-25", "DRAFT-2026-v1"] {
        let legacy = [&stray[..], &[JSON, ("mcp-protocol-version", version)]].concat();
        let reply = ask(front.plain, "POST", "/a", &legacy, LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
        let call = upstream.calls().pop().unwrap();
        for (name, value) in stray {
            assert_eq!(call.head.one(name), Some(value), "{version}");
        }
    }
}

#[tokio::test]
async fn a_repeated_mcp_field_is_a_mismatch_in_every_era_and_for_every_method() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let mut h2 = H2::plain(front.plain).await;
    for name in [
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-session-id",
        "mcp-param-region",
    ] {
        for values in [["a", "a"], ["a", "b"], ["2025-11-25", "2026-07-28"]] {
            let fields = [JSON, (name, values[0]), (name, values[1])];
            for method in ["POST", "GET", "DELETE"] {
                let sent = if method == "POST" {
                    LIST.as_bytes()
                } else {
                    b""
                };
                let reply = ask(front.plain, method, "/a", &fields, sent).await;
                let case = format!("{method} {name} {values:?}");
                assert_eq!(reply.status(), 400, "{case}");
                assert_eq!(reply.json()["error"]["code"], -32_020, "{case}");
                assert_eq!(h2.ask(method, "/a", &fields, sent).await.0, 400, "{case}");
            }
        }
    }
    assert_eq!(upstream.connections(), 0);
}
