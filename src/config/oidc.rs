//! `[oidc]`: an external identity provider.
//!
//! Read and checked so that settings files stay valid; this version logs in the local
//! administrator only and says so in a warning when any of it is set.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::secret::Secret;

/// Settings of an external identity provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Issuer as browsers see it (`OIDC_ISSUER`).
    pub issuer: Option<url::Url>,
    /// Where the registry reaches it (`OIDC_INTERNAL_URL`).
    pub internal_url: Option<url::Url>,
    /// Client registered at the provider (`OIDC_CLIENT_ID`).
    pub client_id: Option<String>,
    /// Its secret (`OIDC_CLIENT_SECRET`).
    pub client_secret: Option<Secret<String>>,
    /// Audience that access tokens must carry (`OIDC_AUDIENCE`).
    pub audience: Option<String>,
    /// Claim that lists the user's groups (`OIDC_GROUPS_CLAIM`).
    pub groups_claim: String,
    /// Key set from a file (`OIDC_JWKS_FILE`).
    pub jwks_file: Option<PathBuf>,
    /// Plain HTTP beyond loopback (`OIDC_ALLOW_HTTP`).
    pub allow_http: bool,
}
