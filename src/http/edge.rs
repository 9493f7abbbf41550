//! What every request goes through: an id, who is in front of us, hosts and origins, and at the end
//! well-formed answers.
//!
//! Order, outermost first: request id → facts about the client → host and origin → the handler, its
//! panics caught → problems rendered → headers that every answer carries.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;

use super::host::{HostRules, host_name};
use super::problem::Problem;
use super::unwind::caught;
use crate::auth::gateway_token::GatewayTokens;
use crate::config::HttpConfig;

/// What the listener knows of a connection; put into each request's extensions by who accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer {
    /// The other end; `None` inside the process.
    pub address: Option<SocketAddr>,
    /// Whether the connection is TLS here.
    pub tls: bool,
}

/// Facts about a request that handlers may rely on; found in its extensions.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Names the request in answers and logs.
    pub request_id: Arc<str>,
    /// The client's address, as far as somebody trustworthy tells it.
    pub client: Option<IpAddr>,
    /// Whether the client's connection is encrypted.
    pub https: bool,
    /// The `Host` that the client called, with its port.
    pub host: Arc<str>,
    /// Whether one of our gateways passed the request on.
    pub via_gateway: bool,
    /// Whether `Origin` is absent or ours.
    pub same_origin: Option<bool>,
}

impl Edge {
    /// The scheme that the client used.
    pub const fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

/// The rules of the edge, shared by all requests.
#[derive(Debug)]
pub struct Guard {
    hosts: HostRules,
    gateways: Arc<GatewayTokens>,
    trust_proxies: bool,
    proxies: Vec<IpNet>,
    id_prefix: u64,
    id_next: AtomicU64,
}

impl Guard {
    /// With the names we serve under and the tokens that prove a gateway.
    pub fn new(hosts: HostRules, gateways: Arc<GatewayTokens>, config: &HttpConfig) -> Self {
        let mut prefix = [0_u8; 8];
        // Ids must differ between processes; they need not be secret.
        let _ = aws_lc_rs::rand::fill(&mut prefix);
        Self {
            hosts,
            gateways,
            trust_proxies: config.trust_proxy_headers,
            proxies: config.trusted_proxies.clone(),
            id_prefix: u64::from_le_bytes(prefix),
            id_next: AtomicU64::new(1),
        }
    }

    fn next_id(&self) -> String {
        let mut id = String::with_capacity(24);
        // Writing to a String does not fail.
        let _ = write!(
            id,
            "{:016x}-{:x}",
            self.id_prefix,
            self.id_next.fetch_add(1, Ordering::Relaxed)
        );
        id
    }

    fn facts(&self, request: &Request) -> Result<Edge, Problem> {
        let peer = request
            .extensions()
            .get::<Peer>()
            .copied()
            .unwrap_or_default();
        let headers = request.headers();
        let via_gateway = headers
            .get("x-gateway-authorization")
            .and_then(bearer)
            .is_some_and(|token| self.gateways.contains(token));
        let address = peer.address.map(|address| address.ip().to_canonical());
        let via_proxy = self.trust_proxies
            && address.is_none_or(|address| self.proxies.iter().any(|net| net.contains(&address)));
        let trusted = via_gateway || via_proxy;
        let forwarded = |name: &str| trusted.then(|| last(headers, name)).flatten();
        let request_id = forwarded("x-request-id")
            .filter(|id| is_request_id(id))
            .map_or_else(|| self.next_id(), str::to_owned);
        let facts = Edge {
            request_id: request_id.into(),
            client: forwarded("x-forwarded-for")
                .and_then(|list| self.client_of(list, via_gateway))
                .or_else(|| forwarded("x-real-ip").and_then(|text| text.trim().parse().ok()))
                .or(address),
            https: forwarded("x-forwarded-proto")
                .map_or(peer.tls, |scheme| scheme.eq_ignore_ascii_case("https")),
            host: forwarded("x-forwarded-host")
                .map_or_else(|| called_host(request), Ok)?
                .into(),
            via_gateway,
            same_origin: None,
        };
        self.admit(request, facts)
    }

    /// The last address that a trusted proxy has added for a peer that is none of them.
    fn client_of(&self, list: &str, via_gateway: bool) -> Option<IpAddr> {
        let mut addresses = list
            .rsplit(',')
            .map_while(|one| one.trim().parse::<IpAddr>().ok());
        if via_gateway {
            // Our gateway replaces the list: what is first there is the client.
            return addresses.last();
        }
        let mut client = None;
        for address in addresses.by_ref() {
            client = Some(address);
            if !self.proxies.iter().any(|net| net.contains(&address)) {
                break;
            }
        }
        client
    }

