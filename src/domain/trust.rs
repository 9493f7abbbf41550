//! Whose tokens count: what a gateway needs to check one without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::api_key::ApiKeys;
use super::gateway_key::GatewayKeys;
use super::ids::TokenId;
use super::issuer::{LogoutKind, TrustedIssuer};
use super::principal::{AuthMethod, Principal};
use super::time::Timestamp;

/// A key that signs tokens of the registry, public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// Key id, in the token's header.
    pub kid: String,
    /// P-256 public key, uncompressed point, base64url without padding: x.
    pub x: String,
    /// The same: y.
    pub y: String,
}

/// The registry's own tokens: who issues them, for whom, with which keys, and which no longer count.
///
/// Tokens are JWTs, ES256 (RFC 7518 §3.4), type `at+jwt` (RFC 9068).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The only accepted `iss`.
    pub issuer: String,
    /// The only accepted `aud`.
    pub audience: String,
    /// Keys in use; more than one during rotation.
    pub keys: Vec<TokenKey>,
    /// Revoked tokens and when they would have ended anyway.
    pub revoked: BTreeMap<TokenId, Timestamp>,
    /// Users whose tokens made before the moment no longer count.
    #[serde(default)]
    pub not_before: BTreeMap<String, Timestamp>,
    /// API keys that count; one that is revoked leaves this list.
    #[serde(default, skip_serializing_if = "ApiKeys::is_empty")]
    pub api_keys: ApiKeys,
    /// Identity providers whose access tokens count too.
    #[serde(default)]
    pub issuers: Vec<Arc<TrustedIssuer>>,
    /// Log-outs at a provider: of users by [`TrustedIssuer::logout_of`], whose tokens made up to the
    /// moment no longer count, and of sessions by [`TrustedIssuer::session_id`], none of whose
    /// tokens does.
    #[serde(default)]
    pub logouts: BTreeMap<String, Timestamp>,
    /// Gateways of other people that may ask for a verdict.
    #[serde(default, skip_serializing_if = "GatewayKeys::is_empty")]
    pub gateways: GatewayKeys,
    /// Keys with which gateways sign what servers are told of callers; nobody calls with such a
    /// token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway_keys: Vec<TokenKey>,
}

impl Trust {
    /// Who a caller that was let in some time ago is now: an API key may stand for fewer rights, or
    /// for nothing any more. What else ends a credential is not looked at here.
    pub fn present<'c>(&'c self, caller: &'c Principal) -> Option<&'c Principal> {
        if caller.method != AuthMethod::ApiKey {
            return Some(caller);
        }
        let id = caller.token_id.as_ref()?;
        self.api_keys.with_id(id).map(|principal| &**principal)
    }

    /// Whether a caller who was let in at that moment was logged out at their provider since.
    pub fn is_logged_out(&self, caller: &Principal, since: Timestamp) -> bool {
        if self.logouts.is_empty()
            || !matches!(caller.method, AuthMethod::Oidc | AuthMethod::Keycloak)
        {
            return false;
        }
        if let Some(session) = &caller.token_id
            && self.logouts.contains_key(&*session.0)
        {
            return true;
        }
        let kinds: &[LogoutKind] = match caller.token_id {
            Some(_) => &[LogoutKind::All],
            None => &[LogoutKind::All, LogoutKind::WithoutSession],
        };
        self.issuers.iter().any(|issuer| {
            kinds.iter().any(|kind| {
                self.logouts
                    .get(&issuer.logout_of(&caller.subject, *kind))
                    .is_some_and(|at| since <= *at)
            })
        })
    }
}
