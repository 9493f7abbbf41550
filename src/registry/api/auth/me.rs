//! `GET /api/auth/me`

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::sessions::Session;
use super::super::caller::User;
use super::super::reply;
use crate::domain::policy::{Names, Permission, Policy};
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
    /// For some servers, at least.
    can_modify_servers: bool,
    /// Servers (paths without leading slash, or `all`) by what the caller may do with them.
    ui_permissions: BTreeMap<&'static str, Vec<String>>,
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
        let policy = &registry.view().access.policy;
        let is_admin = policy.is_admin(principal);
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
            scopes: policy
                .scopes_of(principal)
                .iter()
                .map(ToString::to_string)
                .collect(),
            groups: principal.groups.iter().map(ToString::to_string).collect(),
            can_modify_servers: policy.permits_some(principal, Permission::Modify),
            ui_permissions: Permission::ALL
                .map(|permission| (permission.as_str(), named(policy, principal, permission)))
                .into(),
            is_admin,
            csrf_token: session
                .map(|session| session.csrf_token.expose().clone())
                .unwrap_or_default(),
        }
    }
}

/// As existing pages read it.
fn named(policy: &Policy, principal: &Principal, permission: Permission) -> Vec<String> {
    match policy.permitted(principal, permission) {
        Names::All => vec!["all".to_owned()],
        Names::Only(ids) => ids.into_iter().collect(),
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
