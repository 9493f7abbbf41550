//! A recording MCP server that does what a script says, byte by byte.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp::gateway::LocalPeer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::wire::{Head, Wire, soon};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Which of the upstream's connections it came on, from 0.
    pub(crate) connection: usize,
}

impl Call {
    pub(crate) fn method(&self) -> &str {
        self.head.word(0)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.word(1)
    }
}

type Scripted = Pin<Box<dyn Future<Output = Option<Wire>> + Send>>;
type Script = dyn Fn(Call, Wire) -> Scripted + Send + Sync;

/// A server on a port of the kernel's choice.
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    holds_bodies: bool,
    connections: AtomicUsize,
    calls: watch::Sender<Vec<Call>>,
    tasks: TaskTracker,
}

impl Upstream {
    /// For each request, its body read: the script answers on the wire and gives it back if more
    /// may come on it.
    pub(crate) async fn scripted<F>(
        script: impl Fn(Call, Wire) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        Self::start(
            true,
            Box::new(move |call, wire| Box::pin(script(call, wire))),
        )
        .await
    }

    /// The same with the body still on the wire.
    pub(crate) async fn with_open_bodies<F>(
        script: impl Fn(Call, Wire) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        Self::start(
            false,
            Box::new(move |call, wire| Box::pin(script(call, wire))),
        )
        .await
    }

    /// Answers everything with the same bytes and keeps the connection.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::scripted(move |_, mut wire| {
            let answer = Arc::clone(&answer);
            async move {
                wire.send(&answer).await.ok()?;
                Some(wire)
            }
        })
        .await
    }

    /// Answers everything with a JSON-RPC result.
    pub(crate) async fn ready() -> Self {
        Self::answering(json(RESULT)).await
    }

    async fn start(holds_bodies: bool, script: Box<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script,
            holds_bodies,
            connections: AtomicUsize::new(0),
            calls: watch::Sender::default(),
            tasks: TaskTracker::new(),
        });
        let accepting = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                accepting.serve(Wire::new(stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same script behind an in-memory connection, as the registry of the process is.
    pub(crate) fn local_peer(&self) -> LocalPeer {
        let shared = Arc::clone(&self.shared);
        let runtime = tokio::runtime::Handle::current();
        LocalPeer::new(move || {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let _here = runtime.enter();
            shared.serve(Wire::new(far));
            near
        })
    }

    /// What arrived so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The `index`th request, once it is there.
    pub(crate) async fn call(&self, index: usize) -> Call {
        let mut calls = self.shared.calls.subscribe();
        let calls = soon(calls.wait_for(|calls| calls.len() > index)).await;
        calls.unwrap()[index].clone()
    }

    /// The only request that arrived.
    #[track_caller]
    pub(crate) fn only_call(&self) -> Call {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].clone()
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, mut wire: Wire) {
        let shared = Arc::clone(self);
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(async move {
            while let Ok(Some(head)) = wire.head().await {
                let body = if shared.holds_bodies {
                    let Ok(body) = wire.body(&head).await else {
                        return;
                    };
                    body
                } else {
                    Vec::new()
                };
                let call = Call {
                    head,
                    body,
                    connection,
                };
                shared.calls.send_modify(|calls| calls.push(call.clone()));
                match (shared.script)(call, wire).await {
                    Some(kept) => wire = kept,
                    None => return,
                }
            }
        });
    }
}

/// The result that [`Upstream::ready`] answers with.
pub(crate) const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// A complete JSON answer.
pub(crate) fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "application/json", body.as_bytes())
}

/// A complete answer.
pub(crate) fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The head of an event stream.
pub(crate) const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk of a chunked body.
pub(crate) fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// A port at which connections are neither accepted nor refused: its queue is full.
pub(crate) struct Unanswering {
    pub(crate) address: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<TcpStream>,
}

impl Unanswering {
    pub(crate) async fn new() -> Self {
        use socket2::{Domain, Socket, Type};
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        // The kernel takes one or two more than the queue is long; after that, connects hang.
        while let Ok(Ok(stream)) = tokio::time::timeout(
            std::time::Duration::from_millis(300),
            TcpStream::connect(address),
        )
        .await
        {
            queued.push(stream);
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}
