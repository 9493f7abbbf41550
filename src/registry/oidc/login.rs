//! Logging in at the provider: authorization code with PKCE (S256), state, nonce and `iss`.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value};
use url::form_urlencoded::{self, Serializer};

use super::groups;
use super::id_token::{self, Expected};
use super::state::{LIFE_SECONDS, Pending};
use super::{Provider, Registry};
use crate::auth::oidc::discovery::Endpoints;
use crate::auth::oidc::fetch::{self, FetchError};
use crate::auth::verify::{Rejection, groups_of, provider, strict_object, text_of};
use crate::domain::secret::Secret;
use crate::http::Edge;
use crate::net::guard::Refused;
use crate::registry::Error;
use crate::registry::accounts::owner;
use crate::registry::audit::session_entry;
use crate::registry::keys::random;
use crate::registry::sessions::hash;
use crate::store::{Bump, StoredIdentity, StoredProviderUser, StoredSession};

/// A login that begins.
#[derive(Debug)]
pub(in crate::registry) struct Started {
    /// Where the browser goes.
    pub(in crate::registry) location: String,
    /// What it carries meanwhile.
    pub(in crate::registry) cookie: Secret<String>,
    /// For how many seconds.
    pub(in crate::registry) life: i64,
}

/// A login that came to its end.
#[derive(Debug)]
pub(in crate::registry) struct Arrived {
    /// The session's id.
    pub(in crate::registry) id: Secret<String>,
    /// Where the browser goes, on our own pages.
    pub(in crate::registry) back: String,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub(in crate::registry) enum LoginError {
    /// The provider does not describe itself, now or ever.
    #[error("the identity provider does not answer")]
    Unavailable,
    /// Not the browser that left, too late, or for the second time.
    #[error("the answer does not belong to a login of this browser")]
    State,
    /// The provider, or the user there, said no.
    #[error("the identity provider refused: {0}")]
    Denied(String),
    /// The provider did not change the code into tokens, or tell of the user.
    #[error("the identity provider failed at its {0} endpoint")]
    Provider(&'static str, #[source] FetchError),
    /// What it told cannot be understood.
    #[error("the identity provider's answer from its {0} endpoint is not usable")]
    Answer(&'static str),
    /// What it told does not count.
    #[error("the identity provider's ID token does not count")]
    Token(#[source] Rejection),
    /// Something of ours.
    #[error("could not start a session")]
    Own(#[from] Error),
}

impl LoginError {
    /// The word for the login page.
    pub(in crate::registry) const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::State => "state",
            Self::Denied(_) => "denied",
            Self::Provider(..) | Self::Answer(_) | Self::Token(_) => "provider",
            Self::Own(_) => "internal",
        }
    }
}

/// What the browser brings back.
#[derive(Debug, Default)]
pub(in crate::registry) struct Answer {
    pub(in crate::registry) state: Option<String>,
    pub(in crate::registry) code: Option<String>,
    pub(in crate::registry) iss: Option<String>,
    pub(in crate::registry) error: Option<String>,
}

impl Registry {
    /// Sends a browser to the provider.
    pub(in crate::registry) async fn begin_login(
        &self,
        edge: &Edge,
        back: Option<&str>,
    ) -> Result<Started, LoginError> {
        let provider = self.provider().ok_or(LoginError::Unavailable)?;
        if !self.provider_answers(provider).await {
            return Err(LoginError::Unavailable);
        }
        let endpoints = provider.endpoints().ok_or(LoginError::Unavailable)?;
        let client = provider.config.client_id.as_deref();
        let client = client.ok_or(LoginError::Unavailable)?;
        let base = self.public_base(edge);
        let redirect = format!("{base}/oauth2/callback/{}", provider.name());
        let back = back.and_then(|back| own_page(back, &base)).unwrap_or("/");
        let now = self.0.clock.now();
        let pending = Pending::new(provider.name(), redirect, back.to_owned(), now)?;
        let challenge = digest(&SHA256, pending.verifier.as_bytes());
        let mut location = endpoints.authorization.clone();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client)
            .append_pair("redirect_uri", &pending.redirect)
            .append_pair("scope", &provider.config.scopes)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        Ok(Started {
            location: location.into(),
            cookie: Secret::new(pending.seal(&self.0.keys.login)?),
            life: LIFE_SECONDS,
        })
    }

    /// Takes a browser back from the provider: a new session, or nothing.
    pub(in crate::registry) async fn finish_login(
        &self,
        cookies: &[String],
        answer: Answer,
        edge: &Edge,
    ) -> Result<Arrived, LoginError> {
        let provider = self.provider().ok_or(LoginError::Unavailable)?;
        let endpoints = provider.endpoints().ok_or(LoginError::Unavailable)?;
        let pending = self.pending(provider, cookies, answer.state.as_deref())?;
        let issuer = provider.addresses.issuer();
        match &answer.iss {
            Some(iss) if iss != issuer => return Err(LoginError::State),
            None if endpoints.answers_name_issuer => return Err(LoginError::State),
            Some(_) | None => {}
        }
        self.spend(&pending).await?;
        if let Some(error) = answer.error {
            return Err(LoginError::Denied(error.chars().take(60).collect()));
        }
        let code = answer.code.ok_or(LoginError::State)?;
        let tokens = exchange(provider, &endpoints, &pending, &code).await?;
        let identity = self
            .identify(provider, &endpoints, &pending, tokens)
            .await?;
        let (registry, edge) = (self.clone(), edge.clone());
        // A task of its own: a browser that goes away must not leave it done but not in use.
        let task = self.0.tasks.spawn(async move {
            let provider = registry.provider().ok_or(LoginError::Unavailable)?;
            let started = registry.start_session_of(provider, identity, &edge);
            Ok::<_, LoginError>(started.await?)
        });
        let id = task
            .await
            .map_err(|_| Error::Internal("a login ended early"))??;
        Ok(Arrived {
            id,
            back: pending.back,
        })
    }

    /// The login under way that this answer belongs to.
    fn pending(
        &self,
        provider: &Provider,
        cookies: &[String],
        state: Option<&str>,
    ) -> Result<Pending, LoginError> {
        let state = state.ok_or(LoginError::State)?;
        let now = self.0.clock.now();
        cookies
            .iter()
            .take(MAX_COOKIES)
            .filter_map(|cookie| Pending::open(cookie, &self.0.keys.login, now))
            .find(|pending| {
                pending.provider == provider.name()
                    && verify_slices_are_equal(pending.state.as_bytes(), state.as_bytes()).is_ok()
            })
            .ok_or(LoginError::State)
    }

    /// A login ends once, whatever replica it comes back to.
    async fn spend(&self, pending: &Pending) -> Result<(), LoginError> {
        let id = hash(&format!("login {}", pending.state));
        if self.use_once(&id, pending.ends_at()).await? {
            Ok(())
        } else {
            Err(LoginError::State)
        }
    }

    /// Whether something that counts once is used for the first time.
    pub(super) async fn use_once(
        &self,
        id: &[u8; 32],
        ends_at: crate::domain::time::Timestamp,
    ) -> Result<bool, Error> {
        let mut transaction = self.0.store.begin().await?;
        let first = transaction.oidc().use_once(id, ends_at).await?;
        transaction.commit(Bump::No).await?;
        Ok(first)
    }

    /// Who was logged in, as the provider's tokens tell.
    async fn identify(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
        pending: &Pending,
        tokens: Tokens,
    ) -> Result<StoredIdentity, LoginError> {
        let id_token = tokens.id_token.expose();
        let claims = self
            .open_provider_token(provider, id_token, &["", "jwt"])
            .await
            .map_err(LoginError::Token)?;
        let expected = Expected {
            issuer: provider.addresses.issuer(),
            client: provider.config.client_id.as_deref().unwrap_or_default(),
            now: self.0.clock.now(),
        };
        let subject =
            id_token::check(&claims, expected, &pending.nonce).map_err(LoginError::Token)?;
        let alg = provider::algorithm(id_token).unwrap_or_default();
        if !id_token::fits(&claims, alg, tokens.access_token.expose()) {
            return Err(LoginError::Token(Rejection::Claims));
        }
        let path = &provider.config.groups_claim;
        let mut groups = groups_of(&claims, path).map_err(LoginError::Token)?;
        let mut username = text_of(&claims, "preferred_username").map_err(LoginError::Token)?;
        if groups.is_empty() || username.is_none() {
            let more = userinfo(provider, endpoints, &tokens, &subject).await?;
            if groups.is_empty() {
                groups = groups_of(&more, path).map_err(LoginError::Token)?;
            }
            if username.is_none() {
                username = text_of(&more, "preferred_username").map_err(LoginError::Token)?;
            }
        }
        Ok(StoredIdentity {
            id_hash: [0; 32],
            issuer: provider.addresses.issuer().to_owned(),
            username: username.unwrap_or_else(|| subject.clone()),
            sid: text_of(&claims, "sid").map_err(LoginError::Token)?,
            groups: groups.iter().map(ToString::to_string).collect(),
            subject,
            id_token: tokens.id_token,
        })
    }

    async fn start_session_of(
        &self,
        provider: &Provider,
        mut identity: StoredIdentity,
        edge: &Edge,
    ) -> Result<Secret<String>, Error> {
        let id = random::<32>().map_err(|_| Error::Internal("no randomness"))?;
        let id = Secret::new(URL_SAFE_NO_PAD.encode(id));
        let now = self.0.clock.now();
        identity.id_hash = hash(id.expose());
        let method = super::trusted(&provider.config).map(|issuer| issuer.method().as_str());
        let stored = StoredSession {
            id_hash: identity.id_hash,
            username: identity.username.clone(),
            provider: method.unwrap_or("oidc").to_owned(),
            created_at: now,
            seen_at: now,
        };
        let user = StoredProviderUser {
            owner: owner(&stored.provider, &identity.subject),
            username: identity.username.clone(),
            groups: identity.groups.clone(),
            seen_at: now,
        };
        let _writing = self.0.writing.lock().await;
        let policy = self.view().access.policy.clone();
        let mut transaction = self.0.store.begin().await?;
        transaction.sessions().insert(&stored).await?;
        transaction.oidc().insert_session(&identity).await?;
        let bump = groups::follow(&mut *transaction, &user, &policy, now).await?;
        let (name, method) = (&identity.username, &stored.provider);
        let entry = session_entry("session.login", name, method, edge, now);
        transaction.audit().append(&entry).await?;
        transaction.commit(bump).await?;
        tracing::info!(
            user.name = identity.username,
            provider = provider.name(),
            "logged in"
        );
        if bump == Bump::Yes {
            self.reload_locked().await?;
        }
        Ok(id)
    }
}

/// What the provider gave for a code.
struct Tokens {
    id_token: Secret<String>,
    access_token: Secret<String>,
}

/// Changes the code into tokens.
async fn exchange(
    provider: &Provider,
    endpoints: &Endpoints,
    pending: &Pending,
    code: &str,
) -> Result<Tokens, LoginError> {
    let failed = |error| LoginError::Provider("token", error);
    let request = token_request(provider, endpoints, pending, code);
    let request = request.map_err(|refused| failed(refused.into()))?;
    let (_, body) = fetch::answer(request, &[200]).await.map_err(failed)?;
    let answer = strict_object(&body).ok_or(LoginError::Answer("token"))?;
    let text = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .map(|text| Secret::new(text.to_owned()))
            .ok_or(LoginError::Answer("token"))
    };
    Ok(Tokens {
        id_token: text("id_token")?,
        access_token: text("access_token")?,
    })
}

fn token_request(
    provider: &Provider,
    endpoints: &Endpoints,
    pending: &Pending,
    code: &str,
) -> Result<RequestBuilder, Refused> {
    let client = provider.config.client_id.as_deref().unwrap_or_default();
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &pending.redirect)
        .append_pair("code_verifier", &pending.verifier);
    let mut request = provider
        .client
        .request(Method::POST, endpoints.token.clone())?
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json");
    match &provider.config.client_secret {
        Some(secret) if !endpoints.secret_in_body => {
            request = request.header("authorization", basic(client, secret));
        }
        Some(secret) => {
            form.append_pair("client_id", client)
                .append_pair("client_secret", secret.expose());
        }
        None => {
            form.append_pair("client_id", client);
        }
    }
    Ok(request.body(form.finish()))
}

