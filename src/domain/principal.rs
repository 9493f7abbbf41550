//! Who is calling.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How the caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// A token that the registry issued.
    Token,
    /// An API key.
    ApiKey,
    /// An access token of an identity provider.
    Oidc,
    /// The same, of Keycloak.
    Keycloak,
    /// A browser session.
    Session,
    /// An external auth server said so.
    External,
    /// Nothing was shown.
    Anonymous,
}

impl AuthMethod {
    /// The value of `X-Auth-Method` and of the API's `auth_method`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ApiKey => "api_key",
            Self::Oidc => "oidc",
            Self::Keycloak => "keycloak",
            Self::Session => "session_cookie",
            Self::External => "external",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A caller whose credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Stable name: `sub` of the token or the user's name.
    pub subject: Arc<str>,
    /// Name to show: `preferred_username`, else the subject.
    pub username: Arc<str>,
    /// What it may do, by scope name.
    pub scopes: BTreeSet<Arc<str>>,
    /// Groups it belongs to.
    pub groups: BTreeSet<Arc<str>>,
    /// How it was checked.
    pub method: AuthMethod,
    /// The OAuth client, where one is known.
    pub client_id: Option<Arc<str>>,
    /// The token's id, where it has one.
    pub token_id: Option<super::ids::TokenId>,
    /// When the credential ends.
    pub expires_at: Option<super::time::Timestamp>,
}

/// A name as it stands in a header field: percent-encoded where a value could not hold it
/// unambiguously.
pub fn header_text(text: &str) -> Cow<'_, str> {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b'@')
        .remove(b'/')
        .remove(b':')
        .remove(b'+');
    percent_encoding::utf8_percent_encode(text, KEPT).into()
}
