//! Nobody is sent more than they take: a gateway between a fast and a slow side holds a bounded part
//! of what flows, for every pair of protocols, and loses nothing of it when the slow side goes on.
//!
//! What ends a side that never goes on is in `slowness`.

use bytes::Bytes;
use http::Request;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::client::{Client, tcp};
use super::h2_upstream::{self, H2Upstream};
use super::upstream::Upstream;
use super::wire::{Head, soon};
use crate::support::front::{Front, Server, Setup};
use crate::support::noise::Flow;

/// More than sockets and buffers on the way hold; a third of what is sent.
const HELD_AT_MOST: usize = 32 * 1024 * 1024;
const SENT: usize = 96 * 1024 * 1024;
const KINDS: [&str; 2] = ["application/octet-stream", "text/event-stream"];

/// A server that sends as fast as it may.
enum Fast {
    H1(Upstream),
    H2(H2Upstream),
}

impl Fast {
    fn url(&self) -> String {
        match self {
            Self::H1(upstream) => upstream.url("/"),
            Self::H2(upstream) => upstream.url("/"),
        }
    }

    async fn h1(tell: mpsc::Sender<usize>) -> Self {
        Self::H1(
            Upstream::scripted(move |call, mut wire| {
                let tell = tell.clone();
                async move {
                    let kind = kind_of(call.target());
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {SENT}\r\n\r\n"
                    );
                    wire.send(head).await.ok()?;
                    let mut flow = Flow::new();
                    wire.send_until_stuck(&mut flow, SENT).await;
                    tell.send(flow.at()).await.ok()?;
                    wire.send_flow(&mut flow, SENT).await.ok()?;
                    Some(wire)
                }
            })
            .await,
        )
    }

    async fn h2(tell: mpsc::Sender<usize>) -> Self {
        Self::H2(
            H2Upstream::scripted(move |mut stream| {
                let tell = tell.clone();
                async move {
                    let mut body = stream.open(kind_of(stream.head.uri().path()));
                    let mut flow = Flow::new();
                    h2_upstream::send_until_stuck(&mut body, &mut flow, SENT).await;
                    tell.send(flow.at()).await.unwrap();
                    if h2_upstream::send_flow(&mut body, &mut flow, SENT).await {
                        body.send_data(Bytes::new(), true).unwrap();
                    }
                }
            })
            .await,
        )
    }
}

fn kind_of(target: &str) -> &'static str {
    KINDS[usize::from(target.ends_with("events"))]
}

fn target_of(kind: &str) -> &'static str {
    if kind == KINDS[1] {
        "/a/events"
    } else {
        "/a/plain"
    }
}

fn front(url: &str) -> Front {
    let front = Front::start(Setup::default());
    front.apply([Server::new("/a", url).public().passthrough()]);
    front
}

/// A connection of which the test opens the windows.
async fn h2_client(front: &Front) -> (h2::client::SendRequest<Bytes>, TaskTracker) {
    let stream = tcp(front.plain).await;
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    (soon(sender.ready()).await.unwrap(), tasks)
}

fn request(front: &Front, method: &str, target: &str) -> Request<()> {
    let uri = format!("http://{}{target}", front.plain);
    let request = Request::builder().method(method).uri(uri);
    request.body(()).unwrap()
}

async fn slow_h1_client(front: &Front, kind: &str, told: &mut mpsc::Receiver<usize>) -> usize {
    let mut client = Client::plain(front.plain).await;
    client.send("GET", target_of(kind), &[], b"").await.unwrap();
    let head: Head = client.head().await;
    assert_eq!(head.one("content-type"), Some(kind));
    let taken = soon(told.recv()).await.unwrap();
    let mut flow = Flow::new();
    if head.one("content-length").is_some() {
        let rest = client.wire.expect_flow(&mut flow, SENT);
        soon(rest).await.unwrap();
    } else {
        while let Some(chunk) = soon(client.wire.chunk()).await.unwrap() {
            flow.expect(&chunk);
        }
    }
    assert_eq!(flow.at(), SENT);
    taken
}

async fn slow_h2_client(front: &Front, kind: &str, told: &mut mpsc::Receiver<usize>) -> usize {
    let (mut sender, _tasks) = h2_client(front).await;
    let request = request(front, "GET", target_of(kind));
    let (answer, _) = sender.send_request(request, true).unwrap();
    let mut body = soon(answer).await.unwrap().into_body();
    let taken = soon(told.recv()).await.unwrap();
    let mut flow = Flow::new();
    assert!(soon(h2_upstream::expect_flow(&mut body, &mut flow, SENT)).await);
    while let Some(rest) = soon(body.data()).await {
        assert!(rest.unwrap().is_empty());
    }
    taken
}

