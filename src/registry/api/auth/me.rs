//! `GET /api/auth/me`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::sessions::Session;
use super::super::caller::User;
use super::super::reply;
use crate::domain::principal::{AuthMethod, Principal};
use crate::http::Problem;

/// Who the caller is and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    username: String,
    /// `local` or `oauth2` with a session, else the kind of the token.
    auth_method: &'static str,
    /// Who vouches for the caller: `local`, or an identity provider.
    provider: String,
    scopes: Vec<String>,
    groups: Vec<String>,
    can_modify_servers: bool,
    is_admin: bool,
    /// For `X-CSRF-Token`; empty without a session.
    csrf_token: String,
}

impl Me {
    pub(super) fn new(
        registry: &Registry,
        principal: &Principal,
        session: Option<&Session>,
    ) -> Self {
        let is_admin = registry.view().access.policy.is_admin(principal);
        Self {
            username: principal.username.to_string(),
            auth_method: match (principal.method, session) {
                (AuthMethod::Session, Some(session)) if session.provider != "local" => "oauth2",
                (AuthMethod::Session, _) => "local",
                (other, _) => other.as_str(),
            },
            provider: match (principal.method, session) {
                (_, Some(session)) => session.provider.clone(),
                (AuthMethod::Oidc | AuthMethod::Keycloak, None) => {
                    principal.method.as_str().to_owned()
                }
                _ => "local".to_owned(),
            },
            scopes: principal.scopes.iter().map(ToString::to_string).collect(),
            groups: principal.groups.iter().map(ToString::to_string).collect(),
            can_modify_servers: is_admin,
            is_admin,
            csrf_token: session
                .map(|session| session.csrf_token.expose().clone())
                .unwrap_or_default(),
        }
    }
}

/// Who the caller is.
#[utoipa::path(
    get,
    path = "/api/auth/me",
    operation_id = "me",
    tag = "auth",
    responses(
        (status = 200, description = "the caller", body = Me),
        (status = 401, description = "nobody is logged in", body = Problem),
    ),
)]
pub(in super::super) async fn me(State(registry): State<Registry>, user: User) -> Response {
    reply::json(
        StatusCode::OK,
        &Me::new(&registry, &user.principal, user.session.as_ref()),
    )
}
