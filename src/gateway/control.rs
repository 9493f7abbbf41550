//! Paths of the control plane, passed on to the registry in every mode.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::body::{ClientBody, ResponseBody};
use super::fields::Name;
use super::head::Reply;
use super::pipeline::{self, Context, Exchange, Passing};
use super::prepare;
use super::reason::Reason;
use super::reply;
use super::respond;
use super::shared::Gateway;
use super::streams::Stream;
use super::upstream;
use crate::domain::path::RESERVED_FIRST_SEGMENTS;
use crate::http::connection::Connection;

/// First segments that the registry answers. `ready`, `metrics` and what belongs to an identity
/// provider are reserved too, but never passed on.
const FIRST_SEGMENTS: &[&str] = &[
    "",
    ".well-known",
    "api",
    "assets",
    "auth",
    "edit",
    "login",
    "logout",
    "oauth2",
    "register",
    "static",
    "toggle",
    "ui",
    "v0",
    "v0.1",
    "validate",
    "ws",
];

fn first_segment(path: &str) -> &str {
    let Some(behind) = path.strip_prefix('/') else {
        return path.split('/').nth(1).unwrap_or_default();
    };
    let end = memchr::memchr(b'/', behind.as_bytes()).unwrap_or(behind.len());
    behind.get(..end).unwrap_or_default()
}

/// Whether the registry answers this canonical path.
pub fn is_control_plane(path: &str) -> bool {
    FIRST_SEGMENTS.contains(&first_segment(path)) && !is_for_gateways(path)
}

/// What only gateways ask the registry for, also as a reader sees it who resolves the escaped slash
/// or drops parameters.
fn is_for_gateways(path: &str) -> bool {
    path.strip_prefix("/api/gateway")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ';', '%']))
}

/// Whether a path, canonical or not, lies where no server can be.
pub fn is_reserved(path: &str) -> bool {
    let first = first_segment(path);
    first.is_empty() || RESERVED_FIRST_SEGMENTS.contains(&first)
}

/// Whether an escaped slash may be part of a segment: the registry's ids are paths.
pub fn takes_escaped_slashes(raw_path: &str) -> bool {
    matches!(first_segment(raw_path), "api" | "v0" | "v0.1" | "ui")
}

/// Whether we answer this ourselves.
pub fn is_health(path: &str) -> bool {
    matches!(path, "/health" | "/ready")
}

/// `/health`: this process answers. `/ready`: it can route.
pub fn health(path: &str, gateway: &Gateway) -> Reply<ResponseBody> {
    match path {
        "/ready" => match gateway.unready() {
            None => reply::text(StatusCode::OK, "OK"),
            Some(reason) => reply::text(StatusCode::SERVICE_UNAVAILABLE, reason.message()),
        },
        _ => reply::text(StatusCode::OK, "OK"),
    }
}

/// Passes a request on to the registry.
pub async fn forward(
    context: Arc<Context>,
    exchange: Box<Exchange>,
    body: ClientBody,
) -> Reply<ResponseBody> {
    if let Some(redirect) = to_https(&context, &exchange) {
        return pipeline::own_page(redirect, exchange.record);
    }
    let gateway = Arc::clone(&context.gateway);
    let target = exchange.head.query().map_or_else(
        || exchange.path().to_owned(),
        |query| format!("{}?{query}", exchange.path()),
    );
    let forwarded = pipeline::forwarded(&context, &exchange);
    let websocket = exchange.websocket;
    let is_h1 = !exchange.head.is_h2();
    let headers = prepare::for_registry(
        &exchange.head,
        &exchange.admitted.host,
        &forwarded,
        exchange.record.id.header(),
        gateway.control_token().as_deref(),
        websocket && is_h1,
    );
    let mut request = Request::new(pipeline::stream_body(body, &context));
    *request.method_mut() = exchange.head.method().clone();
    *request.headers_mut() = headers;
    let Ok(uri) = http::Uri::try_from(target) else {
        return pipeline::refuse(Reason::BadTarget, &exchange.reply, exchange.record);
    };
    *request.uri_mut() = uri;
    let limit = gateway.timeouts.upstream_first_byte.get();
    let sending = upstream::send(&context.pool, &gateway.control_plane, request);
    let sent = timeout(limit, sending).await;
    match sent.unwrap_or(Err(Reason::UpstreamFirstByte)) {
        Ok(answer) => {
            let passing = Passing {
                from: respond::From::Registry,
                body_idle: gateway.timeouts.upstream_body_idle.get(),
                stream_idle: gateway.timeouts.upstream_stream_idle.get(),
                deadline: None,
                rewrite: None,
                events: None,
            };
            let stream = Stream {
                route: None,
                caller: None,
                endless: true,
                opened_at: gateway.clock.now(),
                access: None,
                verdict: None,
                place: None,
            };
            pipeline::pass_on(answer, exchange, passing, stream, &context)
        }
        Err(reason) => unavailable(&gateway, reason, exchange),
    }
}

