//! API keys as everybody but their holder knows them: by their hash.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::ids::TokenId;
use super::principal::{AuthMethod, Principal};
use super::time::Timestamp;

/// SHA-256 of an API key's text. As text: base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyHash")
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        URL_SAFE_NO_PAD.encode(hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAHash)?;
        bytes.try_into().map(Self).map_err(|_| NotAHash)
    }
}

/// Not 32 bytes in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hash of an API key is not 32 bytes in base64url")]
pub struct NotAHash;

/// The keys that count, each with whom it stands for: a look-up answers the principal, nothing is
/// put together per request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<KeyHash, WrittenKey>",
    into = "BTreeMap<KeyHash, WrittenKey>"
)]
pub struct ApiKeys {
    by_hash: BTreeMap<KeyHash, Arc<Principal>>,
    by_id: BTreeMap<TokenId, Arc<Principal>>,
}

impl ApiKeys {
    /// Whom the key of this hash stands for.
    pub fn find(&self, hash: &KeyHash) -> Option<&Arc<Principal>> {
        self.by_hash.get(hash)
    }

    /// Whom the key of this id stands for.
    pub fn with_id(&self, id: &TokenId) -> Option<&Arc<Principal>> {
        self.by_id.get(id)
    }

    /// Lets a key count.
    pub fn insert(&mut self, hash: KeyHash, key: ApiKey) {
        let id = key.id.clone();
        let principal = Arc::new(Principal::from(key));
        self.by_id.insert(id, Arc::clone(&principal));
        self.by_hash.insert(hash, principal);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is also part of its text.
    pub id: TokenId,
    /// Whose it is.
    pub subject: String,
    /// The owner's name.
    pub username: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Groups whose rights it has too.
    pub groups: Vec<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl From<ApiKey> for Principal {
    fn from(key: ApiKey) -> Self {
        let set = |names: Vec<String>| names.into_iter().map(Arc::from).collect();
        Self {
            subject: key.subject.into(),
            username: key.username.into(),
            scopes: set(key.scopes),
            groups: set(key.groups),
            method: AuthMethod::ApiKey,
            client_id: None,
            token_id: Some(key.id),
            expires_at: Some(key.expires_at),
        }
    }
}

/// As it travels; what is equal to its default is left out.
#[derive(Clone, Serialize, Deserialize)]
struct WrittenKey {
    id: TokenId,
    subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    expires_at: Timestamp,
}

impl From<BTreeMap<KeyHash, WrittenKey>> for ApiKeys {
    fn from(written: BTreeMap<KeyHash, WrittenKey>) -> Self {
        let mut keys = Self::default();
        for (hash, key) in written {
            let username = if key.username.is_empty() {
                key.subject.clone()
            } else {
                key.username
            };
            keys.insert(
                hash,
                ApiKey {
                    id: key.id,
                    subject: key.subject,
                    username,
                    scopes: key.scopes,
                    groups: key.groups,
                    expires_at: key.expires_at,
                },
            );
        }
        keys
    }
}

impl From<ApiKeys> for BTreeMap<KeyHash, WrittenKey> {
    fn from(keys: ApiKeys) -> Self {
        let text = |name: &Arc<str>| name.to_string();
        let written = |principal: &Principal| WrittenKey {
            id: principal
                .token_id
                .clone()
                .unwrap_or_else(|| TokenId("".into())),
            subject: text(&principal.subject),
            username: if principal.username == principal.subject {
                String::new()
            } else {
                text(&principal.username)
            },
            scopes: principal.scopes.iter().map(text).collect(),
            groups: principal.groups.iter().map(text).collect(),
            expires_at: principal.expires_at.unwrap_or_default(),
        };
        keys.by_hash
            .iter()
            .map(|(hash, principal)| (*hash, written(principal)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(subject: &str, username: &str) -> ApiKey {
        ApiKey {
            id: TokenId("k1".into()),
            subject: subject.to_owned(),
            username: username.to_owned(),
            scopes: vec!["read".to_owned()],
            groups: vec!["staff".to_owned()],
            expires_at: Timestamp::from_unix(9),
        }
    }

    #[test]
    fn keys_travel_as_text_and_come_back_the_same() {
        let mut keys = ApiKeys::default();
        keys.insert(KeyHash([7; 32]), key("ci", "ci"));
        keys.insert(KeyHash([8; 32]), key("0f1c", "Ada"));
        let text = serde_json::to_string(&keys).unwrap();
        assert_eq!(serde_json::from_str::<ApiKeys>(&text).unwrap(), keys);
        let found = keys.find(&KeyHash([8; 32])).unwrap();
        assert_eq!((&*found.subject, &*found.username), ("0f1c", "Ada"));
        assert_eq!(found.method, AuthMethod::ApiKey);
        assert_eq!(keys.find(&KeyHash([9; 32])), None);
        assert!(keys.with_id(&TokenId("k1".into())).is_some());
        assert_eq!(keys.with_id(&TokenId("k2".into())), None);
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [
            r#"{"short": {"id": "k", "subject": "s", "expires_at": 1}}"#,
            r#"{"": {"id": "k", "subject": "s", "expires_at": 1}}"#,
        ] {
            assert!(serde_json::from_str::<ApiKeys>(text).is_err(), "{text}");
        }
    }
}
