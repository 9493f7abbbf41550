//! Single HTTP/2 streams that stall, break or are too many: each meets its own end, and the others of
//! its connection are served.
//!
//! Slow connections are in `slowness`, answers of HTTP/1 servers that break off in `trouble`, floods of
//! frames in the process tests.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::Request;
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::client::{Client, H2, JSON, LIST, tcp};
use super::h2_upstream::{self, H2Upstream};
use super::upstream::{EVENTS, Upstream};
use super::wire::{Wire, soon};
use crate::support::frames::{self, Frame};
use crate::support::front::{Front, Server, Setup, millis};

/// A connection whose streams the test holds.
async fn client(front: &Front) -> (h2::client::SendRequest<Bytes>, TaskTracker) {
    let stream = tcp(front.plain).await;
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    (soon(sender.ready()).await.unwrap(), tasks)
}

fn post(front: &Front, target: &str) -> Request<()> {
    let uri = format!("http://{}{target}", front.plain);
    let request = Request::post(uri).header(JSON.0, JSON.1);
    request.body(()).unwrap()
}

#[tokio::test]
async fn a_stalled_upload_ends_alone_and_its_server_is_let_go() {
    let (gone, mut hears_gone) = mpsc::channel(4);
    let upstream = Upstream::with_open_bodies(move |call, mut wire| {
        let gone = gone.clone();
        async move {
            if call.head.one("x-stalls").is_none() {
                wire.body(&call.head).await.ok()?;
                wire.send(super::upstream::json("{}")).await.ok()?;
                return Some(wire);
            }
            wire.rest().await;
            gone.send(()).await.ok()?;
            None
        }
    })
    .await;
    let mut setup = Setup::default();
    setup.timeouts.body_idle = millis(500);
    let front = Front::start(setup);
    front.apply([
        Server::new("/a", &upstream.url("/")).public().passthrough(),
        Server::new("/held", &upstream.url("/")).public(),
    ]);
    for (target, is_raw) in [("/a/up", true), ("/a", true), ("/held", false)] {
        let (mut sender, _tasks) = client(&front).await;
        let mut stalling = post(&front, target);
        let stalls = http::HeaderValue::from_static("1");
        stalling.headers_mut().insert("x-stalls", stalls);
        let (stalled, mut upload) = sender.send_request(stalling, false).unwrap();
        let begun = Bytes::from_static(b"{");
        upload.send_data(begun, false).unwrap();
        // Beside it the connection serves.
        let mut sender = soon(sender.ready()).await.unwrap();
        let (answer, mut body) = sender.send_request(post(&front, "/a"), false).unwrap();
        let list = Bytes::from_static(LIST.as_bytes());
        body.send_data(list, true).unwrap();
        assert!(soon(answer).await.unwrap().status().is_success());
        assert_eq!(soon(stalled).await.unwrap().status(), 408, "{target}");
        if is_raw {
            soon(hears_gone.recv()).await.unwrap();
        }
        // And goes on to.
        let mut sender = soon(sender.ready()).await.unwrap();
        let health = Request::get(format!("http://{}/health", front.plain));
        let (answer, _) = sender.send_request(health.body(()).unwrap(), true).unwrap();
        assert_eq!(soon(answer).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn an_answer_that_an_h2_server_breaks_off_is_never_a_clean_end() {
    let upstream = H2Upstream::scripted(|mut stream| async move {
        let reason = match stream.head.uri().path() {
            "/no-error" => Reason::NO_ERROR,
            "/cancel" => Reason::CANCEL,
            "/internal" => Reason::INTERNAL_ERROR,
            _ => return,
        };
        let mut body = stream.open("text/event-stream");
        let event = Bytes::from_static(b"data: 1\n\n");
        body.send_data(event, false).unwrap();
        // Only once that has gone out.
        let woken = stream.head.headers().contains_key("x-wait");
        if woken {
            let _ = tokio::time::timeout(Duration::from_millis(50), h2_upstream::reset(&mut body))
                .await;
        }
        body.send_reset(reason);
    })
    .await;
    let front =
        Front::routing(["no-error", "cancel", "internal"].map(|path| {
            Server::new(&format!("/{path}"), &upstream.url(&format!("/{path}"))).public()
        }));
    for target in ["/no-error", "/cancel", "/internal"] {
        for fields in [&[JSON][..], &[JSON, ("x-wait", "1")]] {
            let mut plain = Client::plain(front.plain).await;
            let sent = plain.send("POST", target, fields, LIST.as_bytes());
            sent.await.unwrap();
            // Broken off before its head was out, it is a 502.
            let reply = plain.reply("POST").await;
            assert!(reply.is_err() || reply.unwrap().status() == 502, "{target}");
            let mut h2 = H2::plain(front.plain).await;
            let answer = h2.send("POST", target, fields, LIST.as_bytes()).await;
            let answer = answer.unwrap();
            if answer.status() == 200 {
                let whole = soon(answer.into_body().collect()).await;
                let error = std::error::Error::source(&whole.unwrap_err())
                    .and_then(|source| source.downcast_ref::<h2::Error>())
                    .and_then(h2::Error::reason);
                assert!(error.is_some_and(|reason| reason != Reason::NO_ERROR));
            } else {
                assert_eq!(answer.status(), 502, "{target}");
            }
            assert_eq!(h2.ask("GET", "/health", &[], b"").await.0, 200);
        }
    }
}

/// What a client gives up in the middle must not look whole to a server, whatever the reset says.
#[tokio::test]
async fn an_upload_that_is_reset_is_never_a_clean_end() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (tell, mut told) = mpsc::channel(4);
        let h1_tell = tell.clone();
        let h1 = Upstream::with_open_bodies(move |_, mut wire| {
            let tell = h1_tell.clone();
            async move {
                let first = wire.chunk().await.ok()??;
                tell.send(Ok(first)).await.ok()?;
                let next = wire.chunk().await.map_err(|error| error.to_string());
                tell.send(next.map_or_else(Err, |_| Ok(b"a clean end".to_vec())))
                    .await
                    .ok()?;
                None
            }
        })
        .await;
        let h2 = H2Upstream::scripted(move |mut stream| {
            let tell = tell.clone();
            async move {
                let first = stream.body.data().await.unwrap().unwrap();
                tell.send(Ok(first.to_vec())).await.unwrap();
                let next = match stream.body.data().await {
                    Some(Err(error)) => Err(error.to_string()),
                    _ => Ok(b"a clean end".to_vec()),
                };
                tell.send(next).await.unwrap();
            }
        })
        .await;
        let front = Front::routing([
            Server::new("/h1", &h1.url("/")).public().passthrough(),
            Server::new("/h2", &h2.url("/")).public().passthrough(),
        ]);
        for target in ["/h1/up", "/h2/up"] {
            let (mut sender, _tasks) = client(&front).await;
            let (_answer, mut upload) = sender.send_request(post(&front, target), false).unwrap();
            let begun = Bytes::from_static(b"half");
            upload.send_data(begun, false).unwrap();
            assert_eq!(soon(told.recv()).await.unwrap().unwrap(), b"half");
            upload.send_reset(reason);
            let end = soon(told.recv()).await.unwrap();
            assert!(end.is_err(), "{target} {reason:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_an_h2_server_refuses_is_a_502_and_sent_once() {
    for reason in [
        Reason::REFUSED_STREAM,
        Reason::ENHANCE_YOUR_CALM,
        Reason::HTTP_1_1_REQUIRED,
        Reason::CANCEL,
    ] {
        let upstream = H2Upstream::scripted(move |mut stream| async move {
            stream.answer.send_reset(reason);
        })
        .await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let mut client = Client::plain(front.plain).await;
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 502, "{reason:?}");
        assert_eq!(reply.json()["id"], 1);
        assert_eq!(upstream.streams(), 1, "{reason:?}");
    }
}

/// The next frame; `None` at the end of the connection.
async fn next(wire: &mut Wire) -> Option<Frame> {
    let head = soon(wire.exactly(9)).await.ok()?;
    let payload = soon(wire.exactly(Frame::length(&head))).await.ok()?;
    Some(Frame::new(&head, payload))
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_reach_nobody() {
    let (release, released) = watch::channel(false);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let mut released = released.clone();
        async move {
            released.wait_for(|released| *released).await.ok()?;
            wire.send(format!("{EVENTS}0\r\n\r\n")).await.ok()?;
            Some(wire)
        }
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut wire = Wire::new(tcp(front.plain).await);
    let mut opening = frames::opening();
    let streams: Vec<u32> = (0..140).map(|number| number * 2 + 1).collect();
    for stream in &streams {
        opening.extend(frames::get(*stream, "/a"));
    }
    wire.send(opening).await.unwrap();
    let mut refused = Vec::new();
    while refused.len() < 40 {
        let frame = next(&mut wire).await.expect("the connection goes on");
        if frame.kind == frames::RST_STREAM {
            assert_eq!(frame.code(), Some(Reason::REFUSED_STREAM.into()));
            refused.push(frame.stream);
        }
        assert_ne!(frame.kind, frames::GOAWAY);
    }
    assert_eq!(refused, streams[100..]);
    upstream.call(99).await;
    release.send(true).unwrap();
    let mut answered = 0;
    while answered < 100 {
        let frame = next(&mut wire).await.expect("the connection goes on");
        answered += usize::from(frame.kind == frames::HEADERS);
    }
    // The places are free again.
    wire.send(frames::get(1_001, "/a")).await.unwrap();
    loop {
        let frame = next(&mut wire).await.expect("the connection goes on");
        if (frame.kind, frame.stream) == (frames::HEADERS, 1_001) {
            break;
        }
    }
    assert_eq!(upstream.calls().len(), 101);
}
