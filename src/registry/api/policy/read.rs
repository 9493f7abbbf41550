//! `GET /api/policy`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::{PolicyDocument, answer};
use crate::http::Problem;

/// The policy. With `Accept: application/yaml` as the text of a `scopes.yml`.
#[utoipa::path(
    get,
    path = "/api/policy",
    operation_id = "read_policy",
    tag = "policy",
    responses(
        (status = 200, description = "the policy in force", headers(("ETag" = String, description = "for If-Match")),
            content((PolicyDocument = "application/json"), (String = "application/yaml"))),
        (status = 403, description = "the caller is no admin", body = Problem),
    ),
)]
pub(in super::super) async fn read(
    State(registry): State<Registry>,
    _admin: Admin,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&registry, &headers, &[])
}
