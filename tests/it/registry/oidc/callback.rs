//! Logging in: what the provider is asked, and which answers make a session.

use serde_json::{Value, json};

use super::{AT, Leaving, gives, log_in, me, started};
use crate::support::provider::Key;

#[tokio::test]
async fn a_login_asks_as_the_standards_say() {
    let (app, provider) = started().await;
    let leaving = Leaving::from(&app, "/oauth2/login/oidc?redirect_uri=/ui/servers").await;
    assert!(
        leaving
            .question
            .as_str()
            .starts_with(&format!("{}/auth?", provider.issuer))
    );
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", "http://localhost:7860/oauth2/callback/oidc"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(leaving.asks(name), value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(leaving.asks(name).len(), 43, "{name}");
    }
    gives(
        &provider,
        &provider.id_token(AT, &leaving.asks("nonce"), &json!({})),
    );
    let reply = leaving.back(&app, &provider, "code+&=1").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("location")),
        (303, "/ui/servers")
    );
    let asked = provider.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let form: std::collections::HashMap<_, _> =
        url::form_urlencoded::parse(asked[0].body.as_bytes())
            .into_owned()
            .collect();
    assert_eq!(form["code"], "code+&=1");
    assert_eq!(
        form["redirect_uri"],
        "http://localhost:7860/oauth2/callback/oidc"
    );
    assert_eq!(form["code_verifier"].len(), 43);
    assert!(asked[0].authorization.starts_with("Basic "));
    assert!(!asked[0].body.contains("s3cret"));
}

#[tokio::test]
async fn a_session_has_the_providers_user_and_groups() {
    let (app, provider) = started().await;
    let cookie = log_in(&app, &provider, &json!({})).await;
    let me = me(&app, &cookie).await.json();
    assert_eq!(
        (&me["username"], &me["provider"]),
        (&json!("ann"), &json!("oidc"))
    );
    assert_eq!(me["auth_method"], "oauth2");
    assert_eq!(me["groups"], json!(["mcp-registry-admin"]));
    assert!(me["csrf_token"].as_str().unwrap().len() >= 43);
}

#[tokio::test]
async fn what_the_id_token_lacks_is_asked_for() {
    let (app, provider) = started().await;
    let info = json!({"sub": "ann-1", "preferred_username": "Ann", "groups": ["readers"]});
    provider.say("/userinfo", 200, &info);
    let lacking = json!({"groups": null, "preferred_username": null});
    let cookie = log_in(&app, &provider, &lacking).await;
    let shown = me(&app, &cookie).await.json();
    assert_eq!(
        (&shown["username"], &shown["groups"]),
        (&json!("Ann"), &json!(["readers"]))
    );
    // Somebody else's answer, or none.
    for (status, info) in [
        (200, json!({"sub": "bob", "groups": ["mcp-registry-admin"]})),
        (200, json!({"groups": ["mcp-registry-admin"]})),
        (200, json!({"sub": "ann-1", "groups": 7})),
        (200, json!([])),
        (500, json!({"sub": "ann-1"})),
    ] {
        provider.say("/userinfo", status, &info);
        let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
        gives(
            &provider,
            &provider.id_token(AT, &leaving.asks("nonce"), &lacking),
        );
        let reply = leaving.back(&app, &provider, "c").await;
        assert_eq!(reply.header("location"), "/login?error=provider", "{info}");
    }
}

#[tokio::test]
async fn no_id_token_counts_that_is_not_the_answer_to_our_question() {
    let (app, provider) = started().await;
    let stranger = Key::new("k1");
    let lies: Vec<Value> = vec![
        json!({"nonce": "other"}),
        json!({"nonce": null}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", provider.issuer)}),
        json!({"aud": "other"}),
        json!({"aud": ["web", "other"]}),
        json!({"aud": null}),
        json!({"azp": "other"}),
        json!({"exp": AT - 60}),
        json!({"exp": null}),
        json!({"iat": AT + 3_600}),
        json!({"iat": AT - 3_600}),
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"sub": 7}),
        json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
        json!({"groups": {"mcp-registry-admin": true}}),
        json!({"groups": [7]}),
        json!({"preferred_username": "ann\u{0}"}),
        json!({"events": {}}),
    ];
    for lie in lies {
        let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
        gives(
            &provider,
            &provider.id_token(AT, &leaving.asks("nonce"), &lie),
        );
        let reply = leaving.back(&app, &provider, "c").await;
        assert_eq!(reply.header("location"), "/login?error=provider", "{lie}");
        let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 1, "the login's cookie ends: {cookies:?}");
    }
    let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
    let claims = json!({
        "iss": provider.issuer, "aud": "web", "sub": "x", "iat": AT, "exp": AT + 60,
        "nonce": leaving.asks("nonce"),
    });
    let good = provider.key.sign("JWT", &claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    for id_token in [
        stranger.sign("JWT", &claims),
        provider.key.sign("at+jwt", &claims),
        provider.key.sign("logout+jwt", &claims),
        format!("{signed}."),
        signed.to_owned(),
        provider.access_token(AT, &json!({})),
        String::new(),
        "x".repeat(9_000),
    ] {
        let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
        gives(&provider, &id_token);
        let reply = leaving.back(&app, &provider, "c").await;
        assert_eq!(reply.header("location"), "/login?error=provider");
    }
}

