//! `[auth]`: identity.

use serde::Deserialize;

use super::types::{Bind, Period};
use crate::domain::secret::Secret;

/// Settings of identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Name of the local admin (`ADMIN_USER`).
    pub admin_user: String,
    /// Its password (`ADMIN_PASSWORD`); absent: generated into `admin-password`.
    pub admin_password: Option<Secret<String>>,
    /// What keys at rest are derived from (`SECRET_KEY`); absent: generated and kept.
    pub secret_key: Option<Secret<String>>,
    /// Idle end of a browser session.
    pub session_idle: Period,
    /// Absolute end of a browser session.
    pub session_max: Period,
    /// Tokens a user may make in an hour.
    pub tokens_per_hour: u32,
    /// Failed logins per address and per account in five minutes.
    pub login_failures: u32,
    /// How long a verified token is remembered by its hash.
    pub verified_ttl: Period,
    /// How many verified tokens are remembered.
    pub verified_entries: usize,
    /// Another server that must agree with each call (`AUTH_SERVER_URL`).
    pub server_url: Option<url::Url>,
    /// What we show to that server as `X-Gateway-Authorization` (`AUTH_SERVER_TOKEN`).
    pub server_token: Option<Secret<String>>,
    /// How long an answer of that server is remembered; 0: never.
    pub external_cache_ttl: Period,
    /// Between two questions to that server about what is open.
    pub external_recheck: Period,
    /// How long that server may take.
    pub external_timeout: Period,
    /// How long one key signs `X-MCP-Identity` before the next one does.
    pub identity_key_life: Period,
    /// Listener of `mcp auth-server` (`AUTH_BIND`).
    pub bind: Bind,
}
