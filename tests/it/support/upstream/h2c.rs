//! An HTTP/2 upstream without TLS, spoken to with prior knowledge.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A listening HTTP/2 upstream; dropping it closes everything.
#[derive(Debug)]
pub struct H2c {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

/// What arrived.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Connections accepted.
    pub connections: usize,
    /// Requests, heads and whole bodies.
    pub requests: Vec<(http::request::Parts, Bytes)>,
}

/// Makes an answer from a request.
pub type Handler =
    Arc<dyn Fn(&http::request::Parts, &Bytes) -> http::Response<Bytes> + Send + Sync>;

impl H2c {
    /// Answers every request with itself as JSON, as [`super::Script::echo`] does.
    pub async fn echo() -> Self {
        Self::start(Arc::new(|head, body| {
            let headers: Vec<_> = head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
                .collect();
            let echo = serde_json::json!({
                "method": head.method.as_str(),
                "target": head.uri.to_string(),
                "headers": headers,
                "body": String::from_utf8_lossy(body),
            });
            let answer = http::Response::builder().header("content-type", "application/json");
            answer.body(Bytes::from(echo.to_string())).unwrap()
        }))
        .await
    }

    /// Answers with what the handler makes.
    pub async fn start(handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, handler, Arc::clone(&seen)));
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL with a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What has arrived so far.
    pub fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn accept(listener: TcpListener, handler: Handler, seen: Arc<Mutex<Seen>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("accepting on loopback");
        change(&seen, |seen| seen.connections += 1);
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        let service =
            service_fn(move |request| answer(request, Arc::clone(&handler), Arc::clone(&seen)));
        let serving = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            serving.await.ok();
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    handler: Handler,
    seen: Arc<Mutex<Seen>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let response = handler(&head, &body);
    change(&seen, |seen| seen.requests.push((head, body)));
    Ok(response.map(Full::new))
}

fn change(seen: &Mutex<Seen>, change: impl FnOnce(&mut Seen)) {
    change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}
