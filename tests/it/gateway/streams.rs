//! Event streams: passed as they come, ended when they must be.

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::client::{Client, H2, JSON, LIST, ask};
use super::upstream::{EVENTS, Upstream, chunk, json};
use super::wire::soon;
use crate::support::front::{Front, NOW, Server, Setup, millis, revoke};
use mcp::domain::policy::{ADMIN_SCOPE, Policy};

/// What a test tells a [`told_upstream`] to send next; dropping the sender ends the stream.
type Tell = mpsc::Sender<Vec<u8>>;

/// A server whose streams send what the test says, and one that reports the end of its client.
/// GET and POST both stream, but for messages that say `"json"`.
async fn told_upstream() -> (Upstream, mpsc::Receiver<Tell>, mpsc::Receiver<()>) {
    let (streams, opened) = mpsc::channel(8);
    let (gone, hears_gone) = mpsc::channel(8);
    let upstream = Upstream::scripted(move |call, mut wire| {
        let (streams, gone) = (streams.clone(), gone.clone());
        async move {
            let (tell, mut told) = mpsc::channel::<Vec<u8>>(8);
            streams.send(tell).await.ok()?;
            if call.target() == "/slow" {
                // The head waits for the first word.
                told.recv().await;
            }
            if call.body.windows(6).any(|six| six == b"\"json\"") {
                told.recv().await;
                wire.send(json("{}")).await.ok()?;
                return Some(wire);
            }
            wire.send(EVENTS).await.ok()?;
            loop {
                tokio::select! {
                    word = told.recv() => match word {
                        Some(word) => wire.send(chunk(word)).await.ok()?,
                        None => break,
                    },
                    more = wire.fill() => if !matches!(more, Ok(true)) {
                        gone.send(()).await.ok()?;
                        return None;
                    },
                }
            }
            wire.send("0\r\n\r\n").await.ok()?;
            Some(wire)
        }
    })
    .await;
    (upstream, opened, hears_gone)
}

fn bearer(front: &Front) -> String {
    format!("Bearer {}", front.token())
}

/// Opens a stream over HTTP/1; the client stands behind the head.
async fn open(front: &Front, token: &str, method: &str, body: &str) -> Client {
    let mut client = Client::plain(front.plain).await;
    let fields = [JSON, ("authorization", token)];
    client
        .send(method, "/a", &fields, body.as_bytes())
        .await
        .unwrap();
    assert_eq!(client.head().await.word(1), "200");
    client
}

/// The stream ends cleanly.
async fn ended(client: &mut Client) {
    assert_eq!(soon(client.wire.chunk()).await.unwrap(), None);
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent_and_untouched() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let events = [
        "id: 1\r\nevent: message\r\ndata: {\"a\":1}\r\n\r\n",
        ": keep-alive\n\n",
        "id: 2\nretry: 500\ndata:x\ndata: y\n\n",
        "data: half of",
        " an event\n\n",
        "\u{feff}event\rdata\r\r",
    ];
    for method in ["POST", "GET"] {
        let mut client = open(&front, &bearer(&front), method, LIST).await;
        let tell = soon(opened.recv()).await.unwrap();
        for event in events {
            tell.send(event.into()).await.unwrap();
            let arrived = soon(client.wire.chunk()).await.unwrap().unwrap();
            assert_eq!(arrived, event.as_bytes());
        }
        drop(tell);
        ended(&mut client).await;
    }
    let mut h2 = H2::tls(front.tls, "localhost").await;
    let token = bearer(&front);
    let fields = [JSON, ("authorization", token.as_str())];
    let answer = h2
        .send("POST", "/a", &fields, LIST.as_bytes())
        .await
        .unwrap();
    let mut body = answer.into_body();
    let tell = soon(opened.recv()).await.unwrap();
    for event in events {
        tell.send(event.into()).await.unwrap();
        let frame = soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event.as_bytes());
    }
    drop(tell);
    let rest = soon(body.collect()).await.unwrap();
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test]
async fn stream_heads_are_completed_but_never_overruled() {
    let cases = [
        ("", "no", "no-cache, no-transform"),
        ("cache-control: no-store\r\n", "no", "no-store"),
        (
            "X-Accel-Buffering: yes\r\n",
            "yes",
            "no-cache, no-transform",
        ),
    ];
    for (fields, buffering, caching) in cases {
        let head = EVENTS.replace("transfer-encoding", &format!("{fields}transfer-encoding"));
        let upstream = Upstream::answering(format!("{head}0\r\n\r\n")).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let reply = ask(front.plain, "GET", "/a", &[], b"").await;
        assert_eq!(reply.head.one("x-accel-buffering"), Some(buffering));
        assert_eq!(reply.head.one("cache-control"), Some(caching));
    }
    let upstream = Upstream::answering(json("{}")).await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let reply = ask(front.plain, "GET", "/a", &[], b"").await;
    assert_eq!(reply.head.one("x-accel-buffering"), None);
    assert_eq!(reply.head.one("cache-control"), None);
}

