//! `GET /api/users`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use super::UserInfo;
use crate::http::Problem;

/// All local users; the administrator of the settings first.
#[utoipa::path(
    get,
    path = "/api/users",
    operation_id = "list_users",
    tag = "users",
    responses(
        (status = 200, description = "the users", body = Vec<UserInfo>),
        (status = 403, description = "the caller is no administrator", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    _: Admin,
) -> Result<Response, Problem> {
    let users: Vec<UserInfo> = registry
        .users()
        .await?
        .into_iter()
        .map(UserInfo::from)
        .collect();
    Ok(reply::json(StatusCode::OK, &users))
}
