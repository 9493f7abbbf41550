//! Credentials of other people's gateways, by the hash of their text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api_key::KeyHash;

/// The credentials that count.
pub type GatewayKeys = BTreeMap<KeyHash, GatewayKey>;

/// A gateway that may ask whether a request of its clients is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayKey {
    /// What the operator calls it.
    pub name: String,
    /// Whether it sends the body of each request along, and sets that field itself every time. Of one
    /// that does not, such a field comes from the client.
    #[serde(default)]
    pub sends_body: bool,
}
