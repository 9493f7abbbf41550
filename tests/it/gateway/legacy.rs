//! HTTP+SSE of 2024-11-05 below a path: streams, the message URL that they begin with, messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt as _;
use mcp::protocol::sse::{Event, Parser};
use tokio::sync::mpsc;

use super::client::{Client, Field, H2, JSON, LIST, Reply, ask};
use super::upstream::{EVENTS, Upstream, answer, chunk};
use super::wire::{Wire, soon};
use crate::support::front::{Front, ORIGIN, Server, Setup};

/// A server of 2024-11-05: whatever is posted to a session's URL comes out of that session's stream,
/// a hundred times where it asks for that.
pub(super) struct Legacy {
    pub(super) upstream: Upstream,
}

type Sessions = Arc<Mutex<HashMap<String, mpsc::Sender<Vec<u8>>>>>;

impl Legacy {
    /// `form` is what the endpoint event says; `ID` in it becomes the session's, `HOST` its own.
    pub(super) async fn naming(form: &str) -> Self {
        let form: Arc<str> = form.into();
        let sessions = Sessions::default();
        let next = Arc::new(AtomicUsize::new(0));
        let upstream = Upstream::scripted(move |call, wire| {
            let (form, sessions) = (Arc::clone(&form), Arc::clone(&sessions));
            let id = format!("s{}", next.fetch_add(1, Ordering::Relaxed));
            async move {
                if call.method() == "POST" {
                    let session = call.target().rsplit('=').next()?.to_owned();
                    return post(&sessions, &session, call.body, wire).await;
                }
                let (tell, told) = mpsc::channel(16);
                sessions.lock().unwrap().insert(id.clone(), tell);
                let host = call.head.one("host")?;
                let endpoint = form.replace("ID", &id).replace("HOST", host);
                stream(&endpoint, told, wire).await
            }
        })
        .await;
        Self { upstream }
    }

    /// The messages that arrived, as targets.
    fn posted(&self) -> Vec<String> {
        let calls = self.upstream.calls();
        calls
            .iter()
            .filter(|call| call.method() == "POST")
            .map(|call| call.target().to_owned())
            .collect()
    }
}

async fn post(sessions: &Sessions, session: &str, body: Vec<u8>, mut wire: Wire) -> Option<Wire> {
    let session = sessions.lock().unwrap().get(session).cloned();
    let answer = match session {
        Some(session) => {
            session.send(body).await.ok()?;
            answer("202 Accepted", "text/plain", b"Accepted")
        }
        None => answer("404 Not Found", "text/plain", b"no such session"),
    };
    wire.send(answer).await.ok()?;
    Some(wire)
}

async fn stream(endpoint: &str, mut told: mpsc::Receiver<Vec<u8>>, mut wire: Wire) -> Option<Wire> {
    wire.send(EVENTS).await.ok()?;
    let first = format!("event: endpoint\r\ndata: {endpoint}\r\n\r\n");
    wire.send(chunk(first)).await.ok()?;
    loop {
        tokio::select! {
            word = told.recv() => {
                let word = String::from_utf8(word?).ok()?;
                let event = chunk(format!("event: message\r\ndata: {word}\r\n\r\n"));
                let times = if word.contains("a hundred times") { 100 } else { 1 };
                wire.send(event.repeat(times)).await.ok()?;
            }
            more = wire.fill() => if !matches!(more, Ok(true)) {
                return None;
            },
        }
    }
}

/// A client's stream.
pub(super) struct Stream {
    client: Client,
    parser: Parser,
}

impl Stream {
    pub(super) async fn open(front: &Front, target: &str, token: &str) -> Self {
        // As browsers do that reconnect on their own.
        Self::resume(front, target, &[("authorization", token)], Some("7")).await
    }

