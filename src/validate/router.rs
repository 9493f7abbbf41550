//! The routes, for the registry's own router and for an auth server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;

use super::Validator;
use crate::http::Edge;

/// `/auth/validate` and `/validate`, any method. To be put behind [`crate::http::edge`].
pub fn router(validator: Arc<Validator>) -> Router {
    Router::new()
        .route("/validate", any(validate))
        .route("/auth/validate", any(validate))
        .route("/auth/validate/", any(validate))
        .route("/auth/validate/{*target}", any(validate))
        .with_state(validator)
}

/// Whether a request may pass, and whose it is.
async fn validate(State(validator): State<Arc<Validator>>, request: Request) -> Response {
    let via_gateway = request
        .extensions()
        .get::<Edge>()
        .is_some_and(|edge| edge.via_gateway);
    let (asked, _) = request.into_parts();
    match validator.judge(&asked, via_gateway).await {
        Ok(allowed) => allowed.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
