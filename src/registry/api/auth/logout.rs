//! `POST /api/auth/logout`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::super::Registry;
use super::super::caller::{Anybody, cookie_name, proves_own_page, session_of};
use crate::http::body::{FORM, has_type};
use crate::http::{Edge, Problem};

/// Ends the session, here and everywhere.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "logout",
    tag = "auth",
    security(()),
    responses(
        (status = 204, description = "logged out"),
        (status = 303, description = "a form: to the login page"),
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
    if let Some(session) = session_of(headers, &edge, &registry).await? {
        if !proves_own_page(request.method(), headers, &edge, &session) {
            return Err(Problem::forbidden(
                "send the X-CSRF-Token of GET /api/auth/me",
            ));
        }
        registry.end_session(&session.id_hash).await?;
    }
    let mut response = if has_type(headers, &[FORM]) {
        Redirect::to("/login").into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
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
