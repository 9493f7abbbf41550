//! `GET /oauth2/logout/{provider}`

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::super::super::super::Registry;
use super::super::super::caller::{Anybody, cookie_name, session_of};
use super::{cookie, provider, redirect};
use crate::http::{Edge, Problem};

/// Ends the session here and sends the browser to log out at the identity provider.
///
/// Only from our own pages, or typed by the user: another site is sent to the login page and ends
/// nothing.
#[utoipa::path(
    get,
    path = "/oauth2/logout/{provider}",
    operation_id = "provider_logout",
    tag = "auth",
    security(()),
    params(("provider" = String, Path, description = "its name")),
    responses(
        (status = 303, description = "to the provider, or to the login page", headers(("Location" = String))),
        (status = 404, description = "no such provider", body = Problem),
    ),
)]
pub(in super::super::super) async fn logout(
    State(registry): State<Registry>,
    _: Anybody,
    Path(name): Path<String>,
    axum::Extension(edge): axum::Extension<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    provider(&registry, &name)?;
    let headers = request.headers();
    let own = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin" || site == "none");
    let session = session_of(headers, &edge, &registry).await?;
    let Some(session) = session.filter(|_| own) else {
        return Ok(redirect("/login", []));
    };
    let elsewhere = registry.logout_at_provider(&edge, &session).await?;
    registry.log_out(&session, &edge).await?;
    let over = cookie(&edge, cookie_name(&edge), "", 0);
    Ok(redirect(elsewhere.as_deref().unwrap_or("/login"), [over]))
}