#[tokio::test]
async fn a_fast_server_waits_for_a_slow_client_whatever_either_speaks() {
    for is_h2_server in [false, true] {
        let (tell, mut told) = mpsc::channel(1);
        let server = if is_h2_server {
            Fast::h2(tell).await
        } else {
            Fast::h1(tell).await
        };
        let front = front(&server.url());
        for kind in KINDS {
            for is_h2_client in [false, true] {
                let taken = if is_h2_client {
                    slow_h2_client(&front, kind, &mut told).await
                } else {
                    slow_h1_client(&front, kind, &mut told).await
                };
                assert!(
                    taken < HELD_AT_MOST,
                    "{taken} bytes of {kind} were taken for a client that read none \
                     (HTTP/2: client {is_h2_client}, server {is_h2_server})"
                );
            }
        }
    }
}

/// A server that reads nothing until it is told, then everything.
async fn slow_h1_server(opened: mpsc::Sender<oneshot::Sender<()>>) -> Upstream {
    Upstream::with_open_bodies(move |call, mut wire| {
        let opened = opened.clone();
        async move {
            let (wake, woken) = oneshot::channel();
            opened.send(wake).await.ok()?;
            woken.await.ok()?;
            let mut flow = Flow::new();
            if call.head.one("content-length").is_some() {
                wire.expect_flow(&mut flow, SENT).await.ok()?;
            } else {
                while let Some(chunk) = wire.chunk().await.ok()? {
                    flow.expect(&chunk);
                }
            }
            let end = flow.at().to_string();
            let answer = super::upstream::json(&end);
            wire.send(answer).await.ok()?;
            Some(wire)
        }
    })
    .await
}

async fn slow_h2_server(opened: mpsc::Sender<oneshot::Sender<()>>) -> H2Upstream {
    H2Upstream::scripted(move |mut stream| {
        let opened = opened.clone();
        async move {
            let (wake, woken) = oneshot::channel();
            opened.send(wake).await.unwrap();
            if woken.await.is_ok() {
                let mut flow = Flow::new();
                h2_upstream::expect_flow(&mut stream.body, &mut flow, SENT).await;
                stream.json(&flow.at().to_string());
            }
        }
    })
    .await
}

async fn fast_h1_client(
    front: &Front,
    opened: &mut mpsc::Receiver<oneshot::Sender<()>>,
) -> (usize, String) {
    let mut client = Client::plain(front.plain).await;
    let length = SENT.to_string();
    let fields = [("content-length", length.as_str())];
    client.send("PUT", "/a/up", &fields, b"").await.unwrap();
    let wake = soon(opened.recv()).await.unwrap();
    let mut flow = Flow::new();
    client.wire.send_until_stuck(&mut flow, SENT).await;
    let taken = flow.at();
    wake.send(()).unwrap();
    let rest = client.wire.send_flow(&mut flow, SENT);
    soon(rest).await.unwrap();
    let reply = client.reply("PUT").await.unwrap();
    (taken, reply.text().to_owned())
}

async fn fast_h2_client(
    front: &Front,
    opened: &mut mpsc::Receiver<oneshot::Sender<()>>,
) -> (usize, String) {
    let (mut sender, _tasks) = h2_client(front).await;
    let request = request(front, "PUT", "/a/up");
    let (answer, mut upload) = sender.send_request(request, false).unwrap();
    let wake: oneshot::Sender<()> = soon(opened.recv()).await.unwrap();
    let mut flow = Flow::new();
    h2_upstream::send_until_stuck(&mut upload, &mut flow, SENT).await;
    let taken = flow.at();
    wake.send(()).unwrap();
    assert!(soon(h2_upstream::send_flow(&mut upload, &mut flow, SENT)).await);
    upload.send_data(Bytes::new(), true).unwrap();
    let mut body = soon(answer).await.unwrap().into_body();
    let text = soon(body.data()).await.unwrap().unwrap();
    (taken, String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test]
async fn a_fast_client_waits_for_a_slow_server_whatever_either_speaks() {
    for is_h2_server in [false, true] {
        let (open, mut opened) = mpsc::channel(1);
        let (h1, h2) = if is_h2_server {
            (None, Some(slow_h2_server(open).await))
        } else {
            (Some(slow_h1_server(open).await), None)
        };
        let url = h1.as_ref().map(|server| server.url("/"));
        let url = url.or_else(|| h2.as_ref().map(|server| server.url("/")));
        let front = front(&url.unwrap());
        for is_h2_client in [false, true] {
            let (taken, read) = if is_h2_client {
                fast_h2_client(&front, &mut opened).await
            } else {
                fast_h1_client(&front, &mut opened).await
            };
            assert!(
                taken < HELD_AT_MOST,
                "{taken} bytes were taken for a server that read none \
                 (HTTP/2: client {is_h2_client}, server {is_h2_server})"
            );
            assert_eq!(read, SENT.to_string());
        }
    }
}
