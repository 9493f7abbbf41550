//! Tokens of identity providers at the gateway: keys fetched on demand, tokens made for one server,
//! and telling clients who gives tokens (RFC 9728).

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::body::ResponseBody;
use super::control;
use super::head::Reply;
use super::pipeline::{Context, Exchange};
use super::reason::Reason;
use super::shared::Gateway;
use super::table::{CompiledRoute, Place};
use crate::auth::identity;
use crate::auth::verify::{self, Rejection};
use crate::catalog::snapshot::Access;
use crate::domain::issuer::is_scope;
use crate::domain::policy::step_up::Offer;
use crate::domain::principal::Principal;

/// A token to be judged, and where it is used.
#[derive(Debug)]
pub struct Question<'r> {
    /// The token.
    pub token: String,
    /// Our own address, where tokens may be made for it.
    pub base: Option<String>,
    /// The server's path.
    pub path: &'r str,
}

/// Judges a token again that was refused in the first, quick look: it may be made for this server
/// alone, or signed with a key that has to be fetched.
///
/// # Errors
/// Why it does not count.
pub async fn verify(
    gateway: &Gateway,
    access: &Access,
    question: Question<'_>,
    first: Rejection,
) -> Result<Arc<Principal>, Reason> {
    let place = question.base.as_deref().map(|base| verify::Place {
        base,
        path: question.path,
    });
    let look = || {
        gateway
            .verifier
            .verify_at(&access.trust, &question.token, place)
    };
    let judged = match first {
        Rejection::Audience => look(),
        other => Err(other),
    };
    let judged = match (judged, &gateway.keys) {
        (Err(rejection), Some(keys)) if rejection.wants_keys().is_some() => {
            keys.retry(&access.trust, rejection, look).await
        }
        (judged, _) => judged,
    };
    judged.map_err(reason)
}

/// How a refusal is answered.
pub fn reason(rejection: Rejection) -> Reason {
    tracing::debug!(reason = rejection.reason(), "token refused");
    match rejection {
        Rejection::NoKeys(_) => Reason::IssuerUnavailable,
        _ => Reason::Unauthenticated,
    }
}

/// Our own address where nobody else could have it.
pub fn own_base(context: &Context, exchange: &Exchange) -> Option<String> {
    context
        .gateway
        .own_base(scheme(context, exchange), host(exchange))
}

/// What the client called, by its canonical path.
pub fn called_url(context: &Context, exchange: &Exchange) -> String {
    let (scheme, host) = (scheme(context, exchange), host(exchange));
    let path = exchange.path();
    match exchange.head.query() {
        Some(query) => format!("{scheme}://{host}{path}?{query}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// Where it is written who gives tokens for the path that was asked for.
pub fn metadata_url(context: &Context, exchange: &Exchange) -> String {
    let base = context
        .gateway
        .base(scheme(context, exchange), host(exchange));
    format!("{base}{METADATA}{}", exchange.head.raw_path())
}

/// Whether a canonical path asks for that.
pub fn is_metadata(path: &str) -> bool {
    path.strip_prefix(METADATA)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Who gives tokens for a server; 404 where the server needs none, or nobody else gives any.
///
/// # Errors
/// Why there is no such document.
pub fn metadata(context: &Context, exchange: &Exchange) -> Result<Reply<ResponseBody>, Reason> {
    match *exchange.head.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(answer(StatusCode::NO_CONTENT, Bytes::new())),
        _ => return Err(Reason::MethodNotAllowed),
    }
    let table = context.gateway.table().ok_or(Reason::Initializing)?;
    let path = exchange.path().strip_prefix(METADATA).unwrap_or_default();
    let (route, below) = table.find(path).ok_or(Reason::NotFound)?;
    let served = route.route.passthrough || Place::of(below, exchange.head.query()) != Place::Below;
    let access = table.access().filter(|access| {
        let issuers = &access.trust.issuers;
        !issuers.is_empty() && served && !route.route.public
    });
    let access = access.ok_or(Reason::NotFound)?;
    let names = access.trust.issuers.iter();
    let offer = offer(access, route);
    let scopes: Vec<_> = std::iter::once("openid").chain(offer.scopes()).collect();
    let base = context
        .gateway
        .base(scheme(context, exchange), host(exchange));
    let document = json!({
        // Exactly the path that was asked for: clients compare it with what they called.
        "resource": format!("{base}{path}"),
        "authorization_servers": names.map(|issuer| &issuer.issuer).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes,
        "resource_name": route.path().as_str(),
    });
    Ok(answer(StatusCode::OK, document.to_string().into()))
}

/// The scopes that mean something at a server and that every provider grants: whichever a client asks,
/// and whichever a caller's token is from.
pub fn offer<'a>(access: &'a Access, route: &'a CompiledRoute) -> Offer<'a> {
    let issuers = access.trust.issuers.as_slice();
    let first = issuers.first().into_iter();
    let granted = first.flat_map(|issuer| &issuer.scopes).map(String::as_str);
    let by_all = granted.filter(|name| {
        is_scope(name) && issuers.iter().all(|issuer| issuer.scopes.contains(*name))
    });
    access.policy.offer(route.path(), by_all)
}

/// The keys by which servers check what they are told of callers: those of all gateways that the
/// registry knows, and ours.
///
/// # Errors
/// Why there is none.
pub fn key_set(context: &Context, exchange: &Exchange) -> Result<Reply<ResponseBody>, Reason> {
    if !matches!(*exchange.head.method(), Method::GET | Method::HEAD) {
        return Err(Reason::MethodNotAllowed);
    }
    let table = context.gateway.table();
    let access = table.as_ref().and_then(|table| table.access());
    let all = access.map_or(&[][..], |access| &access.trust.gateway_keys);
    let ours = context.gateway.identities.keys();
    let ours = ours.map(|keys| keys.public()).unwrap_or_default();
    let body = identity::key_set(all.iter().chain(&ours));
    Ok(answer(StatusCode::OK, body.into()))
}

/// For pages of any origin, for minutes.
fn answer(status: StatusCode, body: Bytes) -> Reply<ResponseBody> {
    let body = if body.is_empty() {
        ResponseBody::Empty
    } else {
        ResponseBody::full(body)
    };
    let reply = Reply::new(status, body)
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-methods", "GET, OPTIONS")
        .with("access-control-allow-headers", "mcp-protocol-version");
    if status != StatusCode::OK {
        return reply;
    }
    reply
        .with("content-type", "application/json")
        .with("cache-control", "public, max-age=300")
}

/// Admission has seen that it is text.
fn host(exchange: &Exchange) -> &str {
    exchange.admitted.host.to_str().unwrap_or_default()
}

fn scheme(context: &Context, exchange: &Exchange) -> &'static str {
    if control::is_secure(context, &context.connection, exchange) {
        "https"
    } else {
        "http"
    }
}

const METADATA: &str = "/.well-known/oauth-protected-resource";
