//! Each mode end to end, through its front door.

use std::path::Path;

use serde_json::Value;

use crate::support::child::{Listeners, Process};
use crate::support::deployment::{
    Admin, Example, api_url, dev_ca, folder, full, gateway, registry, status, until_status,
};
use crate::support::http::{Connection, Headers, Reply, get};
use crate::support::mcp::{message, session, text, tool_call};

const SPELLINGS: [&str; 3] = ["/currenttime", "/currenttime/", "/currenttime/mcp"];

/// What every deployment with a gateway must do, whatever it is made of.
fn front_door_serves(at: Listeners, ca: &Path) {
    let example = Example::start();
    let (http, https) = (at.http.unwrap(), at.https.unwrap());
    let admin = Admin::login(http);
    admin.add(&example.definition("/currenttime"));
    until_status(http, "/currenttime", Some(&admin.token), 200);

    let mut connection = Connection::open_tls(https, ca).unwrap();
    for path in SPELLINGS {
        let said = session(&mut connection, path, &admin.token);
        assert!(said.contains("JST+0900"), "{path}: {said}");
        let reply = tool_call(&mut connection, path, Some(&admin.token)).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(
            text(&message(&reply)).contains("JST+0900"),
            "{path}: {}",
            reply.text()
        );
        let reply = tool_call(&mut connection, path, None).unwrap();
        assert_eq!(
            reply.status,
            401,
            "{path} without a token: {}",
            reply.text()
        );
    }

    let mut get =
        |target: &str, headers: Headers<'_>| connection.call("GET", target, headers, &[]).unwrap();
    let page = get("/ui/", &[("accept", "text/html")]);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html"),
        "{page:?}"
    );
    let root = get("/", &[("accept", "text/html")]);
    assert!(
        (300..400).contains(&root.status) && root.header("location") == Some("/ui/"),
        "{root:?}"
    );
    assert_eq!(get("/health", &[]).status, 200);
    assert_eq!(get("/api/health", &[]).status, 200);
    let bearer = format!("Bearer {}", admin.token);
    let listed = get("/api/servers", &[("authorization", &bearer)]);
    assert_eq!(
        listed.json()["/currenttime"]["enabled"],
        Value::Bool(true),
        "{}",
        listed.text()
    );
    assert_eq!(get("/api/servers", &[]).status, 401);
    for target in [
        "/api/gateway/watch",
        "/api/gateway/report",
        "/api//gateway/watch",
        "/api/%67ateway/watch",
    ] {
        let reply = get(target, &[("authorization", &bearer)]);
        assert!(
            matches!(reply.status, 400 | 404),
            "{target}: {}",
            reply.status
        );
    }
    assert_eq!(
        get("/api/gateway/watch", &[("authorization", &bearer)]).status,
        404
    );
    let unknown = get("/no/such/thing", &[("accept", "text/html")]);
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.header("content-type").unwrap().contains("json"),
        "{unknown:?}"
    );

    // With TLS on, the plain door still serves everything; only pages go to HTTPS.
    let page = Connection::open(http)
        .unwrap()
        .call("GET", "/ui/", &[("accept", "text/html")], &[])
        .unwrap();
    assert_eq!(page.status, 308, "{page:?}");
    assert!(
        page.header("location").unwrap().starts_with("https://"),
        "{page:?}"
    );
}

#[test]
fn full_mode_serves_mcp_page_and_api_at_one_door() {
    let data = folder();
    let process = full(data.path()).env("SSL_DEV", "true").spawn();
    let at = process.ready(data.path());
    front_door_serves(at, &dev_ca(data.path()));
    process.stop();
}

#[test]
fn registry_and_gateway_as_two_processes_serve_the_same() {
    let (registry_data, gateway_data) = (folder(), folder());
    let registry = registry(registry_data.path()).spawn();
    let registry_at = registry.ready(registry_data.path()).registry.unwrap();
    let gateway = gateway(gateway_data.path(), &api_url(registry_at))
        .env("SSL_DEV", "true")
        .spawn();
    let at = gateway.ready(gateway_data.path());
    front_door_serves(at, &dev_ca(gateway_data.path()));
    gateway.stop();
    registry.stop();
}

#[test]
fn a_registry_alone_serves_page_and_api_over_tls_too() {
    let data = folder();
    let process = registry(data.path()).env("SSL_DEV", "true").spawn();
    let at = process.ready(data.path());
    assert!(at.http.is_none() && at.https.is_none(), "{at:?}");
    let mut connection = Connection::open_tls(at.registry.unwrap(), &dev_ca(data.path())).unwrap();
    assert_eq!(
        connection.call("GET", "/health", &[], &[]).unwrap().status,
        200
    );
    assert_eq!(
        connection
            .call("GET", "/ui/", &[("accept", "text/html")], &[])
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        connection
            .call("GET", "/api/servers", &[], &[])
            .unwrap()
            .status,
        401
    );
    process.stop();
}

#[test]
fn before_the_first_configuration_the_gateway_says_that_it_initializes() {
    let data = folder();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let process = gateway(data.path(), &api_url(nobody)).spawn();
    let at = process.listening(data.path());
    initializing(&process, at);
    process.stop();
}

fn initializing(process: &Process, at: Listeners) {
    let front = at.http.unwrap();
    let root = get(front, "/").unwrap();
    assert_eq!(
        (root.status, root.text().as_str()),
        (503, "Gateway initializing, please wait...")
    );
    let health: Reply = get(front, "/health").unwrap();
    assert_eq!((health.status, health.text().as_str()), (200, "OK"));
    assert_eq!(
        get(at.ops, "/ready").unwrap().status,
        503,
        "{}",
        process.said()
    );
    assert_eq!(status(front, "/currenttime/mcp", None), 503);
}

#[test]
fn the_health_command_finds_the_process_from_its_settings() {
    let data = folder();
    let process = full(data.path()).env("SSL_DEV", "true").spawn();
    let at = process.ready(data.path());
    let ended = crate::support::child::mode("full", data.path())
        .env("SSL_DEV", "true")
        .env("GATEWAY_HTTP_BIND", at.http.unwrap().to_string())
        .env("GATEWAY_HTTPS_BIND", at.https.unwrap().to_string())
        .arg("health")
        .run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    process.stop();
}