    /// With these fields, from after an event on.
    pub(super) async fn resume(
        front: &Front,
        target: &str,
        fields: &[Field<'_>],
        last: Option<&str>,
    ) -> Self {
        let mut client = Client::plain(front.plain).await;
        let mut fields = [fields, &[("accept", "text/event-stream")]].concat();
        fields.extend(last.map(|id| ("last-event-id", id)));
        client.send("GET", target, &fields, b"").await.unwrap();
        let head = client.head().await;
        assert_eq!(head.word(1), "200", "{head:?}");
        Self {
            client,
            parser: Parser::new(1 << 20),
        }
    }

    pub(super) async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.parser.next_event().unwrap() {
                return event;
            }
            let chunk = soon(self.client.wire.chunk()).await.unwrap();
            self.parser.push(&chunk.expect("the stream ended"));
        }
    }

    /// The message URL, which is the first event.
    pub(super) async fn endpoint(&mut self) -> String {
        let event = self.event().await;
        assert_eq!(event.name(), Some(&b"endpoint"[..]));
        text(&event)
    }

    pub(super) async fn message(&mut self) -> String {
        let event = self.event().await;
        assert_eq!(event.name(), Some(&b"message"[..]));
        text(&event)
    }
}

pub(super) fn text(event: &Event) -> String {
    String::from_utf8(event.data().unwrap().into_owned()).unwrap()
}

pub(super) fn bearer(front: &Front, user: &str) -> String {
    format!("Bearer {}", front.issuer.token_of(user))
}

async fn post_as(front: &Front, target: &str, token: &str, message: &str) -> Reply {
    let fields = [JSON, ("authorization", token)];
    ask(front.plain, "POST", target, &fields, message.as_bytes()).await
}

/// A second gateway with what the first one has.
pub(super) fn replica(of: &Front, servers: impl IntoIterator<Item = Server>) -> Front {
    let front = Front::start(Setup::default());
    front.apply_with(servers, |access| access.trust = of.issuer.trust.clone());
    front
}

#[tokio::test]
async fn messages_reach_their_session_whatever_form_its_url_has() {
    for (form, target) in [
        ("/messages/?session_id=ID", "/messages/?session_id=s0"),
        ("messages?sessionId=ID", "/base/messages?sessionId=s0"),
        ("?s=ID", "/base/sse?s=s0"),
        ("http://HOST/deep/m?x=1&s=ID", "/deep/m?x=1&s=s0"),
    ] {
        let legacy = Legacy::naming(form).await;
        let front = Front::routing([Server::new("/a", &legacy.upstream.url("/base/sse"))]);
        let token = bearer(&front, "ann");
        let mut stream = Stream::open(&front, "/a/sse", &token).await;
        let endpoint = stream.endpoint().await;
        assert!(endpoint.starts_with("/a/message?s="), "{endpoint}");
        assert!(!endpoint.contains(target), "{endpoint}");
        let reply = post_as(&front, &endpoint, &token, LIST).await;
        assert_eq!((reply.status(), reply.text()), (202, "Accepted"));
        assert_eq!(stream.message().await, LIST);
        assert_eq!(legacy.posted(), [target], "{form}");
        let call = legacy.upstream.call(1).await;
        assert_eq!(call.head.one("x-user"), Some("Ann%20%C3%84"));
        assert_eq!(call.head.one("x-tool-name"), Some("tools/list"));
        assert_eq!(call.head.one("authorization"), None);
    }
}

#[tokio::test]
async fn a_server_without_another_endpoint_streams_at_its_own_path_too() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let front = Front::routing([Server::new("/team/a", &legacy.upstream.url("/sse"))]);
    let token = bearer(&front, "ann");
    for target in ["/team/a", "/team/a/", "/team/a/mcp", "/team/a/sse/"] {
        let mut stream = Stream::open(&front, target, &token).await;
        let endpoint = stream.endpoint().await;
        assert!(endpoint.starts_with("/team/a/message?s="), "{endpoint}");
        assert_eq!(post_as(&front, &endpoint, &token, LIST).await.status(), 202);
        assert_eq!(stream.message().await, LIST, "{target}");
    }
    for call in legacy.upstream.calls() {
        assert_eq!(call.head.one("last-event-id"), None);
    }
}