/// RFC 6749 §2.3.1: both are form-encoded before.
fn basic(client: &str, secret: &Secret<String>) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client), encode(secret.expose()));
    format!("Basic {}", STANDARD.encode(pair))
}

/// What the provider tells of a user beside the ID token; nothing where it has no such endpoint.
async fn userinfo(
    provider: &Provider,
    endpoints: &Endpoints,
    tokens: &Tokens,
    subject: &str,
) -> Result<Map<String, Value>, LoginError> {
    let Some(url) = &endpoints.userinfo else {
        return Ok(Map::new());
    };
    let failed = |error| LoginError::Provider("userinfo", error);
    let request = provider.client.request(Method::GET, url.clone());
    let request = request
        .map_err(|error| failed(error.into()))?
        .header("accept", "application/json")
        .bearer_auth(tokens.access_token.expose());
    let (_, body) = fetch::answer(request, &[200]).await.map_err(failed)?;
    let claims = strict_object(&body).ok_or(LoginError::Answer("userinfo"))?;
    // It may be somebody else's (OpenID Connect Core §5.3.2).
    match claims.get("sub").and_then(Value::as_str) {
        Some(sub) if sub == subject => Ok(claims),
        _ => Err(LoginError::Answer("userinfo")),
    }
}

/// A place on our own pages: a path, or our own address with one.
pub(super) fn own_page<'b>(text: &'b str, base: &str) -> Option<&'b str> {
    let path = match text.strip_prefix(base) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => text,
    };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let own = path.starts_with('/') && !path.starts_with("//") && path.len() <= MAX_PATH;
    (own && path.bytes().all(plain)).then_some(path)
}

