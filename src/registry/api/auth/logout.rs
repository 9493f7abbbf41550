//! `POST /api/auth/logout`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::caller::{Anybody, cookie_name, proves_own_page, session_of};
use super::super::reply;
use crate::http::body::{FORM, has_type};
use crate::http::{Edge, Problem};

/// Where the browser goes next.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoggedOut {
    /// Logs out at the identity provider and comes back.
    logout_url: String,
}

/// Ends the session, here and everywhere.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "logout",
    tag = "auth",
    security(()),
    responses(
        (status = 200, description = "logged out here; log out at the identity provider too", body = LoggedOut),
        (status = 204, description = "logged out"),
        (status = 303, description = "a form: to the login page, or to the identity provider"),
        (status = 403, description = "the request does not come from our page", body = Problem),
    ),
)]
pub(in super::super) async fn logout(
    State(registry): State<Registry>,
    _: Anybody,
    axum::Extension(edge): axum::Extension<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let mut elsewhere = None;
    if let Some(session) = session_of(headers, &edge, &registry).await? {
        if !proves_own_page(request.method(), headers, &edge, &session) {
            return Err(Problem::forbidden(
                "send the X-CSRF-Token of GET /api/auth/me",
            ));
        }
        elsewhere = registry.logout_at_provider(&edge, &session).await?;
        registry.log_out(&session, &edge).await?;
    }
    let mut response = match (has_type(headers, &[FORM]), elsewhere) {
        (true, elsewhere) => Redirect::to(elsewhere.as_deref().unwrap_or("/login")).into_response(),
        (false, Some(logout_url)) => reply::json(StatusCode::OK, &LoggedOut { logout_url }),
        (false, None) => StatusCode::NO_CONTENT.into_response(),
    };
    let secure = if edge.https { "; Secure" } else { "" };
    let cookie = format!(
        "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}",
        cookie_name(&edge)
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}
