//! `POST /api/gateways`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::gateways::Made;
use super::super::caller::Admin;
use super::super::reply;
use super::super::written;
use super::list::GatewayCredential;
use crate::domain::validate::fields::Fields;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// A gateway of somebody else.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct GatewayWritten {
    /// Letters, digits and `. _ @ + -`.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Whether it sets `X-Body` itself on every request; false where absent.
    sends_body: Option<bool>,
}

/// A credential just made.
#[derive(Serialize, ToSchema)]
pub(super) struct GatewayMade {
    #[serde(flatten)]
    gateway: GatewayCredential,
    /// What the gateway sends as `X-Gateway-Authorization: Bearer …`. It is shown this once.
    credential: String,
}

impl From<Made> for GatewayMade {
    fn from(made: Made) -> Self {
        Self {
            credential: made.text.expose().clone(),
            gateway: made.stored.into(),
        }
    }
}

/// Makes the credential with which a gateway of somebody else asks `/auth/validate` for verdicts.
#[utoipa::path(
    post,
    path = "/api/gateways",
    operation_id = "create_gateway",
    tag = "gateways",
    request_body = GatewayWritten,
    responses(
        (status = 201, description = "the credential", body = GatewayMade),
        (status = 403, description = "the caller is no admin", body = Problem),
        (status = 409, description = "the name is taken", body = Problem),
        (status = 422, description = "the body has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn create(
    State(registry): State<Registry>,
    Admin(user): Admin,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let mut fields = Fields::new(written::object(&body).map_err(written::refused)?);
    let name = written::name(&mut fields, "name");
    let sends_body = fields.flag("sends_body").unwrap_or(false);
    let name = written::finish(fields, name).map_err(written::refused)?;
    let made = registry
        .create_gateway(&user.actor(), name, sends_body)
        .await?;
    Ok(reply::json(StatusCode::CREATED, &GatewayMade::from(made)))
}
