//! What the provider publishes, and what of it counts.

use serde_json::json;

use super::{AT, started, with_provider};
use crate::support::TestApp;
use crate::support::provider::{Key, Provider};

const DOCUMENT: &str = "/.well-known/openid-configuration";

async fn status(app: &TestApp, token: &str) -> u16 {
    let reply = app.get("/api/auth/me").bearer(token).send().await;
    reply.status.as_u16()
}

#[tokio::test]
async fn its_access_tokens_count_at_the_api() {
    let (app, provider) = started().await;
    let token = provider.access_token(AT, &json!({}));
    let reply = app.get("/api/auth/me").bearer(&token).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let me = reply.json();
    assert_eq!(
        (&me["username"], &me["auth_method"]),
        (&json!("ann"), &json!("oidc"))
    );
    assert_eq!(me["groups"], json!(["mcp-registry-admin"]));
    for change in [
        json!({"aud": "other"}),
        json!({"iss": "https://other.example"}),
        json!({"exp": AT - 60, "iat": AT - 90}),
        json!({"typ": "ID"}),
    ] {
        assert_eq!(
            status(&app, &provider.access_token(AT, &change)).await,
            401,
            "{change}"
        );
    }
    assert_eq!(provider.asked(), []);
}

#[tokio::test]
async fn the_snapshot_has_all_that_a_gateway_needs() {
    let (app, provider) = started().await;
    let snapshot = app.applied.last();
    let trust = &snapshot.access.as_ref().unwrap().trust;
    let issuer = &trust.issuers[0];
    assert_eq!(issuer.issuer, provider.issuer);
    assert_eq!(issuer.keys.len(), 1);
    assert_eq!(
        issuer.keys_url.as_deref(),
        Some(&*format!("{}/certs", provider.issuer))
    );
    assert!(issuer.audiences.contains("web"));
    assert!(issuer.scopes.is_empty());
    let revisions = app.applied.revisions();
    app.registry.refresh_provider().await.unwrap();
    assert_eq!(
        app.applied.revisions(),
        revisions,
        "nothing new, no new revision"
    );
}

