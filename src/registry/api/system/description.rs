//! `GET /api/openapi.json`

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use bytes::Bytes;

/// The API's description, serialised once.
#[derive(Clone)]
pub(in super::super) struct Description(Arc<Bytes>);

impl Description {
    pub(in super::super) fn new() -> Self {
        // A description is texts and lists: this cannot fail.
        let text = super::super::openapi::openapi()
            .to_json()
            .unwrap_or_default();
        Self(Arc::new(Bytes::from(text)))
    }
}

/// The API's description (OpenAPI).
pub(in super::super) async fn description(
    State(description): State<Description>,
) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Bytes::clone(&description.0))
}
