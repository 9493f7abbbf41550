//! The provider's own description (OpenID Connect Discovery): where its endpoints are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::address::{Addresses, Misplaced};
use super::fetch::{self, FetchError};
use crate::auth::verify::strict_object;
use crate::domain::issuer::{MAX_SCOPES, is_scope};
use crate::net::outbound::GuardedClient;

/// Where a provider is asked what, as far as the document says so and the settings allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Browsers log in there.
    pub authorization: Url,
    /// Codes are changed into tokens there.
    pub token: Url,
    /// Its keys.
    pub keys: Url,
    /// Facts about a user.
    pub userinfo: Option<Url>,
    /// Browsers log out there.
    pub end_session: Option<Url>,
    /// Answers to browsers name the issuer (RFC 9207).
    pub answers_name_issuer: bool,
    /// It takes the client's secret in the body only.
    pub secret_in_body: bool,
    /// Scopes that it grants to clients that ask.
    pub scopes: BTreeSet<String>,
}

/// No document, or one that must not be followed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// It cannot be read.
    #[error("cannot read the provider's discovery document {url}: {source}")]
    Fetch {
        /// Where it should be.
        url: Url,
        /// Why not.
        #[source]
        source: FetchError,
    },
    /// It is not JSON, or lacks what is needed.
    #[error("the provider's discovery document is not usable: {0}")]
    Malformed(&'static str),
    /// Another issuer.
    #[error(
        "the provider's discovery document names the issuer {found:?}, the settings {wanted:?}; correct OIDC_ISSUER, or the host name that the provider is set to (KC_HOSTNAME at Keycloak)"
    )]
    Issuer {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// An endpoint lies elsewhere.
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
}

/// Asks the provider.
///
/// # Errors
/// Why its document cannot be used.
pub async fn discover(
    client: &GuardedClient,
    addresses: &Addresses,
) -> Result<Endpoints, DiscoveryError> {
    let url = addresses.document();
    match fetch::get(client, &url).await {
        Ok(text) => read(&text, addresses),
        Err(source) => Err(DiscoveryError::Fetch { url, source }),
    }
}

/// Judges a document.
///
/// # Errors
/// Why it must not be followed.
pub fn read(text: &[u8], addresses: &Addresses) -> Result<Endpoints, DiscoveryError> {
    let document = strict_object(text).ok_or(DiscoveryError::Malformed("it is not JSON"))?;
    let found = text_of(&document, "issuer")?.unwrap_or_default();
    if found != addresses.issuer() {
        return Err(DiscoveryError::Issuer {
            found: found.chars().take(200).collect(),
            wanted: addresses.issuer().to_owned(),
        });
    }
    let required =
        |name| text_of(&document, name)?.ok_or(DiscoveryError::Malformed("an endpoint is missing"));
    let methods = list_of(&document, "code_challenge_methods_supported")?;
    if methods.is_some_and(|methods| !methods.contains(&"S256")) {
        return Err(DiscoveryError::Malformed(
            "it does not support PKCE with S256",
        ));
    }
    let secrets = list_of(&document, "token_endpoint_auth_methods_supported")?;
    Ok(Endpoints {
        authorization: addresses.browsers(
            "authorization_endpoint",
            required("authorization_endpoint")?,
        )?,
        token: addresses.ours("token_endpoint", required("token_endpoint")?)?,
        keys: addresses.ours("jwks_uri", required("jwks_uri")?)?,
        userinfo: text_of(&document, "userinfo_endpoint")?
            .map(|url| addresses.ours("userinfo_endpoint", url))
            .transpose()?,
        end_session: text_of(&document, "end_session_endpoint")?
            .map(|url| addresses.browsers("end_session_endpoint", url))
            .transpose()?,
        answers_name_issuer: document
            .get("authorization_response_iss_parameter_supported")
            .is_some_and(|value| *value == Value::Bool(true)),
        scopes: scopes(&document),
        secret_in_body: secrets.is_some_and(|methods| {
            !methods.contains(&"client_secret_basic") && methods.contains(&"client_secret_post")
        }),
    })
}

/// What it says of its scopes; nothing of it is needed.
fn scopes(document: &Map<String, Value>) -> BTreeSet<String> {
    let listed = document.get("scopes_supported").and_then(Value::as_array);
    let names = listed.into_iter().flatten().filter_map(Value::as_str);
    names
        .filter(|name| is_scope(name))
        .take(MAX_SCOPES)
        .map(str::to_owned)
        .collect()
}

