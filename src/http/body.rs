//! Request bodies: capped in size, in silence, and in what they may be.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::Value;

use super::json;
use super::problem::Problem;

/// How much of a body is taken, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Bytes in all.
    pub bytes: usize,
    /// Longest silence inside.
    pub idle: Duration,
}

/// Reads a JSON body.
///
/// # Errors
/// 415 for another type or a content encoding, 413 when it is too long, 408 when it stalls, 400 for
/// broken JSON.
pub async fn read_json(
    request: Request,
    types: &[&str],
    limits: BodyLimits,
) -> Result<Value, Problem> {
    expect_type(request.headers(), types)?;
    let bytes = read(request, limits).await?;
    json::parse(&bytes).map_err(|error| Problem::bad_request(error.to_string()))
}

/// Reads a body whole.
///
/// # Errors
/// 415 for a content encoding, 413 when it is too long, 408 when it stalls, 400 when it breaks off.
pub async fn read(request: Request, limits: BodyLimits) -> Result<Bytes, Problem> {
    let headers = request.headers();
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("send the body as it is, without Content-Encoding"));
    }
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.bytes) {
        return Err(too_long(limits));
    }
    collect(request.into_body(), announced.unwrap_or(0), limits).await
}

async fn collect(mut body: Body, announced: usize, limits: BodyLimits) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::with_capacity(announced);
    loop {
        let frame = tokio::time::timeout(limits.idle, body.frame())
            .await
            .map_err(|_| {
                Problem::new(StatusCode::REQUEST_TIMEOUT).detail("the body stalled; send it again")
            })?;
        match frame {
            None => return Ok(bytes.freeze()),
            Some(Err(_)) => return Err(Problem::bad_request("the body broke off")),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if bytes.len() + data.len() > limits.bytes {
                        return Err(too_long(limits));
                    }
                    bytes.extend_from_slice(data);
                }
            }
        }
    }
}

/// Whether the body is said to be one of these types; parameters are ignored.
pub fn has_type(headers: &HeaderMap, types: &[&str]) -> bool {
    let written = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = written.split(';').next().unwrap_or("").trim();
    types.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// Refuses a body that is not said to be one of these types.
///
/// # Errors
/// 415.
pub fn expect_type(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    if has_type(headers, types) {
        return Ok(());
    }
    Err(
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(format!(
            "send the body as {} in Content-Type",
            types.join(" or ")
        )),
    )
}

fn too_long(limits: BodyLimits) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
        .detail(format!("the body may have {} bytes", limits.bytes))
}

/// The type of JSON bodies.
pub const JSON: &str = "application/json";
/// The type of merge patches (RFC 7396).
pub const MERGE_PATCH: &str = "application/merge-patch+json";
/// The type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";
