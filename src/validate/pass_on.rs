//! `/oauth2/*` at an auth server: older settings name it as the address where logins begin, so it
//! passes them on to the registry.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::StatusCode;
use reqwest::Client;
use url::Url;

use crate::domain::secret::Secret;
use crate::domain::target::canonical_path;
use crate::http::{Edge, Problem};

/// Says which token is shown to the registry at the moment.
pub type ShownToken = Arc<dyn Fn() -> Option<Secret<String>> + Send + Sync>;

/// The registry, for an auth server.
#[derive(Clone)]
pub struct Registry {
    /// Scheme and authority, with what comes before `/api/servers`.
    base: Url,
    client: Client,
    token: ShownToken,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// The one with this list of servers.
    pub fn new(servers: &Url, client: Client, token: ShownToken) -> Self {
        let mut base = servers.clone();
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/api/servers").unwrap_or_default();
        let path = path.to_owned();
        base.set_path(&path);
        base.set_query(None);
        base.set_fragment(None);
        Self {
            base,
            client,
            token,
        }
    }

    fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }
}

/// `/oauth2/*`, any method.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/oauth2/{*rest}", any(pass_on))
        .with_state(registry)
}

async fn pass_on(State(registry): State<Registry>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(path) = canonical_path(head.uri.path(), false) else {
        return Problem::bad_request("the path is not in canonical form").into_response();
    };
    let edge = head.extensions.get::<Edge>();
    let mut headers = only(&head.headers, ASKED);
    if let Some(edge) = edge {
        tell(&mut headers, edge);
    }
    if let Some(token) = (registry.token)()
        && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose()))
    {
        value.set_sensitive(true);
        headers.insert(GATEWAY_AUTHORIZATION, value);
    }
    let sent = registry
        .client
        .request(head.method, registry.url(&path, head.uri.query()))
        .headers(headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()))
        .send()
        .await;
    match sent {
        Ok(answer) => answered(answer),
        Err(error) => {
            tracing::warn!(%error, "could not pass a login on to the registry");
            Problem::later(
                StatusCode::BAD_GATEWAY,
                2,
                "the registry does not answer; try again",
            )
            .into_response()
        }
    }
}

fn answered(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), only(answer.headers(), SAID));
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What the registry may believe of the client.
fn tell(headers: &mut HeaderMap, edge: &Edge) {
    let client = edge.client.map(|client| client.to_string());
    let told = [
        ("x-forwarded-for", client.as_deref()),
        ("x-forwarded-proto", Some(edge.scheme())),
        ("x-forwarded-host", Some(&*edge.host)),
        ("x-request-id", Some(&*edge.request_id)),
    ];
    for (name, value) in told {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn only(headers: &HeaderMap, names: &[&str]) -> HeaderMap {
    let known = headers
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()));
    known
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What of a login's request goes on.
const ASKED: &[&str] = &[
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "cookie",
    "origin",
    "referer",
    "sec-fetch-site",
    "user-agent",
];
/// What of the answer does.
const SAID: &[&str] = &[
    "allow",
    "cache-control",
    "content-type",
    "location",
    "retry-after",
    "set-cookie",
    "www-authenticate",
];
const GATEWAY_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateway-authorization");
