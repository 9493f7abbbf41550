//! `PUT /api/policy`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::super::policy::yaml;
use super::super::super::{Error, Registry};
use super::super::caller::Admin;
use super::{PolicyDocument, YAML, answer};
use crate::domain::policy::document::{self, Reading};
use crate::http::body::{BodyLimits, JSON, expect_type, has_type, read};
use crate::http::etag::IfMatch;
use crate::http::{Problem, json};

/// Replaces the policy: as JSON, or as the text of a `scopes.yml` with the type `application/yaml`.
///
/// The answer is given when gateways decide by it. What a `scopes.yml` holds that is not known here
/// is left out and named under `warnings`; in JSON it is a mistake.
#[utoipa::path(
    put,
    path = "/api/policy",
    operation_id = "replace_policy",
    tag = "policy",
    params(("If-Match" = Option<String>, Header, description = "the ETag that was read; another one is 412")),
    request_body(content((PolicyDocument = "application/json"), (String = "application/yaml"))),
    responses(
        (status = 200, description = "the policy as stored", headers(("ETag" = String, description = "for If-Match")),
            content((PolicyDocument = "application/json"), (String = "application/yaml"))),
        (status = 400, description = "neither JSON nor YAML", body = Problem),
        (status = 403, description = "the caller is no admin", body = Problem),
        (status = 412, description = "it was changed in the meantime", body = Problem),
        (status = 422, description = "the policy has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn replace(
    State(registry): State<Registry>,
    Admin(user): Admin,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let is_yaml = has_type(&headers, &YAML);
    if !is_yaml {
        expect_type(&headers, &[JSON, YAML[0]])?;
    }
    let limits = BodyLimits {
        bytes: MAX_BYTES.max(registry.body_limits().bytes),
        ..registry.body_limits()
    };
    let text = read(request, limits).await?;
    // A large one takes a while.
    let parsing = registry
        .0
        .tasks
        .spawn_blocking(move || parse(&text, is_yaml));
    let Reading { rules, notes } = parsing
        .await
        .map_err(|_| Error::Internal("reading the policy ended early"))??;
    registry
        .replace_policy(&user.actor(), rules, IfMatch::of(&headers))
        .await?;
    answer(&registry, &headers, &notes)
}

fn parse(text: &[u8], is_yaml: bool) -> Result<Reading, Problem> {
    if is_yaml {
        return yaml::read(text).map_err(|error| match error {
            yaml::Error::Syntax(_) => Problem::bad_request(error.to_string()),
            yaml::Error::Invalid(mistakes) => Error::Invalid(mistakes).into(),
        });
    }
    let value = json::parse_up_to(text, MAX_KEYS)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(document::read(&value).map_err(Error::Invalid)?)
}

/// Fifty scopes with rules for a thousand servers each.
const MAX_BYTES: usize = 16 << 20;
const MAX_KEYS: usize = 1_000_000;