#[tokio::test]
async fn any_replica_takes_a_message_over_any_version_of_http() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let server = Server::new("/a", &legacy.upstream.url("/sse"));
    let front = Front::routing([server.clone()]);
    let other = replica(&front, [server]);
    let token = bearer(&front, "ann");
    let fields = [JSON, ("authorization", token.as_str())];
    let mut h2 = H2::tls(front.tls, "localhost").await;
    let answer = h2.send("GET", "/a/sse", &fields[1..], b"").await.unwrap();
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let mut events = answer.into_body();
    let mut frame = async || {
        let frame = soon(events.frame()).await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    };
    let first = frame().await;
    let endpoint = first
        .strip_prefix("event: endpoint\r\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\r\n"))
        .unwrap_or_else(|| panic!("{first:?}"));
    let mut far = H2::plain(other.plain).await;
    for _ in 0..3 {
        let posted = far.ask("POST", endpoint, &fields, LIST.as_bytes()).await;
        assert_eq!(posted, (202, "Accepted".into()));
        assert_eq!(
            frame().await,
            format!("event: message\r\ndata: {LIST}\r\n\r\n")
        );
    }
}

#[tokio::test]
async fn a_message_url_is_good_for_its_caller_and_its_server_only() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let url = legacy.upstream.url("/sse");
    let servers = [
        Server::new("/a", &url),
        Server::new("/b", &url),
        Server::new("/open", &url).public(),
    ];
    let front = Front::routing(servers);
    let (ann, bob) = (bearer(&front, "ann"), bearer(&front, "bob"));
    let mut stream = Stream::open(&front, "/a/sse", &ann).await;
    let endpoint = stream.endpoint().await;
    let token = endpoint.strip_prefix("/a/message?s=").unwrap();
    let middle = token.len() / 2;
    let swapped = if token.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let (before, after) = token.split_at(middle);
    let (_, after) = after.split_at(1);
    let forged = format!("{before}{swapped}{after}");
    let bad = [
        (endpoint.clone(), &bob),
        (format!("/b/message?s={token}"), &ann),
        (format!("/open/message?s={token}"), &ann),
        (format!("/a/message?s={forged}"), &ann),
        (format!("/a/message?s={before}"), &ann),
        (format!("/a/message?s={token}A"), &ann),
        (format!("/a/message?s={token}&x=1"), &ann),
        (format!("/a/message?s={}", "A".repeat(7_000)), &ann),
        ("/a/message?s=".to_owned(), &ann),
        ("/a/message?s=%41".to_owned(), &ann),
    ];
    for (target, caller) in bad {
        let reply = post_as(&front, &target, caller, LIST).await;
        assert_eq!(
            (reply.status(), &*reply.reason()),
            (404, "session_not_found")
        );
        let mut body = reply.json();
        body["error"]["data"]["request_id"].take();
        assert_eq!(
            body.to_string(),
            r#"{"error":{"code":4041,"data":{"reason":"session_not_found","request_id":null},"message":"there is no such session here; begin a new one"},"id":null,"jsonrpc":"2.0"}"#,
            "{target}"
        );
    }
    for target in [
        "/a/message",
        "/a/message?x=1",
        "/a/message/?s=1",
        "/a/messages?s=1",
    ] {
        let reply = post_as(&front, target, &ann, LIST).await;
        assert_eq!(
            (reply.status(), &*reply.reason()),
            (404, "not_found"),
            "{target}"
        );
    }
    let reply = ask(front.plain, "POST", &endpoint, &[JSON], LIST.as_bytes()).await;
    assert_eq!(reply.status(), 401);
    let reply = ask(
        front.plain,
        "GET",
        &endpoint,
        &[("authorization", &ann)],
        b"",
    )
    .await;
    assert_eq!(
        (reply.status(), reply.head.one("allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert!(legacy.posted().is_empty());
}

#[tokio::test]
async fn messages_are_read_and_authorised_like_any_other() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let front = Front::routing([Server::new("/a", &legacy.upstream.url("/sse"))]);
    let reader = format!("Bearer {}", front.reader_token());
    let mut stream = Stream::open(&front, "/a/sse", &reader).await;
    let endpoint = stream.endpoint().await;
    let call = |tool: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
    };
    let refused = post_as(&front, &endpoint, &reader, &call("write")).await;
    assert_eq!((refused.status(), &*refused.reason()), (403, "forbidden"));
    assert_eq!(refused.json()["id"], 7);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"x"}"#;
    assert_eq!(
        post_as(&front, &endpoint, &reader, twice).await.status(),
        400
    );
    let fields = [
        ("content-type", "text/plain"),
        ("authorization", reader.as_str()),
    ];
    let other = ask(front.plain, "POST", &endpoint, &fields, b"{}").await;
    assert_eq!(other.status(), 415);
    assert!(legacy.posted().is_empty());
    assert_eq!(
        post_as(&front, &endpoint, &reader, &call("read"))
            .await
            .status(),
        202
    );
    assert_eq!(stream.message().await, call("read"));
}