fn text_of<'d>(
    document: &'d Map<String, Value>,
    name: &str,
) -> Result<Option<&'d str>, DiscoveryError> {
    match document.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(DiscoveryError::Malformed("a member has another type")),
    }
}

fn list_of<'d>(
    document: &'d Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<&'d str>>, DiscoveryError> {
    let wrong = DiscoveryError::Malformed("a member has another type");
    match document.get(name) {
        None => Ok(None),
        Some(Value::Array(list)) => {
            let texts = list.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            texts.map(Some).ok_or(wrong)
        }
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://idp.example/realms/a";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://idp.example/realms/a/auth",
            "token_endpoint": "https://idp.example/realms/a/token",
            "jwks_uri": "https://idp.example/realms/a/certs",
            "userinfo_endpoint": "https://idp.example/realms/a/userinfo",
            "end_session_endpoint": "https://idp.example/realms/a/logout",
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })
    }

    fn judge(document: &Value) -> Result<Endpoints, DiscoveryError> {
        let addresses = Addresses::new(ISSUER, None).unwrap();
        read(document.to_string().as_bytes(), &addresses)
    }

    #[test]
    fn a_whole_document_is_followed() {
        let endpoints = judge(&document()).unwrap();
        assert!(endpoints.answers_name_issuer && !endpoints.secret_in_body);
        assert_eq!(endpoints.keys.path(), "/realms/a/certs");
        let mut least = document();
        for name in [
            "userinfo_endpoint",
            "end_session_endpoint",
            "code_challenge_methods_supported",
            "authorization_response_iss_parameter_supported",
            "token_endpoint_auth_methods_supported",
        ] {
            least.as_object_mut().unwrap().remove(name);
        }
        let endpoints = judge(&least).unwrap();
        assert!(!endpoints.answers_name_issuer && endpoints.userinfo.is_none());
    }

    #[test]
    fn scopes_are_taken_as_far_as_they_can_be_asked_for() {
        let mut odd = document();
        assert!(judge(&odd).unwrap().scopes.is_empty());
        odd["scopes_supported"] = json!(["openid", "read", "a b", 7, "", "x\"y", "read"]);
        let scopes = judge(&odd).unwrap().scopes;
        assert_eq!(scopes.into_iter().collect::<Vec<_>>(), ["openid", "read"]);
        odd["scopes_supported"] = json!((0..500).map(|n| format!("s{n}")).collect::<Vec<_>>());
        assert_eq!(judge(&odd).unwrap().scopes.len(), MAX_SCOPES);
        odd["scopes_supported"] = json!("openid");
        assert!(judge(&odd).unwrap().scopes.is_empty());
    }

    #[test]
    fn a_document_that_leads_elsewhere_is_refused() {
        let mut hostile = Vec::new();
        for issuer in [
            "https://idp.example/realms/a/",
            "https://idp.example/realms/b",
            "https://IDP.example/realms/a",
            "http://idp.example/realms/a",
            "https://evil.example/realms/a",
            "",
        ] {
            hostile.push(("issuer", json!(issuer)));
        }
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        ] {
            for url in [
                "http://idp.example/x",
                "https://evil.example/x",
                "https://idp.example:444/x",
                "https://idp.example@evil.example/x",
                "http://169.254.169.254/",
                "file:///etc/passwd",
                "/relative",
            ] {
                hostile.push((endpoint, json!(url)));
            }
            hostile.push((endpoint, json!(7)));
            hostile.push((endpoint, json!(["https://idp.example/x"])));
        }
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "issuer",
        ] {
            hostile.push((endpoint, Value::Null));
        }
        hostile.push(("code_challenge_methods_supported", json!(["plain"])));
        hostile.push(("code_challenge_methods_supported", json!([])));
        hostile.push(("code_challenge_methods_supported", json!("S256")));
        assert!(hostile.len() >= 55);
        for (name, value) in hostile {
            let mut changed = document();
            changed[name] = value;
            assert!(judge(&changed).is_err(), "{name}: {changed}");
        }
        let twice = document()
            .to_string()
            .replacen('{', r#"{"issuer":"https://evil","#, 1);
        let addresses = Addresses::new(ISSUER, None).unwrap();
        for text in [&*twice, "", "<html>", "[]", "{"] {
            assert!(read(text.as_bytes(), &addresses).is_err(), "{text}");
        }
    }
}
