//! Deployment modes: the cases that their users know, under the names they know.

use serde_json::json;

use crate::support::child::mode;
use crate::support::deployment::{
    Admin, Example, GATEWAY_TOKEN, Pair, dev_ca, folder, full, gateway, registry, status,
    until_status,
};
use crate::support::http::{Connection, get};
use crate::support::mcp::tool_call;
use crate::support::switch::{Switch, Way, answer};
use crate::support::tls::{Authority, leaf};
use crate::support::until;

#[test]
fn test_enabled_servers() {
    let pair = Pair::start();
    assert_eq!(status(pair.http(), "/currenttime/mcp", None), 200);
    let mut off = pair.example.definition("/off");
    off["public"] = json!(true);
    off["enabled"] = json!(false);
    pair.admin.add(&off);
    // What comes after shows that the gateway has seen the disabled one.
    let mut on = pair.example.definition("/on");
    on["public"] = json!(true);
    pair.admin.add(&on);
    until_status(pair.http(), "/on/mcp", None, 200);
    assert_eq!(status(pair.http(), "/off/mcp", None), 404);
    pair.admin.enable("off", true);
    until_status(pair.http(), "/off/mcp", None, 200);
}

#[test]
fn test_empty_list() {
    let pair = Pair::start();
    pair.admin
        .ok("DELETE", "/api/servers/currenttime", &json!(null));
    until_status(pair.http(), "/currenttime/mcp", None, 404);
    // Empty is a configuration like any other: ready, and the page is there.
    assert_eq!(get(pair.front.ops, "/ready").unwrap().status, 200);
    assert_eq!(get(pair.http(), "/ui/").unwrap().status, 200);
    let data = folder();
    let second = gateway(
        data.path(),
        &crate::support::deployment::api_url(pair.registry_at),
    )
    .spawn();
    let at = second.ready(data.path());
    assert_eq!(status(at.http.unwrap(), "/currenttime/mcp", None), 404);
}

