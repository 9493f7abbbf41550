//! Who is calling, as extractors: an operation's signature says who may use it.
//!
//! Order of credentials: session cookie (one that does not count falls through), `X-Authorization`,
//! `Authorization`; a bad bearer token is 401. A cookie alone never changes anything: the request
//! must come from our own page, or carry the session's CSRF token. Who shows nothing is a caller
//! only where the policy lets `anonymous` list servers.
//!
//! [`declared`] turns the extractors of a handler into the policy that the API's description shows,
//! [`server`] and [`account`] are those for what an
//! address names.

pub(super) mod account;
pub(super) mod declared;
pub(super) mod server;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::super::Registry;
use super::super::change::Actor;
use super::super::policy::Grants;
use super::super::sessions::Session;
use crate::auth::verify::Rejection;
use crate::domain::policy::{self, Permission};
use crate::domain::principal::Principal;
use crate::domain::secret::Secret;
use crate::http::edge::bearer;
use crate::http::{Edge, Problem, cookie};

/// Whoever asks: the operation does not look.
pub(super) struct Anybody;

/// Anybody who may read: a user, a gateway, or who shows nothing where the policy opens something.
pub(super) enum Caller {
    /// A person or a program of theirs.
    User(User),
    /// One of our gateways.
    Gateway,
}

/// A person or a program of theirs.
pub(super) struct User {
    pub(super) principal: Arc<Principal>,
    pub(super) session: Option<Session>,
    pub(super) edge: Edge,
}

/// A user who may change the registry.
pub(super) struct Admin(pub(super) User);

/// A gateway, by its token; no cookie counts.
pub(super) struct Gateway(pub(super) Secret<String>);

impl User {
    /// For the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            username: self.principal.username.to_string(),
            request_id: self.edge.request_id.to_string(),
            source: self.edge.client,
            auth_method: self.principal.method.as_str(),
        }
    }

    /// What they may do, by the policy in force.
    pub(super) fn grants(&self, registry: &Registry) -> Grants {
        let policy = registry.view().access.policy.clone();
        Grants::new(policy, Arc::clone(&self.principal))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Anybody {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl FromRequestParts<Registry> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        match shown(parts, registry).await? {
            Shown::User(user) => Ok(Self::User(user)),
            Shown::Gateway => Ok(Self::Gateway),
            Shown::OtherSite => Err(other_site()),
            Shown::Nothing => {
                let anonymous = policy::anonymous();
                let policy = &registry.view().access.policy;
                if !policy.permits_some(&anonymous, Permission::List) {
                    return Err(nothing_shown());
                }
                Ok(Self::User(User {
                    principal: Arc::new(anonymous),
                    session: None,
                    edge: edge(parts),
                }))
            }
        }
    }
}

impl FromRequestParts<Registry> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        match shown(parts, registry).await? {
            Shown::User(user) => Ok(user),
            Shown::Gateway => Err(not_for_gateways()),
            Shown::OtherSite => Err(other_site()),
            Shown::Nothing => Err(nothing_shown()),
        }
    }
}

/// What a request shows of its caller.
enum Shown {
    User(User),
    Gateway,
    /// A session, from a page that may not be ours.
    OtherSite,
    Nothing,
}

async fn shown(parts: &Parts, registry: &Registry) -> Result<Shown, Problem> {
    let edge = edge(parts);
    let other_site = match session_of(&parts.headers, &edge, registry).await? {
        Some(session) if proves_own_page(&parts.method, &parts.headers, &edge, &session) => {
            let principal = Arc::clone(&session.principal);
            return Ok(Shown::User(User {
                principal,
                session: Some(session),
                edge,
            }));
        }
        Some(_) => true,
        None => false,
    };
    let Some(token) = shown_token(&parts.headers)? else {
        return Ok(if other_site {
            Shown::OtherSite
        } else {
            Shown::Nothing
        });
    };
    if registry.0.gateway_tokens.contains(token) {
        return Ok(Shown::Gateway);
    }
    let principal = registry.verify(token).await.map_err(refused)?;
    Ok(Shown::User(User {
        principal,
        session: None,
        edge,
    }))
}

fn nothing_shown() -> Problem {
    Problem::unauthorized("log in, or send a bearer token")
}

fn other_site() -> Problem {
    Problem::forbidden("send the X-CSRF-Token of GET /api/auth/me, or a bearer token")
}

fn not_for_gateways() -> Problem {
    Problem::forbidden("a gateway's token does not open this")
}

impl FromRequestParts<Registry> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, registry).await?;
        if registry.view().access.policy.is_admin(&user.principal) {
            Ok(Self(user))
        } else {
            Err(Problem::forbidden("none of your scopes allows this"))
        }
    }
}

impl FromRequestParts<Registry> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        match shown_token(&parts.headers)? {
            None => Err(Problem::unauthorized(
                "send the gateway's token as bearer token",
            )),
            Some(token) if registry.0.gateway_tokens.contains(token) => {
                Ok(Self(Secret::new(token.to_owned())))
            }
            Some(token) => match registry.verify(token).await {
                Ok(_) => Err(Problem::forbidden("only a gateway's token opens this")),
                Err(rejection) => Err(refused(rejection)),
            },
        }
    }
}

/// The facts of the edge; a router that is not behind it knows nothing.
pub(super) fn edge(parts: &Parts) -> Edge {
    parts
        .extensions
        .get::<Edge>()
        .cloned()
        .unwrap_or_else(|| Edge {
            request_id: "".into(),
            client: None,
            https: false,
            host: "".into(),
            via_gateway: false,
            same_origin: None,
        })
}

/// The session of the request's cookie, while it is in force.
pub(super) async fn session_of(
    headers: &HeaderMap,
    edge: &Edge,
    registry: &Registry,
) -> Result<Option<Session>, Problem> {
    // Somebody on the path could plant cookies, but not this one.
    let name = cookie_name(edge);
    for id in cookie::values(headers, name).take(MAX_COOKIES) {
        if let Some(session) = registry.session(id).await? {
            return Ok(Some(session));
        }
    }
    Ok(None)
}

/// The cookie's name, which over TLS binds it to this host.
pub(super) const fn cookie_name(edge: &Edge) -> &'static str {
    if edge.https {
        "__Host-mcp_gateway_session"
    } else {
        "mcp_gateway_session"
    }
}

/// Whether a request with a session cookie is not forged by another site.
pub(super) fn proves_own_page(
    method: &Method,
    headers: &HeaderMap,
    edge: &Edge,
    session: &Session,
) -> bool {
    if method.is_safe() {
        return true;
    }
    let own_page = match headers.get(FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => edge.same_origin == Some(true),
    };
    own_page
        || headers
            .get(CSRF_TOKEN)
            .is_some_and(|token| session.has_csrf_token(token.as_bytes()))
}

fn shown_token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    for name in [X_AUTHORIZATION, AUTHORIZATION] {
        let mut values = headers.get_all(&name).iter();
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => return bearer(value).map(Some).ok_or_else(bad_token),
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request(format!("{name} must be given once")));
            }
        }
    }
    Ok(None)
}

/// A token that cannot be judged may be good: who shows it may come back.
fn refused(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::NoKeys(_) => Problem::later(
            StatusCode::SERVICE_UNAVAILABLE,
            2,
            "the identity provider's keys are not known yet; try again",
        ),
        _ => bad_token(),
    }
}

/// One answer for all that is wrong with a token.
fn bad_token() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED)
        .detail("the bearer token is not valid, or no longer")
        .header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        )
}

const X_AUTHORIZATION: HeaderName = HeaderName::from_static("x-authorization");
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MAX_COOKIES: usize = 4;
