//! `GET /api/service-accounts`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use super::AccountInfo;
use crate::http::Problem;

/// All service accounts, by name.
#[utoipa::path(
    get,
    path = "/api/service-accounts",
    operation_id = "list_service_accounts",
    tag = "service accounts",
    responses(
        (status = 200, description = "the accounts", body = Vec<AccountInfo>),
        (status = 403, description = "the caller is no administrator", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    _: Admin,
) -> Result<Response, Problem> {
    let accounts: Vec<AccountInfo> = registry
        .service_accounts()
        .await?
        .into_iter()
        .map(AccountInfo::from)
        .collect();
    Ok(reply::json(StatusCode::OK, &accounts))
}
