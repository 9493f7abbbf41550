//! The verdict: what our own gateway would say of the same request.

use std::sync::Arc;

use axum::http::Method;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;

use super::Validator;
use super::answer::{Allowed, Refusal};
use super::question::{self, Question};
use crate::auth::gateway_key;
use crate::auth::verify::{Place, Rejection};
use crate::catalog::asks;
use crate::catalog::snapshot::Access;
use crate::domain::gateway_key::GatewayKey;
use crate::domain::policy::Action;
use crate::domain::principal::Principal;
use crate::domain::server::Route;
use crate::domain::trust::Trust;
use crate::http::edge::bearer;
use crate::protocol::envelope::Envelope;
use crate::protocol::headers::{self, HeaderCheck, Single};

impl Validator {
    /// Judges a question. `via_gateway`: one of our own gateways passed it on, whose token then
    /// stands where a credential would.
    pub(super) async fn judge(&self, asked: &Parts, via_gateway: bool) -> Result<Allowed, Refusal> {
        let snapshot = self.snapshot.load_full().ok_or(Refusal::Unready)?;
        let access = snapshot.access.as_deref().ok_or(Refusal::Unready)?;
        let gateway = gateway(&access.trust, &asked.headers, via_gateway)?;
        let Some(gateway) = gateway else {
            if question::tells_of_a_request(&asked.uri, &asked.headers) {
                return Err(Refusal::Gateway);
            }
            let caller = self.caller(&access.trust, &asked.headers, None).await?;
            return Ok(Allowed::identity(caller, &access.policy));
        };
        let question = Question::read(&asked.uri, &asked.method, &asked.headers)?;
        let (route, below) = snapshot.find(&question.path).ok_or(Refusal::NoServer)?;
        if route.public {
            return Ok(Allowed::public(route));
        }
        let at = Some(route.path.as_str());
        let caller = self.caller(&access.trust, &asked.headers, at).await?;
        let case = Case {
            access,
            route,
            caller: &caller,
            gateway,
            headers: &asked.headers,
        };
        let tool = case.judge(&question.method, below)?;
        Ok(Allowed::server(caller, &access.policy, route, tool))
    }

    /// Who shows a token, at the server of this path. Cookies are never a credential here.
    async fn caller(
        &self,
        trust: &Trust,
        headers: &HeaderMap,
        path: Option<&str>,
    ) -> Result<Arc<Principal>, Refusal> {
        let shown = match only(headers, &X_AUTHORIZATION)? {
            None => only(headers, &header::AUTHORIZATION)?,
            some => some,
        };
        let token = shown.and_then(bearer).ok_or(Refusal::Caller)?;
        let place = self
            .base
            .as_deref()
            .zip(path)
            .map(|(base, path)| Place { base, path });
        let judged = match self.verifier.verify_at(trust, token, place) {
            Err(first) if first.wants_keys().is_some() => {
                self.keys.verify(trust, token, place, first).await
            }
            judged => judged,
        };
        judged.map_err(|rejection| {
            tracing::debug!(reason = rejection.reason(), "token refused");
            match rejection {
                Rejection::NoKeys(_) => Refusal::NoKeys,
                _ => Refusal::Caller,
            }
        })
    }
}

/// The gateway that asks, by its credential; nothing where none is shown.
fn gateway<'t>(
    trust: &'t Trust,
    headers: &HeaderMap,
    via_gateway: bool,
) -> Result<Option<&'t GatewayKey>, Refusal> {
    let mut shown = headers.get_all(GATEWAY_AUTHORIZATION).iter();
    let known = match (shown.next(), shown.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => bearer(value)
            .and_then(gateway_key::hash_of)
            .and_then(|hash| trust.gateways.get(&hash)),
        (Some(_), Some(_)) => None,
    };
    match known {
        Some(gateway) => Ok(Some(gateway)),
        None if via_gateway => Ok(None),
        None => Err(Refusal::Gateway),
    }
}

