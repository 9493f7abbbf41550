//! Bodies pass byte for byte and within limits. That none is stored is in `backpressure`, that long ones
//! are the same bytes in `large`.

use super::client::{Client, Field, H2, JSON, LIST, ask, ask_raw};
use super::upstream::{Upstream, answer, chunk, json};
use crate::support::front::{Front, Server};
use crate::support::noise::noise;

const SIZES: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 3 * 1024 * 1024];

/// A message of about so many bytes, written as no serialiser would.
fn message(length: usize) -> String {
    let padding: String = noise(length)
        .into_iter()
        .map(|byte| char::from(b' ' + byte % 90))
        .map(|letter| {
            if matches!(letter, '"' | '\\') {
                '\u{e9}'
            } else {
                letter
            }
        })
        .collect();
    format!(
        "\n{{ \"id\":1e0 ,\"jsonrpc\" : \"2.0\",\t\"method\":\"tools\\/list\", \"x\":\"{padding}\"}} "
    )
}

fn public(upstream: &Upstream) -> Front {
    Front::routing([
        Server::new("/held", &upstream.url("/")).public(),
        Server::new("/raw", &upstream.url("/"))
            .public()
            .passthrough(),
    ])
}

#[tokio::test]
async fn messages_reach_the_server_as_the_same_bytes() {
    let upstream = Upstream::ready().await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for length in SIZES {
        let message = message(length);
        let before = upstream.calls().len();
        let kind = [("content-type", "application/json; charset=utf-8")];
        let reply = client.ask("POST", "/held", &kind, message.as_bytes()).await;
        assert_eq!(reply.status(), 200, "{length}");
        let (status, _) = h2.ask("POST", "/held", &kind, message.as_bytes()).await;
        assert_eq!(status, 200, "{length}");
        for call in &upstream.calls()[before..] {
            assert!(call.body == message.as_bytes(), "{length}");
            let told = call.head.one("content-length").unwrap();
            assert_eq!(told, call.body.len().to_string());
            assert_eq!(call.head.one("content-type"), Some(kind[0].1));
        }
    }
}