#[tokio::test]
async fn a_server_hears_within_a_second_that_its_client_is_gone() {
    let (upstream, mut opened, mut gone) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let token = bearer(&front);
    for method in ["POST", "GET"] {
        let client = open(&front, &token, method, LIST).await;
        let _tell = soon(opened.recv()).await.unwrap();
        drop(client);
        let heard = tokio::time::timeout(Duration::from_secs(1), gone.recv()).await;
        assert_eq!(heard, Ok(Some(())), "{method}");
    }
    let mut h2 = H2::plain(front.plain).await;
    let fields = [("authorization", token.as_str())];
    for whole_connection in [false, true] {
        let answer = h2.send("GET", "/a", &fields, b"").await.unwrap();
        let _tell = soon(opened.recv()).await.unwrap();
        if whole_connection {
            h2 = H2::plain(front.plain).await;
        }
        drop(answer);
        let heard = tokio::time::timeout(Duration::from_secs(1), gone.recv()).await;
        assert_eq!(heard, Ok(Some(())));
    }
    // The server may hear it a moment before the gateway has tidied up.
    let mut look = tokio::time::interval(Duration::from_millis(5));
    soon(async {
        while !front.gateway.streams.is_empty() {
            look.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_ends_the_call() {
    let (gone, mut hears_gone) = mpsc::channel(8);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let gone = gone.clone();
        async move {
            let _ = wire.rest().await;
            gone.send(()).await.ok()?;
            None
        }
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    client
        .send("POST", "/a", &[JSON], LIST.as_bytes())
        .await
        .unwrap();
    upstream.call(0).await;
    drop(client);
    let heard = tokio::time::timeout(Duration::from_secs(1), hears_gone.recv()).await;
    assert_eq!(heard, Ok(Some(())));
    let mut h2 = H2::plain(front.plain).await;
    let answer = h2.send("POST", "/a", &[JSON], LIST.as_bytes());
    tokio::select! {
        _ = answer => panic!("nobody answered"),
        _ = upstream.call(1) => {}
    }
    let heard = tokio::time::timeout(Duration::from_secs(1), hears_gone.recv()).await;
    assert_eq!(heard, Ok(Some(())));
}

/// Open descriptors of this process; other tests open some at the same time.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test]
async fn a_thousand_broken_streams_leave_nothing_behind() {
    let (upstream, mut opened, mut gone) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let token = bearer(&front);
    let before = descriptors();
    let mut h2 = H2::plain(front.plain).await;
    let fields = [("authorization", token.as_str())];
    for round in 0..1_000 {
        if round % 2 == 0 {
            drop(open(&front, &token, "GET", "").await);
        } else {
            drop(h2.send("GET", "/a", &fields, b"").await.unwrap());
        }
        let _open = soon(opened.recv()).await.unwrap();
        soon(gone.recv()).await.unwrap();
    }
    drop(h2);
    // Ends of connections are seen on other threads: wait for them, but not for ever.
    soon(async {
        while !front.gateway.streams.is_empty() || front.admission.open() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let after = descriptors();
    assert!(
        after < before + 300,
        "{before} descriptors before, {after} after"
    );
}

#[tokio::test]
async fn streams_close_when_their_server_is_disabled_and_others_stay() {
    let (upstream, mut opened, mut gone) = told_upstream().await;
    let other = Server::new("/b", &upstream.url("/"));
    let front = Front::routing([Server::new("/a", &upstream.url("/")), other.clone()]);
    let token = bearer(&front);
    let mut closing = open(&front, &token, "GET", "").await;
    let _closing = soon(opened.recv()).await.unwrap();
    let mut staying = Client::plain(front.plain).await;
    let fields = [("authorization", token.as_str())];
    staying.send("GET", "/b", &fields, b"").await.unwrap();
    staying.head().await;
    let tell = soon(opened.recv()).await.unwrap();
    front.apply([other]);
    ended(&mut closing).await;
    soon(gone.recv()).await.unwrap();
    tell.send(b"data: still here\n\n".to_vec()).await.unwrap();
    let event = soon(staying.wire.chunk()).await.unwrap().unwrap();
    assert_eq!(event, b"data: still here\n\n");
}

#[tokio::test]
async fn streams_close_when_their_token_is_revoked_and_others_stay() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let server = Server::new("/a", &upstream.url("/"));
    let front = Front::routing([server.clone()]);
    let token = |id: &str| format!("Bearer {}", front.issuer.token(id, ADMIN_SCOPE));
    let mut closing = open(&front, &token("t1"), "GET", "").await;
    let _closing = soon(opened.recv()).await.unwrap();
    let mut staying = open(&front, &token("t2"), "GET", "").await;
    let tell = soon(opened.recv()).await.unwrap();
    front.apply_with([server], |access| revoke(access, "t1"));
    ended(&mut closing).await;
    tell.send(b"data: still here\n\n".to_vec()).await.unwrap();
    assert!(soon(staying.wire.chunk()).await.unwrap().is_some());
}

#[tokio::test]
async fn streams_close_when_their_scope_is_taken_away() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let server = Server::new("/a", &upstream.url("/"));
    let front = Front::routing([server.clone()]);
    let mut closing = open(&front, &bearer(&front), "GET", "").await;
    let _closing = soon(opened.recv()).await.unwrap();
    front.apply_with([server], |access| {
        let mut rules = access.policy.rules().clone();
        rules.scopes.remove(ADMIN_SCOPE);
        access.policy = Policy::new(rules);
    });
    ended(&mut closing).await;
}

#[tokio::test]
async fn a_stream_that_opens_after_its_right_was_taken_is_closed_at_once() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let server = Server::new("/a", &upstream.url("/slow"));
    let front = Front::routing([server.clone()]);
    let token = format!("Bearer {}", front.issuer.token("t1", ADMIN_SCOPE));
    let mut client = Client::plain(front.plain).await;
    let fields = [("authorization", token.as_str())];
    client.send("GET", "/a", &fields, b"").await.unwrap();
    let tell = soon(opened.recv()).await.unwrap();
    front.apply_with([server], |access| revoke(access, "t1"));
    tell.send(Vec::new()).await.unwrap();
    let head = client.head().await;
    // A call that has been waiting for more than a moment is told why.
    if head.word(1) != "401" {
        ended(&mut client).await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let short = format!(
        "Bearer {}",
        front.issuer.token_until("t", ADMIN_SCOPE, NOW + 30)
    );
    let mut closing = open(&front, &short, "GET", "").await;
    let _closing = soon(opened.recv()).await.unwrap();
    let mut staying = open(&front, &bearer(&front), "GET", "").await;
    let tell = soon(opened.recv()).await.unwrap();
    front.clock.advance(31);
    ended(&mut closing).await;
    tell.send(b"data: still here\n\n".to_vec()).await.unwrap();
    assert!(soon(staying.wire.chunk()).await.unwrap().is_some());
}

#[tokio::test]
async fn calls_in_flight_are_not_cut_by_a_change() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let token = bearer(&front);
    let message = r#"{"jsonrpc":"2.0","id":"json","method":"tools/list"}"#;
    let fields = [JSON, ("authorization", token.as_str())];
    let mut client = Client::plain(front.plain).await;
    client
        .send("POST", "/a", &fields, message.as_bytes())
        .await
        .unwrap();
    let tell = soon(opened.recv()).await.unwrap();
    for round in 0..20 {
        let url = upstream.url(&format!("/{round}"));
        front.apply([Server::new("/a", &url), Server::new("/b", &url)]);
    }
    tell.send(Vec::new()).await.unwrap();
    let reply = client.reply("POST").await.unwrap();
    assert_eq!((reply.status(), reply.text()), (200, "{}"));
    front.apply([]);
    assert_eq!(
        ask(front.plain, "POST", "/a", &fields, b"{}")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn a_silent_stream_ends_by_its_own_timeout_and_comments_keep_it_alive() {
    let (upstream, mut opened, _gone) = told_upstream().await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_stream_idle = millis(700);
    setup.timeouts.upstream_body_idle = millis(50);
    setup.timeouts.upstream_first_byte = millis(50);
    setup.timeouts.keep_alive = millis(50);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/"))]);
    let mut client = open(&front, &bearer(&front), "GET", "").await;
    let tell = soon(opened.recv()).await.unwrap();
    let begin = tokio::time::Instant::now();
    while begin.elapsed() < Duration::from_millis(1_500) {
        tell.send(b": ping\n\n".to_vec()).await.unwrap();
        assert!(soon(client.wire.chunk()).await.unwrap().is_some());
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        tick.tick().await;
        tick.tick().await;
    }
    // Silence: the client is told that it is not a clean end.
    assert!(soon(client.wire.chunk()).await.is_err());
}