#[tokio::test]
async fn a_public_server_knows_nobody_and_its_urls_stay_its_own() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let url = legacy.upstream.url("/sse");
    let front = Front::routing([
        Server::new("/open", &url).public(),
        Server::new("/free", &url).public(),
    ]);
    let mut stream = Stream::open(&front, "/open/sse", "").await;
    let endpoint = stream.endpoint().await;
    let elsewhere = endpoint.replace("/open/", "/free/");
    assert_eq!(post_as(&front, &elsewhere, "", LIST).await.status(), 404);
    assert_eq!(post_as(&front, &endpoint, "", LIST).await.status(), 202);
    assert_eq!(stream.message().await, LIST);
}

#[tokio::test]
async fn a_stream_that_sends_messages_elsewhere_is_broken_off_before_the_client_learns_where() {
    for form in [
        "http://127.0.0.1:1/messages?id=ID",
        "//evil.example/messages",
        "https://HOST/messages",
        "http://HOST:99999/",
        "/long?PAD",
    ] {
        let legacy = Legacy::naming(&form.replace("PAD", &"x".repeat(5_000))).await;
        let front = Front::routing([Server::new("/a", &legacy.upstream.url("/sse"))]);
        let token = bearer(&front, "ann");
        let mut client = Client::plain(front.plain).await;
        let fields = [("authorization", token.as_str())];
        client.send("GET", "/a/sse", &fields, b"").await.unwrap();
        // The head may have been on its way already.
        if let Some(head) = soon(client.wire.head()).await.unwrap() {
            assert_eq!(head.word(1), "200");
            assert!(soon(client.wire.chunk()).await.is_err(), "{form}");
        }
        assert_eq!(soon(client.wire.rest()).await, b"", "{form}");
    }
}

