//! `GET /api/tokens`

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::caller::User;
use super::super::reply;
use crate::http::Problem;
use crate::http::query::Query;
use crate::store::StoredToken;

/// A token; its text is not kept.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenInfo {
    id: String,
    username: String,
    description: String,
    scopes: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    revoked: bool,
}

impl From<StoredToken> for TokenInfo {
    fn from(token: StoredToken) -> Self {
        Self {
            id: token.id.to_string(),
            username: token.username,
            description: token.description,
            scopes: token.scopes,
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.to_rfc3339(),
            revoked: token.revoked_at.is_some(),
        }
    }
}

/// The caller's tokens, newest first; for admins with `all=true` everybody's.
#[utoipa::path(
    get,
    path = "/api/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    params(("all" = Option<bool>, Query, description = "everybody's; admins only")),
    responses(
        (status = 200, description = "the tokens", body = Vec<TokenInfo>),
        (status = 403, description = "all=true without being an admin", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    user: User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref().unwrap_or(""))?;
    let all: Option<bool> = query.value("all", "must be true or false")?;
    query.end()?;
    let all = all == Some(true);
    if all && !registry.view().access.policy.is_admin(&user.principal) {
        return Err(Problem::forbidden("only admins see everybody's tokens"));
    }
    let owner = (!all).then_some(&*user.principal.username);
    let tokens: Vec<TokenInfo> = registry
        .tokens(owner)
        .await?
        .into_iter()
        .map(TokenInfo::from)
        .collect();
    Ok(reply::json(StatusCode::OK, &tokens))
}
