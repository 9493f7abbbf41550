//! `GET /api/tokens`

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::tokens::{Kind, Whose};
use super::super::caller::User;
use super::super::reply;
use super::holder;
use crate::domain::time::Timestamp;
use crate::http::Problem;
use crate::http::query::Query;
use crate::store::{SERVICE_ACCOUNT, StoredToken};

/// A token or an API key; its text is not kept.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenInfo {
    id: String,
    /// `token` or `api_key`.
    kind: &'static str,
    username: String,
    /// The service account that it is for.
    service_account: Option<String>,
    description: String,
    /// Has all rights of its owner: a key as they are at each moment, a token as they were when it
    /// was made.
    all_rights: bool,
    scopes: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// When a key was last used, to the hour. Nothing where no use was seen: of a token, and of a key
    /// where gateways do not tell of calls.
    #[schema(required = true, format = DateTime)]
    last_used_at: Option<String>,
    revoked: bool,
}

impl From<StoredToken> for TokenInfo {
    fn from(token: StoredToken) -> Self {
        Self {
            id: token.id.to_string(),
            kind: Kind::of(&token).as_str(),
            username: token.username,
            service_account: (token.owner.provider == SERVICE_ACCOUNT)
                .then_some(token.owner.subject),
            description: token.description,
            all_rights: token.inherits,
            scopes: token.scopes,
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.to_rfc3339(),
            last_used_at: token.last_used_at.map(Timestamp::to_rfc3339),
            revoked: token.revoked_at.is_some(),
        }
    }
}

/// The caller's tokens and keys, newest first; for admins with `all=true` everybody's, or those of
/// a service account.
#[utoipa::path(
    get,
    path = "/api/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    params(
        ("all" = Option<bool>, Query, description = "everybody's; admins only"),
        ("service_account" = Option<String>, Query, description = "those of this one; admins only"),
    ),
    responses(
        (status = 200, description = "the tokens", body = Vec<TokenInfo>),
        (status = 403, description = "others' tokens without being an admin", body = Problem),
        (status = 404, description = "there is no such service account", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    user: User,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref().unwrap_or(""))?;
    let all: Option<bool> = query.value("all", "must be true or false")?;
    let service_account = query.text("service_account");
    query.end()?;
    let whose = match service_account {
        Some(name) => Whose::ServiceAccount(name),
        None if all == Some(true) => Whose::All,
        None => Whose::Own(holder(&user)),
    };
    let own = matches!(whose, Whose::Own(_));
    if !own && !registry.view().access.policy.is_admin(&user.principal) {
        return Err(Problem::forbidden("only admins see everybody's tokens"));
    }
    let tokens: Vec<TokenInfo> = registry
        .tokens(&whose)
        .await?
        .into_iter()
        .map(TokenInfo::from)
        .collect();
    Ok(reply::json(StatusCode::OK, &tokens))
}
