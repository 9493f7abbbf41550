//! `mcp auth-server`: follows the registry, decides without it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use crate::support::child::{Start, part};
use crate::support::deployment::{Admin, Example, GATEWAY_TOKEN, api_url, folder, registry};
use crate::support::http::{call, get};
use crate::support::until;

fn auth_server(data: &Path, registry_at: SocketAddr) -> Start {
    part(&["auth-server"], data)
        .env("REGISTRY_API_URL", api_url(registry_at))
        .env("REGISTRY_API_TOKEN", GATEWAY_TOKEN)
}

/// What is answered to a gateway with this credential about a stream at `/currenttime`.
fn verdict(at: SocketAddr, credential: &str, token: &str) -> u16 {
    let (gateway, caller) = (format!("Bearer {credential}"), format!("Bearer {token}"));
    let headers = [
        ("x-gateway-authorization", gateway.as_str()),
        ("authorization", caller.as_str()),
        ("x-forwarded-uri", "/currenttime/mcp"),
        ("x-forwarded-method", "GET"),
    ];
    call(at, "GET", "/auth/validate", &headers, b"")
        .unwrap()
        .status
}

#[test]
fn an_auth_server_decides_while_the_registry_is_away_and_follows_it_when_it_is_there() {
    let example = Example::start();
    let (registry_data, data) = (folder(), folder());
    let running = registry(registry_data.path()).spawn();
    let registry_at = running.ready(registry_data.path()).registry.unwrap();
    let admin = Admin::login(registry_at);
    admin.add(&example.definition("/currenttime"));
    let make = |name: &str| {
        let body = json!({"name": name, "sends_body": false});
        let made = admin.ok("POST", "/api/gateways", &body).json();
        made["credential"].as_str().unwrap().to_owned()
    };
    let (kept, gone) = (make("kept"), make("gone"));
    let server = auth_server(data.path(), registry_at).spawn();
    let at = server.ready(data.path()).auth.unwrap();
    for door in [at, registry_at] {
        assert_eq!(verdict(door, &kept, &admin.token), 200);
        assert_eq!(verdict(door, &kept, "wrong"), 401);
        assert_eq!(verdict(door, &gone, &admin.token), 200);
    }
    assert_eq!(get(at, "/health").unwrap().text(), "OK");
    assert_eq!(get(at, "/api/servers").unwrap().status, 404);
    let providers = get(at, "/oauth2/providers").unwrap();
    assert_eq!(providers.status, 200, "{}", providers.text());
    assert_eq!(
        providers.json(),
        get(registry_at, "/oauth2/providers").unwrap().json(),
        "passed on"
    );
    for target in [
        "/oauth2/../api/servers",
        "/oauth2/%2e%2e/api/servers",
        "/oauth2//x",
    ] {
        assert_eq!(get(at, target).unwrap().status, 400, "{target}");
    }

    admin.ok("DELETE", "/api/gateways/gone", &json!(null));
    assert_eq!(verdict(registry_at, &gone, &admin.token), 401, "at once");
    until("the credential is refused", || {
        (verdict(at, &gone, &admin.token) == 401).then_some(())
    });

    running.kill();
    assert_eq!(verdict(at, &kept, &admin.token), 200);
    assert_eq!(get(at, "/oauth2/providers").unwrap().status, 502);
    let file = data.path().join("auth-server-snapshot");
    until("a stored snapshot", || file.exists().then_some(()));
    server.stop();
    let again = auth_server(data.path(), registry_at).spawn();
    let at = again.ready(data.path()).auth.unwrap();
    assert_eq!(verdict(at, &kept, &admin.token), 200, "from what it stored");
    assert_eq!(verdict(at, &gone, &admin.token), 401);
}

#[test]
fn an_auth_server_beyond_loopback_needs_the_registrys_token() {
    let data = folder();
    let ended = part(&["auth-server"], data.path())
        .env("AUTH_BIND", "0.0.0.0:0")
        .run();
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("auth.bind") && ended.err.contains("REGISTRY_API_TOKEN"),
        "{}",
        ended.err
    );
}