#[tokio::test]
async fn the_url_starts_with_what_clients_have_in_front_of_the_path() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let front = Front::start(Setup {
        public_url: Some("https://gw.example/corp/mcp/"),
        ..Setup::default()
    });
    front.apply([Server::new("/a", &legacy.upstream.url("/sse"))]);
    let token = bearer(&front, "ann");
    let mut stream = Stream::open(&front, "/a/sse", &token).await;
    let endpoint = stream.endpoint().await;
    // The proxy in front takes its own part away.
    let inner = endpoint.strip_prefix("/corp/mcp").unwrap();
    assert!(inner.starts_with("/a/message?s="));
    assert_eq!(post_as(&front, inner, &token, LIST).await.status(), 202);
    assert_eq!(stream.message().await, LIST);
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_is_the_same_stream() {
    const STREAM: &str = ": hi\n\nid: 1\r\nevent: endpoint\r\ndata: /m?id=1\r\n\r\nevent: message\ndata: {}\n\n: ping\n\ndata: half";
    let cut = Arc::new(AtomicUsize::new(1));
    let at = Arc::clone(&cut);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let (head, tail) = STREAM.split_at(at.load(Ordering::Relaxed));
        async move {
            wire.send(EVENTS).await.ok()?;
            wire.send(chunk(head)).await.ok()?;
            wire.send(chunk(tail)).await.ok()?;
            wire.send("0\r\n\r\n").await.ok()?;
            Some(wire)
        }
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/sse")).public()]);
    let (before, rest) = STREAM.split_once("/m?id=1\r\n").unwrap();
    for byte in 1..STREAM.len() {
        cut.store(byte, Ordering::Relaxed);
        let reply = ask(front.plain, "GET", "/a/sse", &[], b"").await;
        let text = reply.text().strip_prefix(before).unwrap();
        let url = text.strip_suffix(rest).unwrap().strip_suffix('\n').unwrap();
        assert!(url.starts_with("/a/message?s="), "{byte}: {url}");
        assert!(url.len() < 100, "{byte}: {url}");
    }
}

#[tokio::test]
async fn answers_that_are_no_legacy_stream_pass_and_those_that_cannot_be_read_do_not() {
    let event = "event: endpoint\ndata: /m\n\n";
    let of_length = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    );
    let compressed = of_length.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    for (sent, status, body) in [
        (of_length.clone(), 200, None),
        (compressed, 502, None),
        (of_length.replace("200 OK", "404 No"), 404, Some(event)),
        (of_length.replace("event-stream", "plain"), 200, Some(event)),
    ] {
        let upstream = Upstream::answering(sent).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/sse")).public()]);
        let reply = ask(front.plain, "GET", "/a/sse", &[], b"").await;
        assert_eq!(reply.status(), status);
        match body {
            Some(body) => assert_eq!(reply.text(), body),
            None if status == 200 => assert!(reply.text().contains("/a/message?s=")),
            None => assert_eq!(reply.reason(), "upstream_protocol"),
        }
    }
}

#[tokio::test]
async fn a_passthrough_server_keeps_a_page_of_that_name() {
    let legacy = Legacy::naming("/messages?id=ID").await;
    let server = Server::new("/a", &legacy.upstream.url("/sse")).passthrough();
    let front = Front::routing([server]);
    let token = bearer(&front, "ann");
    let mut stream = Stream::open(&front, "/a/sse", &token).await;
    let endpoint = stream.endpoint().await;
    assert_eq!(post_as(&front, &endpoint, &token, LIST).await.status(), 202);
    assert_eq!(stream.message().await, LIST);
    let own = post_as(&front, "/a/message?s=1", &token, LIST).await;
    assert_eq!((own.status(), own.text()), (404, "no such session"));
    assert_eq!(legacy.posted(), ["/messages?id=s0", "/sse/message?s=1"]);
    let reader = format!("Bearer {}", front.reader_token());
    assert_eq!(
        post_as(&front, "/a/message?s=1", &reader, LIST)
            .await
            .status(),
        403
    );
}

#[tokio::test]
async fn browsers_may_ask_before_they_stream_and_post() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    for (target, methods) in [
        ("/a/sse", "GET, OPTIONS"),
        ("/a/message?s=x", "POST, OPTIONS"),
    ] {
        let fields = [
            ("origin", ORIGIN),
            ("access-control-request-method", "POST"),
        ];
        let reply = ask(front.plain, "OPTIONS", target, &fields, b"").await;
        assert_eq!(reply.status(), 204, "{target}");
        assert_eq!(reply.head.one("access-control-allow-origin"), Some(ORIGIN));
        let plain = ask(front.plain, "OPTIONS", target, &[], b"").await;
        assert_eq!(plain.head.one("allow"), Some(methods));
    }
    assert!(upstream.calls().is_empty());
}