/// A caller at a server, through a gateway.
struct Case<'c> {
    access: &'c Access,
    route: &'c Route,
    caller: &'c Principal,
    gateway: &'c GatewayKey,
    headers: &'c HeaderMap,
}

impl Case<'_> {
    /// Whether the request may pass; for a message that was seen, the tool or method it names.
    fn judge(&self, method: &Method, below: &str) -> Result<Option<String>, Refusal> {
        let full_right = self.may(Action::Everything);
        let upgrades = self.headers.contains_key(header::UPGRADE);
        match what(method, below, self.route.passthrough) {
            // Such a server takes anything from somebody who may do everything.
            What::Messages if !(upgrades || self.route.passthrough && full_right) => {
                match self.body()? {
                    Some(body) => self.judge_message(&body),
                    None => need(full_right),
                }
            }
            What::Stream if !upgrades => need(self.may(Action::Stream)),
            What::Messages | What::Stream | What::Anything => need(full_right),
        }
    }

    fn may(&self, action: Action<'_>) -> bool {
        let policy = &self.access.policy;
        policy.allows(self.caller, &self.route.path, action)
    }

    /// The client's body, where this gateway vouches for it.
    fn body(&self) -> Result<Option<std::borrow::Cow<'_, [u8]>>, Refusal> {
        if self.gateway.sends_body {
            question::body(self.headers)
        } else {
            Ok(None)
        }
    }

    fn judge_message(&self, body: &[u8]) -> Result<Option<String>, Refusal> {
        check_media(self.headers)?;
        let envelope = Envelope::parse(body).map_err(|error| {
            tracing::debug!(reason = error.reason(), "message refused");
            Refusal::Message
        })?;
        let single = |name| {
            let values = self.headers.get_all(name).iter();
            Single::of(values.map(HeaderValue::as_bytes))
        };
        let check = HeaderCheck {
            version: single(headers::MCP_PROTOCOL_VERSION),
            method: single(headers::MCP_METHOD),
            name: single(headers::MCP_NAME),
        };
        check.compare(&envelope).map_err(|mismatch| {
            tracing::debug!(%mismatch, "message refused");
            Refusal::Message
        })?;
        let all = envelope.messages();
        if !all.iter().all(|message| self.may(asks::action(message))) {
            return Err(Refusal::Forbidden);
        }
        Ok(all.first().and_then(asks::named))
    }
}

fn need(right: bool) -> Result<Option<String>, Refusal> {
    right.then_some(None).ok_or(Refusal::Forbidden)
}

/// What a request to a server is, by its method and what lies below the server's path.
enum What {
    /// Carries JSON-RPC messages.
    Messages,
    /// Opens or ends a stream or session.
    Stream,
    /// Whatever the server makes of it.
    Anything,
}

fn what(method: &Method, below: &str, passthrough: bool) -> What {
    let below = below.strip_suffix('/').unwrap_or(below);
    match (below, method) {
        ("" | "/mcp", &Method::POST) => What::Messages,
        ("" | "/mcp", &Method::GET | &Method::DELETE | &Method::OPTIONS)
        | ("/sse", &Method::GET | &Method::OPTIONS) => What::Stream,
        // Such a server may have a page of that name.
        ("/message" | "/messages", &Method::POST) if !passthrough => What::Messages,
        _ => What::Anything,
    }
}

/// What is said of the body must not make a server read it in another way than it was judged.
fn check_media(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoded = headers.contains_key(header::CONTENT_ENCODING);
    let kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let is_json = |kind: &HeaderValue| {
        let kind = kind.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(headers::JSON)
    };
    if encoded || !kinds.into_iter().all(is_json) {
        return Err(Refusal::Media);
    }
    Ok(())
}

/// A credential that stands there twice proves nothing.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Refusal::Caller),
    }
}

const X_AUTHORIZATION: HeaderName = HeaderName::from_static("x-authorization");
const GATEWAY_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateway-authorization");
