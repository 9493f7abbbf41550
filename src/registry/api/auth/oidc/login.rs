//! `GET /oauth2/login/{provider}`

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::super::super::super::Registry;
use super::super::super::super::oidc::LoginError;
use super::super::super::caller::Anybody;
use super::{cookie, login_cookie, provider, redirect};
use crate::http::query::Query;
use crate::http::{Edge, Problem};

/// Sends the browser to the identity provider.
#[utoipa::path(
    get,
    path = "/oauth2/login/{provider}",
    operation_id = "provider_login",
    tag = "auth",
    security(()),
    params(
        ("provider" = String, Path, description = "its name, as in /api/auth/providers"),
        ("redirect_uri" = Option<String>, Query, description = "where to go afterwards: a path of ours"),
    ),
    responses(
        (status = 303, description = "to the provider; to the login page where it is away and a browser asks for a page", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 404, description = "no such provider", body = Problem),
        (status = 503, description = "the provider does not answer", body = Problem, headers(("Retry-After" = u64))),
    ),
)]
pub(in super::super::super) async fn login(
    State(registry): State<Registry>,
    _: Anybody,
    Path(name): Path<String>,
    axum::Extension(edge): axum::Extension<Edge>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    provider(&registry, &name)?;
    let mut query = Query::parse(query.as_deref().unwrap_or_default())?;
    let back = query.text("redirect_uri");
    match registry.begin_login(&edge, back.as_deref()).await {
        Ok(started) => {
            let value = started.cookie.expose();
            let cookie = cookie(&edge, login_cookie(&edge), value, started.life);
            Ok(redirect(&started.location, [cookie]))
        }
        Err(LoginError::Own(error)) => Err(error.into()),
        Err(error) if wants_page(&headers) => {
            Ok(redirect(&format!("/login?error={}", error.code()), []))
        }
        Err(error) => Err(Problem::later(
            StatusCode::SERVICE_UNAVAILABLE,
            5,
            error.to_string(),
        )),
    }
}

/// Whether a browser would show the answer to a person.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get("accept").and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
