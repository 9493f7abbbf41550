//! Stops: what is in progress finishes at a soft one, nothing outlives a hard one.

use std::io;

use http_body_util::BodyExt as _;
use mcp::gateway::ControlPlane;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::client::{Client, H2, JSON, LIST, tcp};
use super::upstream::{EVENTS, Upstream, chunk, json};
use super::wire::{Wire, soon};
use crate::support::frames::{self, Frame};
use crate::support::front::{Front, Server, Setup};

/// Answers with what it is told: the first word opens (`stream` or `json`), each more is an event,
/// the end of them the end.
async fn told_upstream() -> (Upstream, mpsc::Receiver<mpsc::Sender<&'static str>>) {
    let (calls, called) = mpsc::channel(8);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let calls = calls.clone();
        async move {
            let (tell, mut told) = mpsc::channel::<&'static str>(8);
            calls.send(tell).await.ok()?;
            if told.recv().await? == "json" {
                wire.send(json("{}")).await.ok()?;
                return Some(wire);
            }
            wire.send(EVENTS).await.ok()?;
            while let Some(word) = told.recv().await {
                wire.send(chunk(word)).await.ok()?;
            }
            wire.send("0\r\n\r\n").await.ok()?;
            Some(wire)
        }
    })
    .await;
    (upstream, called)
}

/// The front's threads, joined elsewhere so that this thread's servers go on.
fn ending(front: Front) -> JoinHandle<io::Result<()>> {
    tokio::task::spawn_blocking(move || front.join())
}

async fn post(front: &Front) -> Client {
    let mut client = Client::plain(front.plain).await;
    client
        .send("POST", "/a", &[JSON], LIST.as_bytes())
        .await
        .unwrap();
    client
}

