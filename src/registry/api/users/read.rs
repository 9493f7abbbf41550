//! `GET /api/users/{username}`

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use super::UserInfo;
use crate::http::Problem;

/// One local user.
#[utoipa::path(
    get,
    path = "/api/users/{username}",
    operation_id = "read_user",
    tag = "users",
    params(("username" = String, Path, description = "the login name")),
    responses(
        (status = 200, description = "the user", body = UserInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such user", body = Problem),
    ),
)]
pub(in super::super) async fn read(
    State(registry): State<Registry>,
    _: Admin,
    Path(username): Path<String>,
) -> Result<Response, Problem> {
    let user = UserInfo::from(registry.user(&username).await?);
    Ok(reply::json(StatusCode::OK, &user))
}
