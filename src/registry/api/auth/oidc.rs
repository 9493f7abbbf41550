//! `/oauth2`: logging in and out at an identity provider.

pub(in super::super) mod backchannel;
pub(in super::super) mod callback;
pub(in super::super) mod login;
pub(in super::super) mod logout;

use axum::http::header::{HeaderValue, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::super::super::Registry;
use super::super::super::oidc::Provider;
use crate::http::{Edge, Problem};

/// The provider of an address.
fn provider<'r>(registry: &'r Registry, name: &str) -> Result<&'r Provider, Problem> {
    registry
        .provider()
        .filter(|provider| provider.name() == name)
        .ok_or_else(|| Problem::not_found("there is no such identity provider here"))
}

/// The cookie of a login under way.
const fn login_cookie(edge: &Edge) -> &'static str {
    if edge.https {
        "__Host-mcp_gateway_login"
    } else {
        "mcp_gateway_login"
    }
}

/// Sets a cookie, or ends it where its life is 0.
fn cookie(edge: &Edge, name: &str, value: &str, life: i64) -> Option<HeaderValue> {
    let secure = if edge.https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends the browser on; nobody may keep this answer.
fn redirect(location: &str, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    let mut headers = HeaderMap::new();
    let Ok(location) = HeaderValue::from_str(location) else {
        return Problem::internal().into_response();
    };
    headers.insert(LOCATION, location);
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    for cookie in cookies.into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
    (StatusCode::SEE_OTHER, headers).into_response()
}
