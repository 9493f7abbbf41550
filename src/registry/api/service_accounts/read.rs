//! `GET /api/service-accounts/{name}`

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use super::AccountInfo;
use crate::http::Problem;

/// One service account.
#[utoipa::path(
    get,
    path = "/api/service-accounts/{name}",
    operation_id = "read_service_account",
    tag = "service accounts",
    params(("name" = String, Path, description = "its name")),
    responses(
        (status = 200, description = "the account", body = AccountInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such account", body = Problem),
    ),
)]
pub(in super::super) async fn read(
    State(registry): State<Registry>,
    _: Admin,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let account = AccountInfo::from(registry.service_account(&name).await?);
    Ok(reply::json(StatusCode::OK, &account))
}
