//! `GET /api/gateways`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::gateways::GatewayInfo;
use super::super::super::identity_keys::Listed;
use super::super::caller::Admin;
use super::super::reply;
use crate::http::Problem;
use crate::store::StoredGateway;

/// Gateways: ours, by their reports, and other people's, by their credentials.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct GatewayList {
    /// Those that have reported since this registry started.
    gateways: Vec<GatewayInfo>,
    /// Credentials with which gateways of other people ask for verdicts.
    credentials: Vec<GatewayCredential>,
    /// Public keys with which gateways sign `X-MCP-Identity`, those that were replaced lately
    /// included: what `/.well-known/jwks.json` shows.
    identity_keys: Vec<GatewayKeyInfo>,
}

/// A key with which a gateway signs, or has signed.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct GatewayKeyInfo {
    /// `kid` in the key set.
    kid: String,
    /// The gateway that reported it, by its name for itself.
    gateway: String,
    /// When it was last reported; to the hour where that is no longer done.
    #[schema(format = DateTime)]
    last_seen: String,
    /// Whether a gateway still reports it; what is not in use can be taken out.
    in_use: bool,
}

impl From<Listed> for GatewayKeyInfo {
    fn from(listed: Listed) -> Self {
        Self {
            kid: listed.stored.key.kid,
            gateway: listed.stored.gateway,
            last_seen: listed.stored.seen_at.to_rfc3339(),
            in_use: listed.in_use,
        }
    }
}

/// A credential without its text.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct GatewayCredential {
    name: String,
    /// The second part of its text.
    id: String,
    /// Whether `X-Body` of this gateway counts.
    sends_body: bool,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
}

impl From<StoredGateway> for GatewayCredential {
    fn from(stored: StoredGateway) -> Self {
        Self {
            name: stored.name,
            id: stored.id,
            sends_body: stored.sends_body,
            created_at: stored.created_at.to_rfc3339(),
            created_by: stored.created_by,
        }
    }
}

/// The gateways that have reported since this registry started, the credentials of other people's
/// gateways, and the keys with which gateways sign.
#[utoipa::path(
    get,
    path = "/api/gateways",
    operation_id = "list_gateways",
    tag = "gateways",
    responses(
        (status = 200, description = "the gateways", body = GatewayList),
        (status = 403, description = "the caller is no admin", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    _: Admin,
) -> Result<Response, Problem> {
    let stored = registry.gateway_credentials().await?;
    let keys = registry.identity_keys().await?;
    let list = GatewayList {
        gateways: registry.0.gateways.list(),
        credentials: stored.into_iter().map(GatewayCredential::from).collect(),
        identity_keys: keys.into_iter().map(GatewayKeyInfo::from).collect(),
    };
    Ok(reply::json(StatusCode::OK, &list))
}
