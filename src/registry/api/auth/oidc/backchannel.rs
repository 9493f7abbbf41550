//! `POST /oauth2/backchannel-logout/{provider}`

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse as _, Response};

use super::super::super::super::Registry;
use super::super::super::super::oidc::LogoutError;
use super::super::super::caller::Anybody;
use super::provider;
use crate::auth::verify::Rejection;
use crate::http::body::{FORM, has_type, read};
use crate::http::query::Query;
use crate::http::{Edge, Problem};

/// The identity provider says that somebody logged out there.
#[utoipa::path(
    post,
    path = "/oauth2/backchannel-logout/{provider}",
    operation_id = "backchannel_logout",
    tag = "auth",
    security(()),
    params(("provider" = String, Path, description = "its name")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "logout_token=…"),
    responses(
        (status = 200, description = "sessions and tokens are ended"),
        (status = 400, description = "the token does not count"),
        (status = 404, description = "no such provider", body = Problem),
        (status = 503, description = "its keys are not known yet", body = Problem),
    ),
)]
pub(in super::super::super) async fn backchannel(
    State(registry): State<Registry>,
    _: Anybody,
    Path(name): Path<String>,
    axum::Extension(edge): axum::Extension<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    provider(&registry, &name)?;
    if !has_type(request.headers(), &[FORM]) {
        return Ok(refusal());
    }
    let bytes = read(request, registry.body_limits()).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let token = Query::parse(text)
        .ok()
        .and_then(|mut form| form.text("logout_token"));
    let Some(token) = token else {
        return Ok(refusal());
    };
    match registry
        .logged_out_at_provider(&token, &edge.request_id)
        .await
    {
        Ok(()) => Ok(([(CACHE_CONTROL, "no-store")], StatusCode::OK).into_response()),
        Err(LogoutError::Own(error)) => Err(error.into()),
        Err(LogoutError::Token(Rejection::NoKeys(_)) | LogoutError::Unavailable) => {
            Err(Problem::later(
                StatusCode::SERVICE_UNAVAILABLE,
                5,
                "the identity provider's keys are not known yet",
            ))
        }
        Err(error @ (LogoutError::Token(_) | LogoutError::Used)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                provider = name,
                request.id = %edge.request_id,
                "refused a log-out token"
            );
            Ok(refusal())
        }
    }
}

/// As the specification wants it (§2.8).
fn refusal() -> Response {
    let mut response = (
        StatusCode::BAD_REQUEST,
        r#"{"error":"invalid_request","error_description":"the logout_token does not count"}"#,
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
