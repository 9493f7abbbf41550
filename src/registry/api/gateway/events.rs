//! `POST /api/gateway/events`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::super::super::Registry;
use super::super::caller::Gateway;
use super::id_of;
use crate::domain::audit::AccessEvent;
use crate::domain::validate::FieldError;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};
use crate::store::{AccessBatch, Mark};

/// A gateway hands over what happened: events of the kind `access` are kept for the audit log, others
/// are counted.
///
/// A sequence number of a run that is not greater than one seen before is a repeat and counts once.
#[utoipa::path(
    post,
    path = "/api/gateway/events",
    operation_id = "gateway_events",
    tag = "gateways",
    request_body = Object,
    responses(
        (status = 204, description = "taken"),
        (status = 422, description = "id, sequence or events is missing or wrong", body = Problem),
    ),
)]
pub(in super::super) async fn events(
    State(registry): State<Registry>,
    _gateway: Gateway,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let id = id_of(&body)?;
    let run = body.get("run").unwrap_or(&Value::Null);
    let sequence = body.get("sequence").unwrap_or(&Value::Null);
    let events = body.get("events").unwrap_or(&Value::Null);
    let Some(number) = sequence.as_u64().filter(|one| i64::try_from(*one).is_ok()) else {
        let rule = "must be a whole number that grows";
        return Err(wrong("/sequence", sequence, rule));
    };
    let Some(list) = events.as_array() else {
        return Err(wrong("/events", events, "must be a list"));
    };
    let run = match run {
        Value::Null => "",
        Value::String(run) if run.len() <= 200 => run,
        other => return Err(wrong("/run", other, "must be a text of at most 200 bytes")),
    };
    let batch = AccessBatch {
        gateway: id.to_owned(),
        mark: Some(Mark {
            run: run.to_owned(),
            sequence: number,
        }),
        events: access(list)?,
    };
    if registry.take_access(&batch).await? {
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        let now = registry.0.clock.now();
        registry.0.gateways.events(id, count, now);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Those of the kind `access`; what newer gateways tell besides is passed over.
fn access(list: &[Value]) -> Result<Vec<AccessEvent>, Problem> {
    let is_access = |event: &Value| event.get("kind").and_then(Value::as_str) == Some("access");
    let read = list.iter().enumerate().filter(|(_, one)| is_access(one));
    read.map(|(index, event)| {
        AccessEvent::deserialize(event).map_err(|error| {
            let field = format!("/events/{index}");
            wrong(&field, &Value::Null, &format!("is no event: {error}"))
        })
    })
    .collect()
}

fn wrong(field: &str, value: &Value, rule: &str) -> Problem {
    Problem::validation(vec![FieldError::new(field, value, rule)])
}