#[test]
fn test_failed_reload() {
    let switch = Switch::new(Way::Closed);
    let pair = Pair::start_with(|start, registry| {
        switch.turn(Way::To(registry));
        start
            .env("REGISTRY_API_URL", switch.url())
            .env("POLL_INTERVAL", "1")
    });
    let json = "application/json";
    for (what, way) in [
        ("closed", Way::Closed),
        (
            "500",
            answer("500 Internal Server Error", "text/plain", "no"),
        ),
        ("401", answer("401 Unauthorized", json, "{}")),
        ("404", answer("404 Not Found", json, "{}")),
        (
            "a page",
            answer(
                "200 OK",
                "text/html",
                "<!doctype html><title>It works!</title>",
            ),
        ),
        (
            "broken JSON",
            answer("200 OK", json, "{\"/currenttime\": {\"enabled\""),
        ),
        ("another shape", answer("200 OK", json, "[1, 2]")),
        ("no HTTP", Way::Says(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        (
            "cut off",
            Way::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"/x\": {".to_vec()),
        ),
    ] {
        switch.turn(way);
        until(what, || (switch.accepted() >= 3).then_some(()));
        assert_eq!(
            status(pair.http(), "/currenttime/mcp", None),
            200,
            "{what}\n{}",
            pair.gateway.said()
        );
        assert_eq!(get(pair.front.ops, "/ready").unwrap().status, 200, "{what}");
    }
    // It follows again as soon as the registry is itself.
    switch.turn(Way::To(pair.registry_at));
    pair.admin.enable("currenttime", false);
    until_status(pair.http(), "/currenttime/mcp", None, 404);
}

#[test]
fn test_ssl_variables() {
    let folder = folder();
    let authority = Authority::new(&folder.path().join("ssl"));
    let shown = authority.issue();
    let settings = |value: &str| {
        [
            ("SSL_ENABLED", value.to_owned()),
            ("SSL_CERTFILE", path(&authority.cert)),
            ("SSL_KEYFILE", path(&authority.key)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    };
    for value in ["true", "TRUE", "1", "yes", "on", "auto"] {
        let data = folder.path().join(format!("data-{value}"));
        let process = full(&data).envs(&settings(value)).spawn();
        let at = process.ready(&data);
        assert_eq!(
            leaf(at.https.unwrap(), &authority.ca).unwrap(),
            shown,
            "SSL_ENABLED={value}"
        );
        process.stop();
    }
    for value in ["false", "False", "0", ""] {
        let data = folder.path().join(format!("data-off-{value}"));
        let process = full(&data).envs(&settings(value)).spawn();
        assert_eq!(process.ready(&data).https, None, "SSL_ENABLED={value}");
        process.stop();
    }
    // `auto` without the files: certificates of its own making, and the log says so.
    let data = folder.path().join("data-auto-without");
    let process = full(&data)
        .env("SSL_ENABLED", "auto")
        .env("SSL_CERTFILE", folder.path().join("absent.pem"))
        .env("SSL_KEYFILE", folder.path().join("absent-key.pem"))
        .spawn();
    let at = process.ready(&data);
    leaf(at.https.unwrap(), &dev_ca(&data)).unwrap();
    assert!(
        process.said().contains("of our own making"),
        "{}",
        process.said()
    );
    process.stop();
}

fn path(path: &std::path::Path) -> String {
    path.display().to_string()
}

#[test]
fn test_deployment_modes() {
    let example = Example::start();

    // Full, by compose: gateway and registry, each a process, started in the unhelpful order.
    let (registry_data, gateway_data) = (folder(), folder());
    let registry_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry_at = registry_port.local_addr().unwrap();
    drop(registry_port);
    let front = gateway(
        gateway_data.path(),
        &format!("http://{registry_at}/api/servers"),
    )
    .env("SSL_ENABLED", "auto")
    .env("SSL_CERTFILE", gateway_data.path().join("absent.pem"))
    .env("SSL_KEYFILE", gateway_data.path().join("absent-key.pem"))
    .spawn();
    let at = front.listening(gateway_data.path());
    assert_eq!(get(at.http.unwrap(), "/").unwrap().status, 503);
    let control = registry(registry_data.path())
        .env("REGISTRY_BIND", registry_at.to_string())
        .spawn();
    control.ready(registry_data.path());
    let at = front.ready(gateway_data.path());
    let admin = Admin::login(at.http.unwrap());
    admin.add(&example.definition("/currenttime"));
    until_status(at.http.unwrap(), "/currenttime", Some(&admin.token), 200);
    let mut secure = Connection::open_tls(at.https.unwrap(), &dev_ca(gateway_data.path())).unwrap();
    assert_eq!(
        tool_call(&mut secure, "/currenttime/mcp", Some(&admin.token))
            .unwrap()
            .status,
        200
    );
    front.stop();

    // Registry-Only: another gateway asks the API what there is.
    let bearer = format!("Bearer {GATEWAY_TOKEN}");
    let mut theirs = Connection::open(registry_at).unwrap();
    let list = theirs
        .call("GET", "/api/servers", &[("authorization", &bearer)], &[])
        .unwrap();
    assert_eq!(
        list.json()["/currenttime"]["enabled"],
        json!(true),
        "{}",
        list.text()
    );
    assert_eq!(get(registry_at, "/ui/").unwrap().status, 200);
    control.stop();

    // Standalone: the registry alone, with nothing set but where its data lies.
    let data = folder();
    let alone = mode("registry", data.path()).spawn();
    let at = alone.ready(data.path());
    assert!(at.http.is_none());
    assert_eq!(get(at.registry.unwrap(), "/ui/").unwrap().status, 200);
    assert!(
        data.path().join("admin-password").exists() && data.path().join("gateway-token").exists()
    );
    alone.stop();
}
