//! `DELETE /api/users/{username}/credentials`

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use crate::http::Problem;
use crate::http::query::Query;

/// What has ended.
#[derive(Serialize, ToSchema)]
pub(super) struct UserEnded {
    /// Sessions of browsers.
    sessions: u64,
    /// Tokens and API keys.
    tokens: u64,
}

/// Ends all sessions, tokens and API keys of a user, local or of an identity provider.
///
/// Access tokens that the provider has signed for them up to now do not count any more either. When
/// the answer is there, the gateways of this process refuse all of it; others within a second. Who
/// can still log in may begin anew.
#[utoipa::path(
    delete,
    path = "/api/users/{username}/credentials",
    operation_id = "end_user_credentials",
    tag = "users",
    params(
        ("username" = String, Path, description = "the user's name; of a provider's user also the `sub` of their tokens"),
        ("provider" = Option<String>, Query, description = "only a user of this one: `local`, `oidc` or `keycloak`"),
    ),
    responses(
        (status = 200, description = "how many have ended", body = UserEnded),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "nobody of that name is known", body = Problem),
    ),
)]
pub(in super::super) async fn end(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(username): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref().unwrap_or(""))?;
    let provider = query.text("provider");
    query.end()?;
    let ended = registry
        .end_user(&user.actor(), &username, provider)
        .await?;
    let ended = UserEnded {
        sessions: ended.sessions,
        tokens: ended.tokens,
    };
    Ok(reply::json(StatusCode::OK, &ended))
}
