//! `POST /api/gateway/events`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::super::super::Registry;
use super::super::caller::Gateway;
use super::id_of;
use crate::domain::validate::FieldError;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// A gateway hands over usage and audit events. A sequence number that was seen before is a repeat
/// and counts once.
#[utoipa::path(
    post,
    path = "/api/gateway/events",
    operation_id = "gateway_events",
    tag = "gateways",
    request_body = Object,
    responses((status = 204, description = "taken"), (status = 422, description = "id, sequence or events is missing", body = Problem)),
)]
pub(in super::super) async fn events(
    State(registry): State<Registry>,
    _gateway: Gateway,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let id = id_of(&body)?;
    let sequence = body.get("sequence").unwrap_or(&Value::Null);
    let events = body.get("events").unwrap_or(&Value::Null);
    match (sequence.as_u64(), events.as_array()) {
        (Some(number), Some(list)) => {
            let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
            registry
                .0
                .gateways
                .events(id, number, count, registry.0.clock.now());
            Ok(StatusCode::NO_CONTENT)
        }
        (None, _) => Err(wrong(
            "/sequence",
            sequence,
            "must be a whole number that grows",
        )),
        (_, None) => Err(wrong("/events", events, "must be a list")),
    }
}

fn wrong(field: &str, value: &Value, rule: &str) -> Problem {
    Problem::validation(vec![FieldError::new(field, value, rule)])
}
