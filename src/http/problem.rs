//! Errors as clients see them: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::validate::FieldError;

/// One problem. As a response it is rendered by [`super::edge::guard`], which knows the request id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "registry", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What kind of problem: `about:blank`, or a relative reference such as `/problems/validation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Short name of the kind.
    title: &'static str,
    /// HTTP status.
    #[serde(serialize_with = "status_number")]
    #[cfg_attr(feature = "registry", schema(value_type = u16))]
    status: StatusCode,
    /// What was wrong with this request and what to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: Cow<'static, str>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Mistakes in the body, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    rest: Box<Rest>,
}

/// What is not part of the document.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rest {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    /// A problem that its status says enough of.
    pub fn new(status: StatusCode) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: Cow::Borrowed(""),
            instance: None,
            errors: Vec::new(),
            rest: Box::default(),
        }
    }

    /// Says what was wrong with this request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.rest.headers.push((name, value));
        self
    }

    /// Mistakes in a body, with a status of choice.
    pub fn fields(status: StatusCode, errors: Vec<FieldError>) -> Self {
        let mut problem =
            Self::new(status).detail("the body has mistakes; each is listed under errors");
        problem.kind = "/problems/validation";
        problem.title = "Validation failed";
        problem.errors = errors;
        problem
    }

    /// 422 with the mistakes of a body.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::fields(StatusCode::UNPROCESSABLE_ENTITY, errors)
    }

    /// 400.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// 401: a credential is needed, or the one shown is not good.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED)
            .detail(detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN).detail(detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND).detail(detail)
    }

    /// Worth another try in some seconds: 429 or 503.
    pub fn later(status: StatusCode, seconds: u64, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status)
            .detail(detail)
            .header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 500, without a word on why.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
            .detail("the request failed here; the log has the reason under this request id")
    }

    /// What stands behind it: for the log, never for the client.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let chain: Vec<String> = chain.map(ToString::to_string).collect();
        self.rest.cause = Some(chain.join(": "));
        self
    }

    /// Its HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The complete answer.
    pub(super) fn render(mut self, request_id: &str) -> Response {
        if let Some(cause) = self.rest.cause.take() {
            tracing::error!(request.id = request_id, error = cause, "a request failed");
        }
        self.instance = Some(request_id.to_owned());
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.rest.headers);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Box::new(self));
        response
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn status_number<S: serde::Serializer>(
    status: &StatusCode,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
