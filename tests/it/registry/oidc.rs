//! An identity provider: logging in and out there, and its tokens at the registry's API.

mod callback;
mod follow;
mod keys;
mod logout;

use serde_json::{Value, json};
use url::Url;

use crate::support::TestApp;
use crate::support::app::{NOW, no_provider};
use crate::support::call::Reply;
use crate::support::provider::Provider;

const AT: i64 = NOW.unix();

/// A registry that has seen its provider.
async fn started() -> (TestApp, Provider) {
    let provider = Provider::start().await;
    let app = with_provider(&provider).await;
    app.registry.refresh_provider().await.unwrap();
    provider.asked();
    (app, provider)
}

async fn with_provider(provider: &Provider) -> TestApp {
    let issuer = provider.issuer.clone();
    let change = |settings: &mut mcp::registry::Settings| {
        settings.oidc = no_provider();
        settings.oidc.issuer = Some(issuer);
    };
    TestApp::builder().settings(change).start().await
}

/// A browser on its way to the provider.
struct Leaving {
    cookie: String,
    question: Url,
}

impl Leaving {
    async fn from(app: &TestApp, target: &str) -> Self {
        let reply = app.get(target).send().await;
        assert_eq!(reply.status, 303, "{reply:?}");
        Self {
            cookie: set_cookie(&reply, "mcp_gateway_login"),
            question: Url::parse(reply.header("location")).unwrap(),
        }
    }

    fn asks(&self, name: &str) -> String {
        let mut pairs = self.question.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found
            .unwrap_or_else(|| panic!("{name}: {}", self.question))
            .1
            .into_owned()
    }

    /// The provider's answer as the browser brings it back.
    async fn back(&self, app: &TestApp, provider: &Provider, code: &str) -> Reply {
        let answer = [
            ("state", self.asks("state")),
            ("code", code.to_owned()),
            ("iss", provider.issuer.clone()),
        ];
        self.bring(app, &answer).await
    }

    async fn bring(&self, app: &TestApp, answer: &[(&str, String)]) -> Reply {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(answer)
            .finish();
        app.get(&format!("/oauth2/callback/oidc?{query}"))
            .cookie(&self.cookie)
            .send()
            .await
    }
}

/// `name=value` of a cookie that an answer sets.
fn set_cookie(reply: &Reply, name: &str) -> String {
    let cookies = reply.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    let found = cookies.find(|cookie| cookie.starts_with(&format!("{name}=")));
    let found = found.unwrap_or_else(|| panic!("no {name}: {reply:?}"));
    found.split(';').next().unwrap().to_owned()
}

/// The provider gives these tokens for the next code.
fn gives(provider: &Provider, id_token: &str) {
    let access_token = provider.access_token(AT, &json!({}));
    let tokens = json!({
        "id_token": id_token, "access_token": access_token, "token_type": "Bearer",
    });
    provider.say("/token", 200, &tokens);
}

/// Logs in; answers the session's cookie.
async fn log_in(app: &TestApp, provider: &Provider, changes: &Value) -> String {
    let leaving = Leaving::from(app, "/oauth2/login/oidc").await;
    gives(
        provider,
        &provider.id_token(AT, &leaving.asks("nonce"), changes),
    );
    let reply = leaving.back(app, provider, "code-1").await;
    assert_eq!(reply.header("location"), "/", "{reply:?}");
    set_cookie(&reply, "mcp_gateway_session")
}

/// The status of `/api/auth/me` with a cookie.
async fn me(app: &TestApp, cookie: &str) -> Reply {
    app.get("/api/auth/me").cookie(cookie).send().await
}