#[tokio::test]
async fn what_it_grants_is_known_to_gateways_and_outlives_a_restart() {
    let (app, provider) = started().await;
    let mut document = provider.document();
    document["scopes_supported"] = json!(["openid", "reader", "not one"]);
    provider.say(DOCUMENT, 200, &document);
    app.registry.refresh_provider().await.unwrap();
    let scopes = |app: &TestApp| {
        let access = app.applied.last().access.clone().unwrap();
        let scopes = access.trust.issuers[0].scopes.clone();
        scopes.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(scopes(&app), ["openid", "reader"]);
    let revisions = app.applied.revisions();
    app.registry.refresh_provider().await.unwrap();
    assert_eq!(app.applied.revisions(), revisions);
    let said = app.audit().await;
    let actions = said.iter().map(|entry| entry.action.as_str());
    let actions: Vec<_> = actions.filter(|one| one.starts_with("issuer.")).collect();
    assert_eq!(actions, ["issuer.scopes", "issuer.keys"]);
    let issuer = provider.issuer.clone();
    drop(provider);
    let app = app
        .restart(|settings| settings.oidc.issuer = Some(issuer))
        .await;
    assert_eq!(scopes(&app), ["openid", "reader"]);
}

#[tokio::test]
async fn a_key_that_is_published_now_counts_at_once() {
    let (app, provider) = started().await;
    let fresh = Key::new("k2");
    let keys = json!({"keys": [provider.key.jwk(), fresh.jwk()]});
    provider.say("/certs", 200, &keys);
    let claims = json!({
        "iss": provider.issuer, "aud": "web", "sub": "ann", "iat": AT, "exp": AT + 60,
    });
    assert_eq!(status(&app, &fresh.sign("at+jwt", &claims)).await, 200);
    assert_eq!(provider.asked().len(), 1);
    assert_eq!(status(&app, &fresh.sign("at+jwt", &claims)).await, 200);
    assert_eq!(provider.asked().len(), 0);
    // What the provider takes back is gone with the next look.
    provider.say("/certs", 200, &json!({"keys": [fresh.jwk()]}));
    app.registry.refresh_provider().await.unwrap();
    app.clock.advance(61);
    let old = provider.access_token(AT, &json!({}));
    assert_eq!(status(&app, &old).await, 401);
}

#[tokio::test]
async fn a_provider_that_goes_away_takes_nothing_with_it() {
    let (app, provider) = started().await;
    let cookie = super::log_in(&app, &provider, &json!({})).await;
    let token = provider.access_token(AT, &json!({}));
    for (status, text) in [
        (500, ""),
        (200, "<html>"),
        (200, "{"),
        (200, "[]"),
        (404, "{}"),
        (301, "{}"),
        (200, r#"{"keys":[]}"#),
    ] {
        provider.say_text("/certs", status, text);
        assert!(
            app.registry.refresh_provider().await.is_err(),
            "{status} {text}"
        );
        provider.say_text("/.well-known/openid-configuration", status, text);
        assert!(
            app.registry.refresh_provider().await.is_err(),
            "{status} {text}"
        );
        provider.say(
            "/.well-known/openid-configuration",
            200,
            &provider.document(),
        );
    }
    drop(provider);
    assert!(app.registry.refresh_provider().await.is_err());
    let after = app.get("/api/auth/me").bearer(&token).send().await;
    assert_eq!(after.status, 200);
    assert_eq!(super::me(&app, &cookie).await.status, 200);
}

#[tokio::test]
async fn keys_outlive_a_restart_while_the_provider_is_away() {
    let (app, provider) = started().await;
    let cookie = super::log_in(&app, &provider, &json!({})).await;
    let token = provider.access_token(AT, &json!({}));
    let issuer = provider.issuer.clone();
    drop(provider);
    let app = app
        .restart(|settings| settings.oidc.issuer = Some(issuer))
        .await;
    assert_eq!(status(&app, &token).await, 200);
    assert_eq!(super::me(&app, &cookie).await.status, 200);
    // Another provider's sessions are worth nothing.
    let app = app
        .restart(|settings| settings.oidc.issuer = Some("https://other.example".to_owned()))
        .await;
    assert_eq!(status(&app, &token).await, 401);
    assert_eq!(super::me(&app, &cookie).await.status, 401);
}

#[tokio::test]
async fn before_the_provider_has_answered_there_is_no_login_and_no_verdict() {
    let provider = Provider::start().await;
    provider.say(DOCUMENT, 500, &json!({}));
    let app = with_provider(&provider).await;
    let login = app.get("/oauth2/login/oidc").send().await;
    assert_eq!(login.status, 503);
    assert!(login.header("retry-after").parse::<u64>().is_ok());
    let shown = app.get("/api/auth/providers").send().await.json();
    assert_eq!(shown["providers"][0]["name"], "oidc");
    assert_eq!(
        status(&app, &provider.access_token(AT, &json!({}))).await,
        503
    );
    let other = app.get("/oauth2/login/keycloak").send().await;
    assert_eq!(other.status, 404);
    provider.say(DOCUMENT, 200, &provider.document());
    app.registry.refresh_provider().await.unwrap();
    assert_eq!(app.get("/oauth2/login/oidc").send().await.status, 303);
    assert_eq!(
        status(&app, &provider.access_token(AT, &json!({}))).await,
        200
    );
}

#[tokio::test]
async fn no_browser_is_sent_to_a_provider_that_went_away() {
    let (app, provider) = started().await;
    let login = async |accept: &str| {
        let call = app.get("/oauth2/login/oidc").header("accept", accept);
        let reply = call.send().await;
        let location = reply.headers.get("location");
        let location = location.map_or("", |location| location.to_str().unwrap());
        (reply.status.as_u16(), location.to_owned())
    };
    let page = "text/html,application/xhtml+xml";
    provider.say(DOCUMENT, 500, &json!({}));
    // It has answered a moment ago.
    assert_eq!(login(page).await.0, 303);
    assert_eq!(provider.asked(), []);
    app.clock.advance(3);
    let away = (303, "/login?error=unavailable".to_owned());
    assert_eq!(login(page).await, away);
    assert_eq!(login("*/*").await.0, 503);
    assert_eq!(login(page).await, away);
    assert_eq!(provider.asked().len(), 1);
    provider.say(DOCUMENT, 200, &provider.document());
    app.clock.advance(3);
    let (_, location) = login(page).await;
    assert!(location.starts_with(&provider.issuer), "{location}");
}

#[tokio::test]
async fn a_document_that_leads_elsewhere_is_not_followed() {
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("jwks_uri", json!("http://127.0.0.1:1/certs")),
        ("token_endpoint", json!("https://evil.example/token")),
        ("authorization_endpoint", json!("https://evil.example/auth")),
        ("end_session_endpoint", json!("https://evil.example/logout")),
        ("userinfo_endpoint", json!("http://169.254.169.254/")),
    ] {
        let provider = Provider::start().await;
        let mut document = provider.document();
        document[name] = value;
        provider.say("/.well-known/openid-configuration", 200, &document);
        let app = with_provider(&provider).await;
        assert!(app.registry.refresh_provider().await.is_err(), "{name}");
        assert_eq!(
            app.get("/oauth2/login/oidc").send().await.status,
            503,
            "{name}"
        );
        let token = provider.access_token(AT, &json!({}));
        assert_eq!(status(&app, &token).await, 503, "{name}");
    }
}

#[tokio::test]
async fn keys_may_come_from_a_file() {
    let provider = Provider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({"keys": [provider.key.jwk()]}).to_string()).unwrap();
    let issuer = provider.issuer.clone();
    let token = provider.access_token(AT, &json!({}));
    drop(provider);
    let app = TestApp::builder()
        .settings(|settings| {
            settings.oidc.issuer = Some(issuer);
            settings.oidc.jwks_file = Some(file);
        })
        .start()
        .await;
    assert!(
        app.registry.refresh_provider().await.is_err(),
        "no login there"
    );
    assert_eq!(status(&app, &token).await, 200);
}
