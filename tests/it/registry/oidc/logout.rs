//! Logging out, begun here or at the provider.

use axum::http::Method;
use serde_json::json;

use super::{AT, log_in, me, started};
use crate::support::TestApp;
use crate::support::call::Reply;
use crate::support::provider::Key;

async fn tell(app: &TestApp, token: &str) -> Reply {
    app.call(Method::POST, "/oauth2/backchannel-logout/oidc")
        .body(
            "application/x-www-form-urlencoded",
            format!("logout_token={token}"),
        )
        .send()
        .await
}

#[tokio::test]
async fn logging_out_here_goes_on_at_the_provider() {
    let (app, provider) = started().await;
    let cookie = log_in(&app, &provider, &json!({})).await;
    let reply = app
        .call(Method::POST, "/api/auth/logout")
        .cookie(&cookie)
        .header("sec-fetch-site", "same-origin")
        .json(&json!({}))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let url = reply.json()["logout_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("{}/logout?id_token_hint=", provider.issuer)));
    assert!(url.contains("post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A7860%2Flogin"));
    assert!(url.contains("client_id=web"));
    assert_eq!(me(&app, &cookie).await.status, 401);
}

#[tokio::test]
async fn a_link_logs_out_from_our_own_pages_only() {
    let (app, provider) = started().await;
    let cookie = log_in(&app, &provider, &json!({})).await;
    let follow = |site: Option<&str>| {
        let call = app.get("/oauth2/logout/oidc").cookie(&cookie);
        match site {
            Some(site) => call.header("sec-fetch-site", site),
            None => call,
        }
    };
    for site in [None, Some("cross-site"), Some("same-site")] {
        assert_eq!(follow(site).send().await.header("location"), "/login");
        assert_eq!(me(&app, &cookie).await.status, 200, "{site:?}");
    }
    let reply = follow(Some("same-origin")).send().await;
    assert!(reply.header("location").starts_with(&provider.issuer));
    assert_eq!(me(&app, &cookie).await.status, 401);
    let nobody = follow(Some("same-origin")).send().await;
    assert_eq!(nobody.header("location"), "/login");
}

#[tokio::test]
async fn a_log_out_at_the_provider_ends_the_session_and_its_tokens_at_once() {
    let (app, provider) = started().await;
    let cookie = log_in(&app, &provider, &json!({})).await;
    let elsewhere = log_in(&app, &provider, &json!({"sid": "sid-2"})).await;
    let bob = log_in(&app, &provider, &json!({"sub": "bob-1", "sid": "sid-3"})).await;
    let token = |changes| provider.access_token(AT - 10, &changes);
    let of_session = token(json!({}));
    let of_other_session = token(json!({"sid": "sid-2"}));
    let of_no_session = token(json!({"sid": null}));
    let status = async |token: &str| app.get("/api/auth/me").bearer(token).send().await.status;
    let reply = tell(&app, &provider.logout_token(AT, &json!({}))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(me(&app, &cookie).await.status, 401);
    assert_eq!(me(&app, &elsewhere).await.status, 200);
    assert_eq!(me(&app, &bob).await.status, 200);
    assert_eq!(status(&of_session).await, 401);
    assert_eq!(status(&of_no_session).await, 401);
    assert_eq!(status(&of_other_session).await, 200);
    // Gateways know it.
    let snapshot = app.applied.last();
    assert_eq!(snapshot.access.as_ref().unwrap().trust.logouts.len(), 2);
    // The user, whatever session.
    let all = json!({"sid": null, "jti": "logout-2"});
    assert_eq!(
        tell(&app, &provider.logout_token(AT, &all)).await.status,
        200
    );
    assert_eq!(me(&app, &elsewhere).await.status, 401);
    assert_eq!(status(&of_other_session).await, 401);
    assert_eq!(me(&app, &bob).await.status, 200);
    app.clock.advance(1);
    let later = provider.access_token(AT + 1, &json!({"sid": "sid-9"}));
    assert_eq!(status(&later).await, 200, "a later login counts");
}

#[tokio::test]
async fn log_outs_outlive_a_restart() {
    let (app, provider) = started().await;
    let token = provider.access_token(AT - 10, &json!({}));
    assert_eq!(
        tell(&app, &provider.logout_token(AT, &json!({})))
            .await
            .status,
        200
    );
    let issuer = provider.issuer.clone();
    let app = app
        .restart(|settings| settings.oidc.issuer = Some(issuer))
        .await;
    assert_eq!(
        app.get("/api/auth/me").bearer(&token).send().await.status,
        401
    );
}

#[tokio::test]
async fn what_is_not_a_log_out_token_ends_nothing() {
    let (app, provider) = started().await;
    let cookie = log_in(&app, &provider, &json!({})).await;
    let stranger = Key::new("k1");
    let claims = json!({
        "iss": provider.issuer, "aud": "web", "sub": "ann-1", "iat": AT, "exp": AT + 60,
        "jti": "j", "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let mut hostile = vec![
        stranger.sign("logout+jwt", &claims),
        provider.key.sign("at+jwt", &claims),
        provider.access_token(AT, &json!({})),
        provider.id_token(AT, "n", &json!({})),
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(10_000),
    ];
    for lie in [
        json!({"iss": "https://evil.example"}),
        json!({"aud": "other"}),
        json!({"aud": null}),
        json!({"exp": AT - 60}),
        json!({"exp": null}),
        json!({"iat": AT - 3_600}),
        json!({"iat": AT + 3_600}),
        json!({"jti": null}),
        json!({"events": null}),
        json!({"events": {}}),
        json!({"nonce": "n"}),
        json!({"sub": null, "sid": null}),
        json!({"sub": 7}),
    ] {
        hostile.push(provider.logout_token(AT, &lie));
    }
    for token in hostile {
        let reply = tell(&app, &token).await;
        assert_eq!(reply.status, 400, "{token}");
        assert_eq!(reply.json()["error"], "invalid_request");
    }
    let json = app
        .call(Method::POST, "/oauth2/backchannel-logout/oidc")
        .json(&json!({"logout_token": provider.logout_token(AT, &json!({}))}));
    assert_eq!(json.send().await.status, 400);
    assert_eq!(me(&app, &cookie).await.status, 200);
    let good = provider.logout_token(AT, &json!({}));
    assert_eq!(tell(&app, &good).await.status, 200);
    assert_eq!(tell(&app, &good).await.status, 400, "once");
}