#[tokio::test]
async fn a_soft_stop_closes_idle_connections_and_takes_no_new_ones() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let address = front.plain;
    let mut silent = Wire::new(tcp(front.plain).await);
    let mut idle = Client::plain(front.plain).await;
    assert_eq!(
        idle.ask("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .status(),
        200
    );
    front.stop.soft.cancel();
    assert!(soon(idle.wire.rest()).await.is_empty());
    assert!(soon(silent.rest()).await.is_empty());
    soon(ending(front)).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_answer_in_progress_is_given_and_says_that_it_is_the_last() {
    let (upstream, mut called) = told_upstream().await;
    let front = Front::start(Setup {
        workers: 1,
        ..Setup::default()
    });
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = post(&front).await;
    let tell = soon(called.recv()).await.unwrap();
    let mut h2 = H2::plain(front.plain).await;
    let mut idle = Wire::new(tcp(front.plain).await);
    let stop = front.stop.clone();
    let on_h2 = async {
        let tell = soon(called.recv()).await.unwrap();
        stop.soft.cancel();
        // Once an idle connection is closed, the worker has heard of the stop.
        soon(idle.rest()).await;
        tell.send("json").await.unwrap();
    };
    let asked = h2.send("POST", "/a", &[JSON], LIST.as_bytes());
    let (answer, ()) = tokio::join!(asked, on_h2);
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        soon(answer.into_body().collect()).await.unwrap().to_bytes(),
        "{}"
    );
    h2.tasks.close();
    soon(h2.tasks.wait()).await;
    let ended = ending(front);
    assert!(!ended.is_finished());
    tell.send("json").await.unwrap();
    let reply = client.reply("POST").await.unwrap();
    assert_eq!((reply.status(), reply.text()), (200, "{}"));
    assert_eq!(reply.head.one("connection"), Some("close"));
    assert!(soon(client.wire.rest()).await.is_empty());
    soon(ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn h2_clients_are_told_to_go_away() {
    let front = Front::routing([]);
    let mut wire = Wire::new(tcp(front.plain).await);
    wire.send(frames::opening()).await.unwrap();
    let mut stopped = false;
    let mut kinds = Vec::new();
    soon(async {
        while let Ok(head) = wire.exactly(9).await {
            let payload = wire.exactly(Frame::length(&head)).await.unwrap();
            let frame = Frame::new(&head, payload);
            kinds.push(frame.kind);
            if frame.kind == frames::PING && frame.flags & frames::END == 0 {
                // Answer the ping by which a graceful end finds out what is on its way.
                let pong = frames::frame(frames::PING, frames::END, 0, &frame.payload);
                wire.send(pong).await.unwrap();
            }
            if !stopped {
                stopped = true;
                front.stop.soft.cancel();
            }
        }
    })
    .await;
    assert!(kinds.contains(&frames::GOAWAY), "no GOAWAY among {kinds:?}");
}

#[tokio::test]
async fn streams_without_end_close_at_a_soft_stop_and_answers_that_stream_finish() {
    let (upstream, mut called) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut answer = post(&front).await;
    let answering = soon(called.recv()).await.unwrap();
    answering.send("stream").await.unwrap();
    answer.head().await;
    let mut endless = Client::plain(front.plain).await;
    endless.send("GET", "/a", &[], b"").await.unwrap();
    let listening = soon(called.recv()).await.unwrap();
    listening.send("stream").await.unwrap();
    endless.head().await;
    // One that is asked for before the stop and opens after it.
    let mut late = Client::plain(front.plain).await;
    late.send("GET", "/a", &[], b"").await.unwrap();
    let opening = soon(called.recv()).await.unwrap();
    // A modern subscription is a POST, and as endless.
    let mut subscription = Client::plain(front.plain).await;
    let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#;
    subscription
        .send("POST", "/a", &[JSON], listen.as_bytes())
        .await
        .unwrap();
    let subscribed = soon(called.recv()).await.unwrap();
    subscribed.send("stream").await.unwrap();
    subscription.head().await;

    front.stop.soft.cancel();
    assert_eq!(soon(endless.wire.chunk()).await.unwrap(), None);
    assert_eq!(soon(subscription.wire.chunk()).await.unwrap(), None);
    opening.send("stream").await.unwrap();
    late.head().await;
    assert_eq!(soon(late.wire.chunk()).await.unwrap(), None);
    let ended = ending(front);
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        answering.send(event).await.unwrap();
        let arrived = soon(answer.wire.chunk()).await.unwrap().unwrap();
        assert_eq!(arrived, event.as_bytes());
    }
    assert!(!ended.is_finished());
    drop(answering);
    assert_eq!(soon(answer.wire.chunk()).await.unwrap(), None);
    soon(ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn tunnels_and_the_registrys_streams_close_at_a_soft_stop() {
    let registry = Upstream::scripted(|call, mut wire| async move {
        if call.head.one("upgrade").is_some() {
            let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            wire.send(switch).await.ok()?;
        } else {
            wire.send(EVENTS).await.ok()?;
        }
        wire.rest().await;
        None
    })
    .await;
    let front = Front::start(Setup {
        control_plane: ControlPlane::Local(registry.local_peer()),
        ..Setup::default()
    });
    front.apply([Server::new("/a", &registry.url("/")).public()]);
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let mut clients = Vec::new();
    for (target, fields) in [
        ("/a", &upgrade[..]),
        ("/ws/health", &upgrade[..]),
        ("/api/events", &[]),
    ] {
        let mut client = Client::plain(front.plain).await;
        client.send("GET", target, fields, b"").await.unwrap();
        client.head().await;
        clients.push(client);
    }
    front.stop.soft.cancel();
    for mut client in clients {
        let rest = soon(client.wire.rest()).await;
        assert!(rest.is_empty() || rest == b"0\r\n\r\n");
    }
    soon(ending(front)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_hard_stop_ends_everything() {
    let (upstream, mut called) = told_upstream().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut waiting = post(&front).await;
    let _unanswered = soon(called.recv()).await.unwrap();
    let mut streaming = post(&front).await;
    let tell = soon(called.recv()).await.unwrap();
    tell.send("stream").await.unwrap();
    streaming.head().await;
    front.stop.soft.cancel();
    front.stop.hard.cancel();
    soon(ending(front)).await.unwrap().unwrap();
    assert!(soon(waiting.wire.rest()).await.is_empty());
    assert!(soon(streaming.wire.chunk()).await.is_err());
}
