//! `POST /api/auth/login`

use axum::extract::{Request, State};
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::super::sessions::Session;
use super::super::super::{Error, Registry};
use super::super::caller::{Anybody, cookie_name, session_of};
use super::super::reply;
use super::me::Me;
use crate::domain::secret::Secret;
use crate::domain::validate::FieldError;
use crate::http::body::{FORM, JSON, has_type, read, read_json};
use crate::http::query::Query;
use crate::http::{Edge, Problem};

/// Name and password.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct LoginRequest {
    username: String,
    password: String,
}

/// Starts a session; the cookie is in the answer.
///
/// A form is answered with a redirect, JSON with the caller.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "login",
    tag = "auth",
    security(()),
    request_body(content((LoginRequest = "application/json"), (LoginRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "the caller", body = Me, headers(("Set-Cookie" = String))),
        (status = 303, description = "a form: to the UI, or back to the login page"),
        (status = 401, description = "user name or password is wrong", body = Problem),
        (status = 429, description = "too many failed logins", body = Problem, headers(("Retry-After" = u64))),
    ),
)]
pub(in super::super) async fn login(
    State(registry): State<Registry>,
    _: Anybody,
    axum::Extension(edge): axum::Extension<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    refuse_other_sites(&headers)?;
    let form = has_type(&headers, &[FORM]);
    let (username, password) = if form {
        from_form(&registry, request).await?
    } else {
        from_json(&registry, request).await?
    };
    let login = start(&registry, &headers, &edge, &username, password).await;
    match (login, form) {
        (Ok((cookie, session)), false) => {
            let me = Me::new(&registry, &session.principal, Some(&session));
            Ok(with_cookie(reply::json(StatusCode::OK, &me), cookie))
        }
        (Ok((cookie, _)), true) => Ok(with_cookie(Redirect::to("/").into_response(), cookie)),
        (Err(Error::Login), true) => Ok(Redirect::to("/login?error=credentials").into_response()),
        (Err(Error::TooManyLogins(_)), true) => {
            Ok(Redirect::to("/login?error=limit").into_response())
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// A new id at each login; what the browser had before is worth nothing afterwards.
async fn start(
    registry: &Registry,
    headers: &HeaderMap,
    edge: &Edge,
    username: &str,
    password: Secret<String>,
) -> Result<(HeaderValue, Session), Error> {
    let (id, session) = registry.login(username, password, edge).await?;
    if let Ok(Some(before)) = session_of(headers, edge, registry).await {
        registry.end_session(&before.id_hash).await?;
    }
    let secure = if edge.https { "; Secure" } else { "" };
    let cookie = format!(
        "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(edge),
        id.expose(),
        registry.0.sessions.max_age(),
    );
    let cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Error::Internal("the session's cookie is not a header"))?;
    Ok((cookie, session))
}

fn with_cookie(mut response: Response, mut cookie: HeaderValue) -> Response {
    cookie.set_sensitive(true);
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// Another site must not log somebody in as somebody else.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("sec-fetch-site") {
        Some(site) if site == "cross-site" || site == "same-site" => {
            Err(Problem::forbidden("log in on the login page itself"))
        }
        _ => Ok(()),
    }
}

async fn from_json(
    registry: &Registry,
    request: Request,
) -> Result<(String, Secret<String>), Problem> {
    let body = read_json(request, &[JSON, FORM], registry.body_limits()).await?;
    let text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|text| is_sane(text))
            .map(str::to_owned)
    };
    match (text("username"), text("password")) {
        (Some(username), Some(password)) => Ok((username, Secret::new(password))),
        (username, password) => Err(Problem::validation(mistakes(
            username.is_none(),
            password.is_none(),
        ))),
    }
}

async fn from_form(
    registry: &Registry,
    request: Request,
) -> Result<(String, Secret<String>), Problem> {
    let bytes = read(request, registry.body_limits()).await?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Problem::bad_request("the form is not UTF-8"))?;
    let mut form = Query::parse(text)?;
    match (
        form.text("username").filter(|text| is_sane(text)),
        form.text("password").filter(|text| is_sane(text)),
    ) {
        (Some(username), Some(password)) => Ok((username, Secret::new(password))),
        (username, password) => Err(Problem::validation(mistakes(
            username.is_none(),
            password.is_none(),
        ))),
    }
}

fn is_sane(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1_024
}

fn mistakes(username: bool, password: bool) -> Vec<FieldError> {
    let wrong = [(username, "/username"), (password, "/password")]
        .into_iter()
        .filter(|(wrong, _)| *wrong);
    wrong
        .map(|(_, field)| {
            FieldError::new(
                field,
                &Value::from("***"),
                "must be a text of 1 to 1024 characters",
            )
        })
        .collect()
}
