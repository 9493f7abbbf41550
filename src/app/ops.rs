//! The operator's listener: `/metrics`, `/ready`, `/health`, `/log-level`.
//!
//! Promises: it answers whatever state the parts are in, and never anything secret. Changing the
//! log level is for callers on this machine only; there is no login here, so the listener belongs
//! on loopback or a network of the operator's. Start reading at [`router`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::readiness::Readiness;
use crate::telemetry::{LevelHandle, Metrics};

/// What the operator's listener shows.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Whether the process serves.
    pub readiness: Readiness,
    /// Counts and timings.
    pub metrics: Metrics,
    /// The log level.
    pub level: LevelHandle,
}

/// The routes.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/log-level", get(level).put(set_level))
        .fallback(|| async {
            let problem = "there is /metrics, /ready, /health and /log-level";
            (StatusCode::NOT_FOUND, Json(json!({ "detail": problem })))
        })
        .with_state(ops)
}

/// Serves until told to stop; then answers what was asked and ends.
///
/// # Errors
/// The listener is broken for good.
pub async fn serve(listener: TcpListener, ops: Ops, stop: CancellationToken) -> io::Result<()> {
    let router = router(ops);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_passing(&error) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Nobody needs so many: the one too many is closed unanswered.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let serving = connection(stream, peer, router.clone(), stop.clone());
            connections.spawn(async move {
                serving.await;
                drop(place);
            });
        }
    }
    let finish = async { while connections.join_next().await.is_some() {} };
    // A reader that does not finish must not hold up the stop.
    let _ = tokio::time::timeout(FINISH_WITHIN, finish).await;
    Ok(())
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.map(Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    // How a scraper's connection ends is of no interest.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

async fn ready(State(ops): State<Ops>) -> Response {
    let reasons = ops.readiness.reasons();
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": ready, "reasons": reasons }))).into_response()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], ops.metrics.render()).into_response()
}

async fn level(State(ops): State<Ops>) -> Json<serde_json::Value> {
    Json(json!({ "level": ops.level.current() }))
}

/// Takes `debug` or `{"level": "debug"}`.
async fn set_level(
    State(ops): State<Ops>,
    Extension(Peer(peer)): Extension<Peer>,
    body: String,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        let problem = "the log level is changed from this machine only";
        return (StatusCode::FORBIDDEN, Json(json!({ "detail": problem }))).into_response();
    }
    let wrapped = serde_json::from_str::<serde_json::Value>(&body).ok();
    let level = match &wrapped {
        Some(value) => value
            .get("level")
            .unwrap_or(value)
            .as_str()
            .unwrap_or_default(),
        None => body.trim(),
    };
    match ops.level.set(level) {
        Ok(()) => {
            let level = ops.level.current();
            tracing::info!(log.level = level, "log level changed");
            Json(json!({ "level": level })).into_response()
        }
        Err(error) => {
            let problem = json!({ "detail": error.to_string() });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response()
        }
    }
}

/// Claims that a later accept may succeed.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    let out_of_descriptors = matches!(error.raw_os_error(), Some(23 | 24 | 12 | 105));
    out_of_descriptors
        || matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted | WouldBlock
        )
}

/// Connections at once.
const CONNECTIONS: usize = 64;

/// A request's head must be complete within this.
const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// Answers may take so long after a stop.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// Wait after an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
