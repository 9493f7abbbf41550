//! A server that speaks HTTP/2 over TLS and echoes bodies.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::support::front::server_tls;

pub(crate) struct H2Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: TaskTracker,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    targets: Mutex<Vec<String>>,
    close: Notify,
}

impl H2Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let tasks = TaskTracker::new();
        let acceptor = tokio_rustls::TlsAcceptor::from(server_tls(&[b"h2"]));
        let (connections, serving) = (tasks.clone(), Arc::clone(&shared));
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, acceptor) = (Arc::clone(&serving), acceptor.clone());
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    let echo = service_fn(|request: Request<Incoming>| {
                        let target = request.uri().to_string();
                        shared.targets.lock().unwrap().push(target);
                        async { Ok::<_, Infallible>(Response::new(request.into_body())) }
                    });
                    let served = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), echo);
                    let mut served = std::pin::pin!(served);
                    tokio::select! {
                        _ = served.as_mut() => {}
                        () = shared.close.notified() => {
                            served.as_mut().graceful_shutdown();
                            let _ = served.await;
                        }
                    }
                });
            }
        });
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.shared.targets.lock().unwrap().clone()
    }

    /// Says goodbye on every connection.
    pub(crate) fn close_connections(&self) {
        self.shared.close.notify_waiters();
    }
}
