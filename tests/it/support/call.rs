//! One request through a router, in process.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use mcp::http::Peer;
use serde_json::Value;
use tower::ServiceExt as _;

use super::app::Session;

/// A request to be sent.
pub(crate) struct Call {
    router: Router,
    request: Request<Body>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(router: Router, method: Method, target: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "localhost:7860");
        let mut call = Self {
            router,
            request: request.body(Body::empty()).unwrap(),
        };
        call = call.from("127.0.0.1:50000", false);
        call
    }

    /// From this address, over TLS or not.
    pub(crate) fn from(mut self, address: &str, tls: bool) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        self.request.extensions_mut().insert(Peer {
            address: Some(address),
            tls,
        });
        self
    }

    /// Sets a header; the same name again replaces it.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request
            .headers_mut()
            .insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }

    /// As our own page calls.
    pub(crate) fn session(self, session: &Session) -> Self {
        self.cookie(&session.cookie)
            .header("sec-fetch-site", "same-origin")
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Body>) -> Self {
        let mut call = self.header("content-type", content_type);
        *call.request.body_mut() = body.into();
        call
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// The answer's body as it comes.
    pub(crate) async fn stream(self) -> (StatusCode, HeaderMap, Body) {
        let (head, body) = self
            .router
            .oneshot(self.request)
            .await
            .unwrap()
            .into_parts();
        (head.status, head.headers, body)
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// The mistakes as `field: rule`.
    pub(crate) fn errors(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                format!(
                    "{}: {}",
                    error["field"].as_str().unwrap(),
                    error["rule"].as_str().unwrap()
                )
            })
            .collect()
    }
}
