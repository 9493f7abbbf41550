//! What an `X-MCP-Identity` says.

use serde::Serialize;

use super::LIFE;
use crate::auth::signing::{Failed, SigningKey};
use crate::domain::ids::ClusterId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;

/// The type of these tokens, in their header.
pub const TYPE: &str = "mcp-identity+jwt";

/// Who is told whom about.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The registry whose gateway says so.
    pub cluster: &'a ClusterId,
    /// The server's path: whom it is for.
    pub server: &'a str,
    /// The caller.
    pub caller: &'a Principal,
    /// The caller's scopes, those of groups included, as `X-Scopes` has them.
    pub scope: &'a str,
    /// The moment.
    pub now: Timestamp,
}

impl Statement<'_> {
    /// When a token made now ends.
    pub fn ends_at(&self) -> Timestamp {
        let seconds = i64::try_from(LIFE.as_secs()).unwrap_or_default();
        let end = self.now.plus_seconds(seconds);
        self.caller.expires_at.map_or(end, |ends| ends.min(end))
    }

    /// The token.
    ///
    /// # Errors
    /// [`Failed`] when signing does.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Failed> {
        let claims = Claims {
            iss: &self.cluster.0,
            sub: &self.caller.subject,
            aud: self.server,
            preferred_username: &self.caller.username,
            scope: self.scope,
            client_id: self.caller.client_id.as_deref(),
            iat: self.now.unix(),
            exp: self.ends_at().unix(),
        };
        key.sign(TYPE, &claims)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    preferred_username: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    iat: i64,
    exp: i64,
}