const MAX_COOKIES: usize = 4;
const MAX_PATH: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_to_our_own_pages_only() {
        let base = "http://localhost:7860";
        for (text, path) in [
            ("/", "/"),
            ("/ui/servers?x=1#y", "/ui/servers?x=1#y"),
            ("http://localhost:7860", "/"),
            ("http://localhost:7860/ui/", "/ui/"),
            ("/%2f%2fevil.example", "/%2f%2fevil.example"),
        ] {
            assert_eq!(own_page(text, base), Some(path));
        }
        for text in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "http://localhost:78600/",
            "http://localhost:7860.evil.example/",
            "http://localhost:7860@evil.example/",
            "http://localhost:7860//evil.example",
            "/a\r\nset-cookie: x",
            "/a b",
            "/\tevil",
            "evil.example",
            "/é",
            " /",
            &format!("/{}", "a".repeat(1_000)),
        ] {
            assert_eq!(own_page(text, base), None, "{text}");
        }
    }

    #[test]
    fn credentials_of_the_client_are_encoded_as_the_standard_says() {
        let secret = Secret::new("s:e c/r%".to_owned());
        let shown = basic("my client", &secret);
        let pair = STANDARD
            .decode(shown.strip_prefix("Basic ").unwrap())
            .unwrap();
        assert_eq!(pair, b"my+client:s%3Ae+c%2Fr%25");
    }
}