#[tokio::test]
async fn chunked_messages_are_read_whatever_their_chunks_are() {
    let upstream = Upstream::ready().await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    let message = message(5_000);
    for size in [1, 7, 1_000, 10_000] {
        let pieces: Vec<u8> = message.as_bytes().chunks(size).flat_map(chunk).collect();
        let body = [&pieces, &b"0\r\n\r\n"[..]].concat();
        let fields = [JSON, ("transfer-encoding", "chunked")];
        let reply = client.ask("POST", "/held", &fields, &body).await;
        assert_eq!(reply.status(), 200);
        let call = upstream.calls().pop().unwrap();
        assert!(call.body == message.as_bytes(), "{size}");
        assert_eq!(call.head.one("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn unparsed_bodies_and_answers_are_the_same_bytes_both_ways() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let echo = answer("200 OK", "application/octet-stream", &call.body);
        wire.send(echo).await.ok()?;
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    let mut secure = Client::tls(front.tls, "localhost").await;
    let mut h2 = H2::tls(front.tls, "localhost").await;
    for length in SIZES {
        let body = noise(length);
        for method in ["POST", "PUT", "PATCH"] {
            let reply = client.ask(method, "/raw/up", &[], &body).await;
            assert!(
                reply.status() == 200 && reply.body == body,
                "{method} {length}"
            );
        }
        let host = [("host", "localhost")];
        let reply = secure.ask("PUT", "/raw/up", &host, &body).await;
        assert!(reply.status() == 200 && reply.body == body, "{length}");
        let (status, answered) = h2.ask("PUT", "/raw/up", &[], &body).await;
        assert!(status == 200 && answered == body, "{length}");
    }
}

#[tokio::test]
async fn answers_pass_with_any_framing() {
    let body = noise(100_000);
    let expected = body.clone();
    let upstream = Upstream::scripted(move |call, mut wire| {
        let body = body.clone();
        async move {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
            if call.target().ends_with("chunked") {
                wire.send(format!("{head}transfer-encoding: chunked\r\n\r\n"))
                    .await
                    .ok()?;
                for piece in body.chunks(999) {
                    wire.send(chunk(piece)).await.ok()?;
                }
                wire.send("0\r\nX-User: trailer\r\n\r\n").await.ok()?;
                return Some(wire);
            }
            wire.send(format!("{head}connection: close\r\n\r\n"))
                .await
                .ok()?;
            wire.send(&body).await.ok()?;
            None
        }
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for target in ["/raw/chunked", "/raw/close"] {
        let reply = client.ask("GET", target, &[], b"").await;
        assert!(reply.body == expected, "{target}");
        assert_eq!(reply.head.one("connection"), None);
        assert!(
            h2.ask("GET", target, &[], b"").await.1 == expected,
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_goes_nowhere() {
    let upstream = Upstream::ready().await;
    let front = public(&upstream);
    let limit = 4 * 1024 * 1024;
    let exact = format!("{LIST}{}", " ".repeat(limit - LIST.len()));
    let fits = ask(front.plain, "POST", "/held", &[JSON], exact.as_bytes()).await;
    assert_eq!((exact.len(), fits.status()), (limit, 200));
    let long = vec![b' '; limit + 1];
    let length = long.len().to_string();
    let mut client = Client::plain(front.plain).await;
    // Announced: refused before it comes.
    let fields = [JSON, ("content-length", length.as_str())];
    client.send("POST", "/held", &fields, b"").await.unwrap();
    let reply = client.reply("POST").await.unwrap();
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (413, "body_too_large")
    );
    let mut client = Client::plain(front.plain).await;
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    client.send("POST", "/held", &chunked, b"").await.unwrap();
    // The other side may stop reading as soon as it is too long.
    let _ = client.wire.send(chunk(&long)).await;
    assert_eq!(client.reply("POST").await.unwrap().status(), 413);
    let mut h2 = H2::plain(front.plain).await;
    assert_eq!(h2.ask("POST", "/held", &[JSON], &long).await.0, 413);
    assert_eq!(
        h2.ask("POST", "/held", &[JSON], LIST.as_bytes()).await.0,
        200
    );
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_unsupported_at_an_endpoint_and_passes_below_it() {
    let upstream = Upstream::ready().await;
    let front = public(&upstream);
    let cases: [&[Field<'_>]; 5] = [
        &[],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json-rpc")],
        &[JSON, ("content-encoding", "gzip")],
        &[JSON, ("content-encoding", "identity")],
    ];
    for fields in cases {
        let reply = ask(front.plain, "POST", "/held", fields, LIST.as_bytes()).await;
        assert_eq!(reply.status(), 415, "{fields:?}");
        let reply = ask(front.plain, "POST", "/raw/x", fields, LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200, "{fields:?}");
    }
    assert_eq!(upstream.calls().len(), cases.len());
}

#[tokio::test]
async fn expect_is_answered_by_us_and_only_when_the_body_is_wanted() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/held", &upstream.url("/")),
        Server::new("/raw", &upstream.url("/")).passthrough(),
    ]);
    let bearer = format!("Bearer {}", front.token());
    let length = LIST.len().to_string();
    for target in ["/held", "/raw/x"] {
        let expecting = [
            JSON,
            ("expect", "100-continue"),
            ("content-length", length.as_str()),
        ];
        let mut client = Client::plain(front.plain).await;
        let fields = [&expecting[..], &[("authorization", bearer.as_str())]].concat();
        client.send("POST", target, &fields, b"").await.unwrap();
        assert_eq!(client.head().await.word(1), "100");
        client.wire.send(LIST).await.unwrap();
        assert_eq!(client.reply("POST").await.unwrap().status(), 200);
        let call = upstream.calls().pop().unwrap();
        assert_eq!(
            (call.head.one("expect"), call.body),
            (None, LIST.as_bytes().to_vec())
        );
        let mut client = Client::plain(front.plain).await;
        client.send("POST", target, &expecting, b"").await.unwrap();
        assert_eq!(client.reply("POST").await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn heads_deletes_and_bodiless_answers_stay_bodiless() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let answer: &[u8] = match (call.method(), call.target()) {
            ("HEAD", _) => b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",
            ("DELETE", _) => b"HTTP/1.1 204 No Content\r\n\r\n",
            (_, "/304") => b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n",
            _ => b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        };
        wire.send(answer).await.ok()?;
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    let reply = client.ask("HEAD", "/raw/x", &[], b"").await;
    assert_eq!(
        (reply.status(), reply.head.one("content-length")),
        (200, Some("1234"))
    );
    assert_eq!(client.ask("DELETE", "/held", &[], b"").await.status(), 204);
    assert_eq!(client.ask("GET", "/raw/304", &[], b"").await.status(), 304);
    let reply = client.ask("POST", "/held", &[JSON], LIST.as_bytes()).await;
    assert_eq!((reply.status(), reply.body.len()), (202, 0));
    let methods: Vec<_> = upstream
        .calls()
        .iter()
        .map(|call| call.method().to_owned())
        .collect();
    assert_eq!(methods, ["HEAD", "DELETE", "GET", "POST"]);
    let mut h2 = H2::plain(front.plain).await;
    assert_eq!(h2.ask("DELETE", "/held", &[], b"").await.0, 204);
    // Bodies where none is expected are framed all the same, and leave nothing behind.
    let reply = client
        .ask("DELETE", "/raw/x", &[], b"GET /smuggled HTTP/1.1\r\n\r\n")
        .await;
    assert_eq!(reply.status(), 204);
    let reply = client
        .ask("GET", "/raw/last", &[], b"GET /smuggled HTTP/1.1\r\n\r\n")
        .await;
    assert_eq!(reply.status(), 202);
    let last = upstream.calls().pop().unwrap();
    assert_eq!((last.target(), last.body.len()), ("/last", 26));
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_is_passed_on_and_spoils_no_other_request() {
    let upstream = Upstream::with_open_bodies(|call, mut wire| async move {
        let early = call.target() == "/up";
        if !early {
            wire.body(&call.head).await.ok()?;
        }
        wire.send(json(if early { "\"early\"" } else { "\"late\"" }))
            .await
            .ok()?;
        if early {
            while matches!(wire.chunk().await, Ok(Some(_))) {}
        }
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    let mut slow = Client::plain(front.plain).await;
    let chunked = [("transfer-encoding", "chunked")];
    slow.send("PUT", "/raw/up", &chunked, &chunk("first"))
        .await
        .unwrap();
    assert_eq!(slow.reply("PUT").await.unwrap().text(), "\"early\"");
    // The upload goes on; others have no part in it.
    for _ in 0..5 {
        let reply = ask(front.plain, "POST", "/held", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.text(), "\"late\"");
    }
    let _: std::io::Result<()> = slow.wire.send("0\r\n\r\n").await;
}

#[tokio::test]
async fn what_a_server_says_of_its_connection_or_to_browsers_in_our_name_stays_here() {
    let upstream = Upstream::answering(
        "HTTP/1.1 404 Not Found\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
         set-cookie: a=b\r\nstrict-transport-security: max-age=0\r\nclear-site-data: *\r\n\
         access-control-allow-origin: *\r\nservice-worker-allowed: /\r\nalt-svc: h3\r\n\
         mcp-session-id: s\r\nx-own: kept\r\nserver: theirs\r\ncontent-type: text/html\r\n\
         content-length: 4\r\n\r\ngone",
    )
    .await;
    let front = public(&upstream);
    for target in ["/held", "/raw/x"] {
        let reply = ask(front.plain, "GET", target, &[], b"").await;
        assert_eq!((reply.status(), reply.text()), (404, "gone"));
        for (name, value) in [
            ("mcp-session-id", "s"),
            ("x-own", "kept"),
            ("content-type", "text/html"),
        ] {
            assert_eq!(reply.head.one(name), Some(value));
        }
        for name in [
            "connection",
            "x-hop",
            "keep-alive",
            "set-cookie",
            "strict-transport-security",
            "clear-site-data",
            "access-control-allow-origin",
            "service-worker-allowed",
            "alt-svc",
        ] {
            assert_eq!(reply.head.one(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn an_old_client_gets_its_answer_without_chunks() {
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        String::from_utf8_lossy(&chunk("old"))
    ))
    .await;
    let front = public(&upstream);
    let request = "GET /held HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let reply = ask_raw(front.plain, request).await.unwrap();
    assert_eq!((reply.status(), reply.text()), (200, "old"));
    assert_eq!(reply.head.one("transfer-encoding"), None);
}