    fn admit(&self, request: &Request, mut facts: Edge) -> Result<Edge, Problem> {
        let headers = request.headers();
        // A gateway has checked the host its client called; itself it calls by any name.
        let is_gateway = facts.via_gateway
            || is_question(request.uri().path())
            || headers
                .get(header::AUTHORIZATION)
                .and_then(bearer)
                .is_some_and(|token| self.gateways.contains(token));
        if host_name(&facts.host).is_none() {
            return Err(Problem::bad_request("the Host header must name one host"));
        }
        if !is_gateway && !self.hosts.allows_host(&facts.host) {
            return Err(Problem::forbidden(
                "this host name is not served here; the operator may add it to ALLOWED_HOSTS",
            ));
        }
        let origin = headers.get(header::ORIGIN);
        if let Some(origin) = origin.filter(|_| !is_question(request.uri().path())) {
            let ours = origin.to_str().is_ok_and(|origin| {
                self.hosts
                    .allows_origin(origin, facts.scheme(), &facts.host)
            });
            if !ours {
                return Err(Problem::forbidden(
                    "pages of this origin may not call here; the operator may add it to ALLOWED_ORIGINS",
                ));
            }
            facts.same_origin = Some(ours);
        }
        Ok(facts)
    }
}

/// The layer function: put it outermost, with `axum::middleware::from_fn_with_state`.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let facts = match guard.facts(&request) {
        Ok(facts) => facts,
        Err(problem) => {
            return finish(
                problem.into_response(),
                &method,
                &guard.next_id(),
                false,
                "",
            );
        }
    };
    request.extensions_mut().insert(facts.clone());
    // A handler's panic must not take the connection's other requests with it.
    let response = caught(next.run(request)).await.unwrap_or_else(|_| {
        tracing::error!(request.id = &*facts.request_id, "a handler panicked");
        Problem::internal().into_response()
    });
    finish(
        response,
        &method,
        &facts.request_id,
        facts.https,
        &facts.host,
    )
}

fn finish(
    response: Response,
    method: &Method,
    request_id: &str,
    https: bool,
    host: &str,
) -> Response {
    let mut response = completed(response, method, request_id);
    let html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    if html {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        );
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        // Never for names that other programs on the machine share.
        let name = host_name(host).unwrap_or("");
        if https && !name.ends_with("localhost") && name.parse::<IpAddr>().is_err() {
            headers.insert(
                header::STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=31536000"),
            );
        }
    }
    response
}

/// Renders problems; gives the framework's own bare errors a body; answers OPTIONS from `Allow`.
fn completed(mut response: Response, method: &Method, request_id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Box<Problem>>() {
        return problem.render(request_id);
    }
    let status = response.status();
    let allow = response.headers().get(header::ALLOW).cloned();
    match (status, allow) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(allow)) => {
            let mut allow = allow.as_bytes().to_vec();
            allow.extend_from_slice(b",OPTIONS");
            let allow = HeaderValue::from_maybe_shared(allow)
                .unwrap_or(HeaderValue::from_static("OPTIONS"));
            if method == Method::OPTIONS {
                return (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
            }
            Problem::new(status)
                .detail("this method is not offered here; see the Allow header")
                .header(header::ALLOW, allow)
                .render(request_id)
        }
        _ if (status.is_client_error() || status.is_server_error()) && is_bare(&response) => {
            Problem::new(status).render(request_id)
        }
        _ => response,
    }
}

/// The framework's own errors have no body, or one line of text.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// The token of a `Bearer` credential.
pub fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// Whether a gateway of somebody else asks about a request of its client, whose Host and Origin may
/// have come along: they are that gateway's to judge, and nothing that is answered hangs on them.
fn is_question(path: &str) -> bool {
    matches!(path, "/validate" | "/auth/validate") || path.starts_with("/auth/validate/")
}

fn called_host(request: &Request) -> Result<&str, Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), request.uri().authority()) {
        (_, Some(_), _) => Err(Problem::bad_request("the Host header must be given once")),
        // Absolute form, HTTP/2: the target's authority holds.
        (_, None, Some(authority)) => Ok(authority.as_str()),
        (Some(host), None, None) => host
            .to_str()
            .map_err(|_| Problem::bad_request("the Host header must name one host")),
        (None, None, None) => Err(Problem::bad_request("the Host header is missing")),
    }
}

fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(name)
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
}

fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Names a request in answers and logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const PAGE_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'self'";
