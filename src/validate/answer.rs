//! How a verdict is said: identity in headers and as JSON, or a problem.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::domain::policy::Policy;
use crate::domain::principal::{Principal, header_text};
use crate::domain::server::Route;
use crate::http::Problem;

/// A request that may pass.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Nobody at a public server, where no credential is looked at.
    caller: Option<Arc<Principal>>,
    scopes: Vec<Arc<str>>,
    server: Option<String>,
    /// The tool that is called, else the JSON-RPC method.
    tool: Option<String>,
}

impl Allowed {
    /// Whose token it is, and nothing more.
    pub(super) fn identity(caller: Arc<Principal>, policy: &Policy) -> Self {
        Self {
            scopes: policy.scopes_of(&caller).into_iter().collect(),
            caller: Some(caller),
            server: None,
            tool: None,
        }
    }

    /// Everybody's.
    pub(super) fn public(route: &Route) -> Self {
        Self {
            caller: None,
            scopes: Vec::new(),
            server: Some(route.path.id().to_owned()),
            tool: None,
        }
    }

    /// This caller's, at this server.
    pub(super) fn server(
        caller: Arc<Principal>,
        policy: &Policy,
        route: &Route,
        tool: Option<String>,
    ) -> Self {
        Self {
            server: Some(route.path.id().to_owned()),
            tool,
            ..Self::identity(caller, policy)
        }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let Some(caller) = &self.caller else {
            return Vec::new();
        };
        let encoded = |text| header_text(text).into_owned();
        let user = encoded(&caller.username);
        let mut headers = vec![
            ("x-user", user.clone()),
            ("x-username", user),
            ("x-scopes", self.scopes.join(" ")),
            ("x-auth-method", caller.method.as_str().to_owned()),
        ];
        let client = caller.client_id.as_deref();
        headers.extend(client.map(|client| ("x-client-id", encoded(client))));
        headers.extend(self.server.clone().map(|server| ("x-server-name", server)));
        let tool = self.tool.as_deref();
        headers.extend(tool.map(|tool| ("x-tool-name", encoded(tool))));
        headers
    }
}

impl IntoResponse for Allowed {
    fn into_response(self) -> Response {
        let caller = self.caller.as_deref();
        let said = json!({
            "valid": true,
            "username": caller.map(|caller| &caller.username),
            "client_id": caller.and_then(|caller| caller.client_id.as_ref()),
            "scopes": self.scopes,
            "method": caller.map(|caller| caller.method.as_str()),
            "groups": caller.map(|caller| &caller.groups),
            "server_name": self.server,
            "tool_name": self.tool,
        });
        let fixed = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let mut response = (fixed, said.to_string()).into_response();
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Why a request may not pass, or cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(super) enum Refusal {
    #[error("waiting for the registry: there is no policy yet")]
    Unready,
    #[error(
        "a full verdict needs X-Gateway-Authorization with a credential of POST /api/gateways; \
         what is here is missing, twice there or not known"
    )]
    Gateway,
    #[error("send a bearer token that counts, once, as X-Authorization or Authorization")]
    Caller,
    #[error("the keys of the token's issuer are not known yet; try again")]
    NoKeys,
    #[error(
        "name the client's target: as what follows /auth/validate, or in X-Original-URL or \
         X-Forwarded-Uri"
    )]
    NoTarget,
    #[error("two targets that differ are named; the gateway must overwrite what its clients send")]
    Targets,
    #[error("name the client's method in X-Original-Method or X-Forwarded-Method")]
    NoMethod,
    #[error("two methods that differ are named; the gateway must overwrite what its clients send")]
    Methods,
    #[error(
        "a header about the client's request stands there twice; the gateway must overwrite what \
         its clients send"
    )]
    Repeated,
    #[error("the target is not a path in canonical form")]
    Path,
    #[error("no server has this path")]
    NoServer,
    #[error(
        "the body is larger than 32 KiB; only who may use everything of the server may send it"
    )]
    TooLarge,
    #[error(
        "the body is no JSON-RPC message, can be read in two ways, or differs from its headers"
    )]
    Message,
    #[error("the body must be application/json and not compressed")]
    Media,
    #[error("none of your scopes allows this")]
    Forbidden,
}

impl Refusal {
    /// A stable label for logs.
    const fn reason(self) -> &'static str {
        match self {
            Self::Unready => "unready",
            Self::Gateway => "gateway",
            Self::Caller => "caller",
            Self::NoKeys => "no_keys",
            Self::NoTarget => "no_target",
            Self::Targets => "targets",
            Self::NoMethod => "no_method",
            Self::Methods => "methods",
            Self::Repeated => "repeated",
            Self::Path => "path",
            Self::NoServer => "no_server",
            Self::TooLarge => "too_large",
            Self::Message => "message",
            Self::Media => "media",
            Self::Forbidden => "forbidden",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::debug!(reason = self.reason(), "verdict: no");
        let text = self.to_string();
        let problem = match self {
            Self::Unready | Self::NoKeys => {
                Problem::later(StatusCode::SERVICE_UNAVAILABLE, 2, text)
            }
            Self::Gateway | Self::Caller => Problem::unauthorized(text),
            Self::NoTarget | Self::Targets | Self::NoMethod | Self::Methods | Self::Repeated => {
                Problem::bad_request(text)
            }
            Self::Path
            | Self::NoServer
            | Self::TooLarge
            | Self::Message
            | Self::Media
            | Self::Forbidden => Problem::forbidden(text),
        };
        problem.into_response()
    }
}
