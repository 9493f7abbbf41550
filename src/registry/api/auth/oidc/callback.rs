//! `GET /oauth2/callback/{provider}`

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::super::super::Registry;
use super::super::super::super::oidc::Answer;
use super::super::super::caller::{Anybody, cookie_name, session_of};
use super::{cookie, login_cookie, provider, redirect};
use crate::http::query::Query;
use crate::http::{Edge, Problem, cookie as cookies};

/// Takes the browser back from the identity provider, with a new session.
#[utoipa::path(
    get,
    path = "/oauth2/callback/{provider}",
    operation_id = "provider_callback",
    tag = "auth",
    security(()),
    params(
        ("provider" = String, Path, description = "its name"),
        ("state" = Option<String>, Query, description = "as sent to the provider"),
        ("code" = Option<String>, Query, description = "to be changed into tokens"),
        ("iss" = Option<String>, Query, description = "the issuer"),
        ("error" = Option<String>, Query, description = "why there is no code"),
    ),
    responses(
        (status = 303, description = "to the UI with a session, or to the login page", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 404, description = "no such provider", body = Problem),
    ),
)]
pub(in super::super::super) async fn callback(
    State(registry): State<Registry>,
    _: Anybody,
    Path(name): Path<String>,
    axum::Extension(edge): axum::Extension<Edge>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    provider(&registry, &name)?;
    let mut query = Query::parse(query.as_deref().unwrap_or_default())?;
    let answer = Answer {
        state: query.text("state"),
        code: query.text("code"),
        iss: query.text("iss"),
        error: query.text("error"),
    };
    let over = cookie(&edge, login_cookie(&edge), "", 0);
    let sent = cookies::values(&headers, login_cookie(&edge));
    let sent: Vec<String> = sent.map(str::to_owned).collect();
    match registry.finish_login(&sent, answer, &edge).await {
        Ok(arrived) => {
            // A new id at each login; what the browser had before is worth nothing afterwards.
            if let Ok(Some(before)) = session_of(&headers, &edge, &registry).await {
                registry.end_session(&before.id_hash).await?;
            }
            let life = registry.0.sessions.max_age();
            let session = cookie(&edge, cookie_name(&edge), arrived.id.expose(), life);
            Ok(redirect(&arrived.back, [session, over]))
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                provider = name,
                request.id = %edge.request_id,
                "a login at the identity provider failed"
            );
            Ok(redirect(&format!("/login?error={}", error.code()), [over]))
        }
    }
}