fn unavailable(gateway: &Gateway, reason: Reason, exchange: Box<Exchange>) -> Reply<ResponseBody> {
    tracing::debug!(reason = reason.label(), "the registry did not answer");
    if gateway.table().is_none() {
        let message = Reason::Initializing.message();
        let page = reply::text(StatusCode::SERVICE_UNAVAILABLE, message).with("retry-after", "2");
        return pipeline::own_page(page, exchange.record);
    }
    let reason = match reason {
        Reason::UpstreamFirstByte => reason,
        _ => Reason::RegistryUnavailable,
    };
    pipeline::refuse(reason, &exchange.reply, exchange.record)
}

/// Pages move to HTTPS where there is one; programs get what they asked for.
fn to_https(context: &Context, exchange: &Exchange) -> Option<Reply<ResponseBody>> {
    let port = context
        .gateway
        .https_port
        .filter(|_| !is_secure(context, &context.connection, exchange))?;
    let is_page = matches!(
        first_segment(exchange.path()),
        "" | "ui" | "login" | "logout"
    ) && matches!(*exchange.head.method(), Method::GET | Method::HEAD)
        && exchange
            .head
            .field_str(Name::Accept)
            .is_some_and(|accept| accept.contains("text/html"));
    if !is_page {
        return None;
    }
    let host = exchange.admitted.host.to_str().ok()?;
    let name = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => host.get(..colon)?,
        _ => host,
    };
    let query = exchange
        .head
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let port = if port == 443 {
        String::new()
    } else {
        format!(":{port}")
    };
    let location = format!("https://{name}{port}{}{query}", exchange.path());
    let redirect = Reply::new(StatusCode::PERMANENT_REDIRECT, ResponseBody::Empty)
        .with("location", location)
        .with("cache-control", "no-store");
    Some(redirect)
}

/// Whether the client called over TLS, as far as somebody trustworthy tells.
pub fn is_secure(context: &Context, connection: &Connection, exchange: &Exchange) -> bool {
    connection.is_secure()
        || (context.gateway.trusts(connection.peer())
            && exchange.head.field(Name::XForwardedProto) == Some(b"https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_plane_is_told_by_whole_first_segments() {
        for path in [
            "/",
            "/api",
            "/api/servers",
            "/ui/x",
            "/v0.1/servers",
            "/.well-known/x",
            "/login",
        ] {
            assert!(is_control_plane(path), "{path}");
        }
        for path in [
            "/apix",
            "/fininfo",
            "/api/gateway",
            "/api/gateway/watch",
            "/api/gateway%2Fwatch",
            "/api/gateway;x/watch",
            "/metrics",
            "/ready",
            "/API",
            "/uix",
        ] {
            assert!(!is_control_plane(path), "{path}");
        }
        assert!(is_control_plane("/api/gateways"));
    }
}
