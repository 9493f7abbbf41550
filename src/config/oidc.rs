//! `[oidc]`: an identity provider.

pub(super) mod checks;
pub(super) mod keycloak;

use std::path::PathBuf;

use serde::Deserialize;

use super::types::Period;
use crate::domain::secret::Secret;

/// Settings of an identity provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Issuer, letter for letter as tokens name it (`OIDC_ISSUER`).
    pub issuer: Option<String>,
    /// Where the registry and the gateways reach it (`OIDC_INTERNAL_URL`).
    pub internal_url: Option<url::Url>,
    /// Client registered at the provider (`OIDC_CLIENT_ID`).
    pub client_id: Option<String>,
    /// Its secret (`OIDC_CLIENT_SECRET`).
    pub client_secret: Option<Secret<String>>,
    /// Audiences of which access tokens must carry one, beside our clients (`OIDC_AUDIENCE`).
    pub audience: Vec<String>,
    /// Further clients of ours at the provider, such as service accounts.
    pub clients: Vec<String>,
    /// Claim that lists the user's groups (`OIDC_GROUPS_CLAIM`).
    pub groups_claim: String,
    /// Key set from a file (`OIDC_JWKS_FILE`).
    pub jwks_file: Option<PathBuf>,
    /// Plain HTTP beyond loopback (`OIDC_ALLOW_HTTP`).
    pub allow_http: bool,
    /// Name of the provider in addresses.
    pub provider: String,
    /// Name of the provider for people.
    pub display_name: Option<String>,
    /// What a login asks for.
    pub scopes: String,
    /// Between two looks at the provider's keys.
    pub refresh: Period,
    /// Access tokens that live longer are refused.
    pub max_token_life: Period,
}
