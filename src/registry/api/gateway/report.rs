//! `POST /api/gateway/report`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::Value;

use super::super::super::Registry;
use super::super::caller::Gateway;
use super::id_of;
use crate::auth::signing;
use crate::domain::trust::TokenKey;
use crate::domain::validate::FieldError;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// A gateway tells its version, revision, certificates and public key.
#[utoipa::path(
    post,
    path = "/api/gateway/report",
    operation_id = "report_gateway",
    tag = "gateways",
    request_body = Object,
    responses((status = 204, description = "noted"), (status = 422, description = "it has no id, or a key that is none", body = Problem)),
)]
pub(in super::super) async fn report(
    State(registry): State<Registry>,
    _gateway: Gateway,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let id = id_of(&body)?.to_owned();
    let keys = keys_of(&body)?;
    registry.see_identity_keys(&id, &keys).await?;
    registry
        .0
        .gateways
        .report(&id, body, registry.0.clock.now());
    Ok(StatusCode::NO_CONTENT)
}

/// The public keys with which it signs, in `identity_keys`.
fn keys_of(body: &Value) -> Result<Vec<TokenKey>, Problem> {
    let Some(written) = body.get("identity_keys").filter(|keys| !keys.is_null()) else {
        return Ok(Vec::new());
    };
    serde_json::from_value(written.clone())
        .ok()
        .filter(|keys: &Vec<TokenKey>| keys.len() <= MAX_KEYS && keys.iter().all(signing::is_sound))
        .ok_or_else(|| {
            Problem::validation(vec![FieldError::new(
                "/identity_keys",
                written,
                "must be a list of at most 8 P-256 keys as x, y and their thumbprint as kid",
            )])
        })
}

/// Of one gateway: the one in use, one to come, and those that have signed.
const MAX_KEYS: usize = 8;
