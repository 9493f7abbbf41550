//! `GET /api/gateway/watch`

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;

use super::super::super::Registry;
use super::super::caller::Gateway;
use crate::catalog::wire::watch_stream;
use crate::http::Problem;

/// The snapshot as lines of JSON: first the whole, then changes, and a heartbeat in silence.
///
/// The format is versioned inside; it is made for gateways of this program.
#[utoipa::path(
    get,
    path = "/api/gateway/watch",
    operation_id = "watch_gateway",
    tag = "gateways",
    responses(
        (status = 200, description = "lines without end", content_type = "application/x-ndjson", body = String),
        (status = 503, description = "too many watches", body = Problem),
    ),
)]
pub(in super::super) async fn watch(
    State(registry): State<Registry>,
    Gateway(token): Gateway,
) -> Result<Response, Problem> {
    let permit = Arc::clone(&registry.0.held)
        .try_acquire_owned()
        .map_err(|_| {
            Problem::later(
                StatusCode::SERVICE_UNAVAILABLE,
                1,
                "too many watches and held requests",
            )
        })?;
    let catalog = &registry.0.settings.catalog;
    let lines = watch_stream(
        registry.0.publisher.subscribe(),
        token,
        catalog.heartbeat.get(),
        catalog.coalesce.get(),
        registry.0.stop.clone(),
    );
    let lines = lines.map(move |line| {
        // Given back when the stream is dropped.
        let _held = &permit;
        Ok::<_, Infallible>(line)
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}
