//! A scripted identity provider on a real socket: it signs what a test says and answers what a test
//! says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

/// One key of the provider.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Key {
    pub(crate) fn new(kid: &str) -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            kid: kid.to_owned(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig"})
    }

    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "typ": typ, "kid": self.kid});
        let text = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), text.as_bytes())
            .unwrap();
        format!("{text}.{}", encode(signature))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a path is answered with.
#[derive(Clone)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) String);

/// A question that the provider got: its path, authorization and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, Answer>,
    asked: Vec<Asked>,
}

/// A running provider; its socket closes when it is dropped.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) key: Key,
    script: Arc<Mutex<Script>>,
    _stop: DropGuard,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!(
            "http://{}/realms/mcp-gateway",
            listener.local_addr().unwrap()
        );
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        let stop = CancellationToken::new();
        let ended = stop.clone();
        tokio_util::task::TaskTracker::new().spawn(async move {
            let served = axum::serve(listener, router);
            served.with_graceful_shutdown(ended.cancelled_owned()).await
        });
        let provider = Self {
            key: Key::new("k1"),
            issuer,
            script,
            _stop: stop.drop_guard(),
        };
        provider.say(
            "/.well-known/openid-configuration",
            200,
            &provider.document(),
        );
        provider.say("/certs", 200, &json!({"keys": [provider.key.jwk()]}));
        provider
    }

    pub(crate) fn document(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/auth"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "jwks_uri": at("/certs"),
            "end_session_endpoint": at("/logout"),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Answers this from now on; the path is below the issuer.
    pub(crate) fn say(&self, path: &str, status: u16, body: &Value) {
        self.say_text(path, status, &body.to_string());
    }

    pub(crate) fn say_text(&self, path: &str, status: u16, body: &str) {
        let answer = Answer(status, body.to_owned());
        let mut script = self.script.lock().unwrap();
        script
            .answers
            .insert(format!("/realms/mcp-gateway{path}"), answer);
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().asked)
    }

    /// An access token of this provider, changed; `null` takes a claim away.
    pub(crate) fn access_token(&self, now: i64, changes: &Value) -> String {
        let claims = json!({
            "iss": self.issuer, "aud": "web", "sub": "ann-1", "iat": now, "exp": now + 300,
            "preferred_username": "ann", "groups": ["mcp-registry-admin"], "scope": "openid",
            "typ": "Bearer", "sid": "sid-1",
        });
        self.key.sign("JWT", &changed(claims, changes))
    }

    /// An ID token of this provider, changed.
    pub(crate) fn id_token(&self, now: i64, nonce: &str, changes: &Value) -> String {
        let claims = json!({
            "iss": self.issuer, "aud": "web", "sub": "ann-1", "iat": now, "exp": now + 300,
            "preferred_username": "ann", "groups": ["mcp-registry-admin"], "nonce": nonce,
            "sid": "sid-1",
        });
        self.key.sign("JWT", &changed(claims, changes))
    }

    /// A log-out token of this provider, changed.
    pub(crate) fn logout_token(&self, now: i64, changes: &Value) -> String {
        let claims = json!({
            "iss": self.issuer, "aud": "web", "sub": "ann-1", "sid": "sid-1", "iat": now,
            "exp": now + 120, "jti": "logout-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        self.key.sign("logout+jwt", &changed(claims, changes))
    }
}

fn changed(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut script = script.lock().unwrap();
    let found = script.answers.get(&path).cloned();
    script.asked.push(Asked {
        path,
        authorization,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let Answer(status, text) = found.unwrap_or(Answer(404, String::new()));
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .header("location", "http://127.0.0.1:1/elsewhere")
        .body(Body::from(text))
        .unwrap()
}