#[tokio::test]
async fn answers_of_the_token_endpoint_are_not_guessed_at() {
    let (app, provider) = started().await;
    for (status, text) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (500, "{}"),
        (302, "{}"),
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"access_token":"a"}"#),
        (200, r#"{"id_token":7,"access_token":"a"}"#),
        (200, r#"{"id_token":"","access_token":"a"}"#),
        (200, r#"{"id_token":"a","id_token":"b","access_token":"a"}"#),
        (200, &format!(r#"{{"id_token":"{}"}}"#, "x".repeat(300_000))),
    ] {
        provider.say_text("/token", status, text);
        let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
        let reply = leaving.back(&app, &provider, "c").await;
        assert_eq!(
            reply.header("location"),
            "/login?error=provider",
            "{status}"
        );
    }
}

#[tokio::test]
async fn only_the_browser_that_left_comes_back_and_once() {
    let (app, provider) = started().await;
    let issuer = provider.issuer.clone();
    let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
    let other = Leaving::from(&app, "/oauth2/login/oidc").await;
    gives(
        &provider,
        &provider.id_token(AT, &leaving.asks("nonce"), &json!({})),
    );
    let state = leaving.asks("state");
    let answer = |state: &str, iss: &str| {
        vec![
            ("state", state.to_owned()),
            ("code", "c".to_owned()),
            ("iss", iss.to_owned()),
        ]
    };
    let hostile = [
        answer("", &issuer),
        answer("x", &issuer),
        answer(&other.asks("state"), &issuer),
        answer(&state, ""),
        answer(&state, "https://evil.example"),
        answer(&state, &format!("{issuer}/")),
        answer(&state, &issuer.to_uppercase()),
        vec![("code", "c".to_owned()), ("iss", issuer.clone())],
    ];
    for answer in hostile {
        let reply = leaving.bring(&app, &answer).await;
        assert_eq!(reply.header("location"), "/login?error=state", "{answer:?}");
    }
    let stranger = Leaving {
        cookie: "mcp_gateway_login=AAAA".to_owned(),
        question: leaving.question.clone(),
    };
    let reply = stranger.back(&app, &provider, "c").await;
    assert_eq!(reply.header("location"), "/login?error=state");
    assert_eq!(provider.asked(), [], "no code was changed");
    let twice = format!("/oauth2/callback/oidc?state={state}&state={state}");
    assert_eq!(
        app.get(&twice).cookie(&leaving.cookie).send().await.status,
        400
    );
    assert_eq!(
        leaving.back(&app, &provider, "c").await.header("location"),
        "/"
    );
    let again = leaving.back(&app, &provider, "c").await;
    assert_eq!(again.header("location"), "/login?error=state");
    // Too late.
    app.clock.advance(601);
    let late = other.back(&app, &provider, "c").await;
    assert_eq!(late.header("location"), "/login?error=state");
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_told_without_its_words() {
    let (app, provider) = started().await;
    let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
    let answer = [
        ("state", leaving.asks("state")),
        ("iss", provider.issuer.clone()),
        ("error", "access_denied<script>".to_owned()),
    ];
    let reply = leaving.bring(&app, &answer).await;
    assert_eq!(reply.header("location"), "/login?error=denied");
}

#[tokio::test]
async fn a_login_leads_to_our_own_pages_only() {
    let (app, provider) = started().await;
    for target in [
        "//evil.example",
        "/%5Cevil.example",
        "https:evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "http://localhost:7860.evil.example/",
    ] {
        let asked = format!("/oauth2/login/oidc?redirect_uri={target}");
        let leaving = Leaving::from(&app, &asked).await;
        gives(
            &provider,
            &provider.id_token(AT, &leaving.asks("nonce"), &json!({})),
        );
        let reply = leaving.back(&app, &provider, "c").await;
        assert_eq!(reply.header("location"), "/", "{target}");
    }
}

#[tokio::test]
async fn a_login_makes_a_new_session_and_ends_the_one_before() {
    let (app, provider) = started().await;
    let first = log_in(&app, &provider, &json!({})).await;
    let leaving = Leaving::from(&app, "/oauth2/login/oidc").await;
    gives(
        &provider,
        &provider.id_token(AT, &leaving.asks("nonce"), &json!({})),
    );
    let with_session = Leaving {
        cookie: format!("{}; {first}", leaving.cookie),
        question: leaving.question,
    };
    let reply = with_session.back(&app, &provider, "c").await;
    let second = super::set_cookie(&reply, "mcp_gateway_session");
    assert_ne!(first, second);
    assert_eq!(me(&app, &first).await.status, 401);
    assert_eq!(me(&app, &second).await.status, 200);
}

#[tokio::test]
async fn the_cookies_are_bound_to_host_and_scheme() {
    let (app, _provider) = started().await;
    let login = app.get("/oauth2/login/oidc").from("127.0.0.1:1", true);
    let reply = login.send().await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-mcp_gateway_login="), "{cookie}");
    for part in [
        "; Path=/;",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Secure",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(cookie.len() < 1_500);
}
