//! A server that speaks HTTP/2 over TLS and does with each stream what a script says.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::wire::STUCK;
use crate::support::front::server_tls;
use crate::support::noise::Flow;

/// One request: its head, its body to come, and the way to answer.
pub(crate) struct Stream {
    pub(crate) head: Request<()>,
    pub(crate) body: RecvStream,
    pub(crate) answer: SendResponse<Bytes>,
}

type Scripted = Pin<Box<dyn Future<Output = ()> + Send>>;
type Script = dyn Fn(Stream) -> Scripted + Send + Sync;

/// A server on a port of the kernel's choice.
pub(crate) struct H2Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    acceptor: TlsAcceptor,
    streams: AtomicUsize,
    connections: AtomicUsize,
    tasks: TaskTracker,
}

impl H2Upstream {
    /// Runs the script for each stream; when it ends, what it still held is reset or dropped.
    pub(crate) async fn scripted<F>(script: impl Fn(Stream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(move |stream| Box::pin(script(stream))),
            acceptor: TlsAcceptor::from(server_tls(&[b"h2"])),
            streams: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
        });
        let accepting = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let shared = Arc::clone(&accepting);
                accepting.tasks.spawn(shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// The URL of a path here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Requests so far.
    pub(crate) fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let Ok(stream) = self.acceptor.accept(stream).await else {
            return;
        };
        self.connections.fetch_add(1, Ordering::Relaxed);
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        while let Some(Ok((request, answer))) = connection.accept().await {
            self.streams.fetch_add(1, Ordering::Relaxed);
            let (head, body) = request.into_parts();
            self.tasks.spawn((self.script)(Stream {
                head: Request::from_parts(head, ()),
                body,
                answer,
            }));
        }
    }
}

impl Stream {
    /// Answers with a head; the body is to be sent.
    pub(crate) fn open(&mut self, kind: &str) -> SendStream<Bytes> {
        let head = Response::builder().header("content-type", kind);
        self.answer
            .send_response(head.body(()).unwrap(), false)
            .unwrap()
    }

    /// Answers with JSON.
    pub(crate) fn json(&mut self, body: &str) {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        self.open("application/json")
            .send_data(bytes, true)
            .unwrap();
    }

    /// Reads the body to its end; `None` when it breaks off.
    pub(crate) async fn whole_body(&mut self) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(data) = self.body.data().await {
            let data = data.ok()?;
            self.body.flow_control().release_capacity(data.len()).ok()?;
            whole.extend_from_slice(&data);
        }
        Some(whole)
    }

    /// Waits for the other side to reset the stream before it is answered.
    pub(crate) async fn reset(&mut self) -> Option<Reason> {
        std::future::poll_fn(|context| self.answer.poll_reset(context))
            .await
            .ok()
    }
}

/// Waits for the other side to reset a stream that is being answered.
pub(crate) async fn reset(body: &mut SendStream<Bytes>) -> Option<Reason> {
    std::future::poll_fn(|context| body.poll_reset(context))
        .await
        .ok()
}

/// Sends on from where `flow` is, up to `end`, until the other side's windows take no more.
pub(crate) async fn send_until_stuck(body: &mut SendStream<Bytes>, flow: &mut Flow, end: usize) {
    while flow.at() < end {
        let Ok(true) = tokio::time::timeout(STUCK, send_piece(body, flow, end)).await else {
            return;
        };
    }
}

/// Sends the rest of `flow` up to `end`; false when the other side is gone.
pub(crate) async fn send_flow(body: &mut SendStream<Bytes>, flow: &mut Flow, end: usize) -> bool {
    while flow.at() < end {
        if !send_piece(body, flow, end).await {
            return false;
        }
    }
    true
}

async fn send_piece(body: &mut SendStream<Bytes>, flow: &mut Flow, end: usize) -> bool {
    let piece = Bytes::from(flow.piece(end));
    body.reserve_capacity(piece.len());
    // What was granted before is not announced again.
    let mut capacity = body.capacity();
    if capacity == 0 {
        let grant = std::future::poll_fn(|context| body.poll_capacity(context)).await;
        let Some(Ok(granted)) = grant else {
            return false;
        };
        capacity = granted;
    }
    let piece = piece.slice(..capacity.min(piece.len()));
    flow.advance(piece.len());
    body.send_data(piece, false).is_ok()
}

/// Reads what must be `flow`, up to `end`; false when it breaks off before.
pub(crate) async fn expect_flow(body: &mut RecvStream, flow: &mut Flow, end: usize) -> bool {
    while flow.at() < end {
        let Some(Ok(data)) = body.data().await else {
            return false;
        };
        flow.expect(&data);
        let _ = body.flow_control().release_capacity(data.len());
    }
    true
}
