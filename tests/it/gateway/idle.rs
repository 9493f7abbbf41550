//! Event streams that are silent for longer than anything else may take: they live as long as their
//! own limit lets them, whatever the limits of calls, connections and other bodies are, and end as
//! broken off when it is over.
//!
//! That comments count as traffic is in `streams`; the limits as shipped, up to days, are tested
//! beside the code with a paused clock.

use bytes::Bytes;
use h2::Reason;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::client::{Client, Field, H2, JSON, LIST, ask};
use super::h2_upstream::{self, H2Upstream};
use super::upstream::{EVENTS, Upstream, chunk};
use super::wire::soon;
use crate::support::front::{Front, Server, Setup, millis};

const EVENT: &str = "data: late\n\n";
const REQUESTS: [(&str, &[Field<'_>], &str); 3] = [
    ("GET", &[("mcp-protocol-version", "2025-11-25")], ""),
    (
        "POST",
        &[JSON, ("mcp-protocol-version", "2025-11-25")],
        LIST,
    ),
    (
        "POST",
        &[
            JSON,
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "subscriptions/listen"),
        ],
        r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#,
    ),
];

/// How a server learned that its stream is over.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    Closed,
    Reset(Option<Reason>),
}

type Tell = mpsc::Sender<()>;

/// Two servers that open a stream at `/stream`, send an event when told, and never answer elsewhere;
/// and where they tell of streams and of their ends.
async fn servers() -> (
    Upstream,
    H2Upstream,
    mpsc::Receiver<Tell>,
    mpsc::Receiver<Over>,
) {
    let (open, opened) = mpsc::channel(8);
    let (end, ended) = mpsc::channel(8);
    let (h1_open, h1_end) = (open.clone(), end.clone());
    let h1 = Upstream::scripted(move |call, mut wire| {
        let (open, end) = (h1_open.clone(), h1_end.clone());
        async move {
            if call.target() != "/stream" {
                wire.rest().await;
                return None;
            }
            let (tell, mut told) = mpsc::channel(1);
            wire.send(EVENTS).await.ok()?;
            open.send(tell).await.ok()?;
            loop {
                tokio::select! {
                    word = told.recv() => match word {
                        Some(()) => wire.send(chunk(EVENT)).await.ok()?,
                        None => std::future::pending().await,
                    },
                    more = wire.fill() => if !matches!(more, Ok(true)) {
                        end.send(Over::Closed).await.ok()?;
                        return None;
                    },
                }
            }
        }
    })
    .await;
    let h2 = H2Upstream::scripted(move |mut stream| {
        let (open, end) = (open.clone(), end.clone());
        async move {
            let (tell, mut told) = mpsc::channel(1);
            let mut body = stream.open("text/event-stream");
            open.send(tell).await.unwrap();
            loop {
                tokio::select! {
                    Some(()) = told.recv() => {
                        let event = Bytes::from_static(EVENT.as_bytes());
                        body.send_data(event, false).unwrap();
                    }
                    reason = h2_upstream::reset(&mut body) => {
                        end.send(Over::Reset(reason)).await.unwrap();
                        return;
                    }
                }
            }
        }
    })
    .await;
    (h1, h2, opened, ended)
}

fn routed(setup: Setup, h1: &Upstream, h2: &H2Upstream) -> Front {
    let front = Front::start(setup);
    front.apply([
        Server::new("/h1", &h1.url("/stream")).public(),
        Server::new("/h2", &h2.url("/stream")).public(),
        Server::new("/dead", &h1.url("/dead")).public(),
    ]);
    front
}

#[tokio::test]
async fn a_silent_stream_outlives_every_other_limit() {
    let (h1, h2, mut opened, _ended) = servers().await;
    let mut setup = Setup::default();
    let limits = &mut setup.timeouts;
    for limit in [
        &mut limits.first_byte,
        &mut limits.header,
        &mut limits.body_idle,
        &mut limits.keep_alive,
        &mut limits.write_stall,
        &mut limits.upstream_body_idle,
        &mut limits.upstream_keep_alive,
    ] {
        *limit = millis(100);
    }
    limits.call_total = millis(400);
    let front = routed(setup, &h1, &h2);
    let mut plain = Vec::new();
    let mut streams = Vec::new();
    for target in ["/h1", "/h2"] {
        for (method, fields, body) in REQUESTS {
            let mut client = Client::plain(front.plain).await;
            let sent = client.send(method, target, fields, body.as_bytes());
            sent.await.unwrap();
            let tell = soon(opened.recv()).await.unwrap();
            assert_eq!(client.head().await.word(1), "200");
            plain.push((client, tell));
            let mut client = H2::tls(front.tls, "localhost").await;
            let answer = client.send(method, target, fields, body.as_bytes());
            let answer = answer.await.unwrap();
            let tell = soon(opened.recv()).await.unwrap();
            streams.push((client, answer.into_body(), tell));
        }
    }
    // Calls without an answer meanwhile end by their limit, three of them one after the other.
    for _ in 0..3 {
        let reply = ask(front.plain, "POST", "/dead", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 504);
    }
    for (client, tell) in &mut plain {
        tell.send(()).await.unwrap();
        let event = soon(client.wire.chunk()).await.unwrap();
        assert_eq!(event.as_deref(), Some(EVENT.as_bytes()));
    }
    for (_, body, tell) in &mut streams {
        tell.send(()).await.unwrap();
        let event = soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(event.into_data().unwrap(), EVENT);
    }
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_broken_off_on_both_sides() {
    let (h1, h2, mut opened, mut ended) = servers().await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_stream_idle = millis(300);
    let front = routed(setup, &h1, &h2);
    for (target, over) in [
        ("/h1", Over::Closed),
        ("/h2", Over::Reset(Some(Reason::CANCEL))),
    ] {
        let mut client = Client::plain(front.plain).await;
        client.send("GET", target, &[], b"").await.unwrap();
        let _tell = soon(opened.recv()).await.unwrap();
        client.head().await;
        assert!(soon(client.wire.chunk()).await.is_err(), "{target}");
        assert_eq!(soon(ended.recv()).await.as_ref(), Some(&over));
        let mut client = H2::plain(front.plain).await;
        let answer = client.send("GET", target, &[], b"").await.unwrap();
        let _tell = soon(opened.recv()).await.unwrap();
        assert!(
            soon(answer.into_body().collect()).await.is_err(),
            "{target}"
        );
        assert_eq!(soon(ended.recv()).await.as_ref(), Some(&over));
        assert_eq!(client.ask("GET", "/health", &[], b"").await.0, 200);
    }
    assert!(front.gateway.streams.is_empty());
}
