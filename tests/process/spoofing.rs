//! Generated attempts to bring an identity along, at running processes of each mode that has a
//! gateway. The attempts are those of the tests of the data plane.

#[path = "../it/gateway/attempts.rs"]
mod attempts;
#[expect(
    dead_code,
    reason = "tests of the data plane use what is not used here"
)]
#[path = "../it/gateway/client.rs"]
mod client;
#[expect(
    dead_code,
    reason = "tests of the data plane use what is not used here"
)]
#[path = "../it/gateway/upstream.rs"]
mod upstream;
#[expect(
    dead_code,
    reason = "tests of the data plane use what is not used here"
)]
#[path = "../it/gateway/wire.rs"]
mod wire;

use std::net::SocketAddr;

use serde_json::json;

use self::attempts::{Bench, recording};
use self::client::Field;
use crate::support::deployment::{Admin, api_url, folder, full, gateway, registry, until_status};

/// What a server gets of the administrator, each once.
const OURS: [Field<'static>; 4] = [
    ("x-user", "admin"),
    ("x-username", "admin"),
    ("x-auth-method", "token"),
    ("x-forwarded-for", "127.0.0.1"),
];

/// Registers the three servers at `admin`'s registry and tries everything at the gateway.
async fn try_all(admin: &Admin, front: SocketAddr) {
    let upstream = recording().await;
    for (path, option) in [
        ("/team/a", "enabled"),
        ("/pub", "public"),
        ("/through", "passthrough"),
    ] {
        let mut definition = json!({
            "path": path, "server_name": path, "proxy_pass_url": upstream.url("/mcp"),
        });
        definition[option] = json!(true);
        admin.add(&definition);
    }
    until_status(front, "/through", Some(&admin.token), 200);
    let mut bench = Bench::new(upstream, front, &admin.token, &OURS).await;
    bench.over_http_1().await;
    bench.over_http_2().await;
    bench.in_trailers().await;
    bench.with_underscores().await;
    assert!(bench.sent >= 2_000, "{}", bench.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_brings_an_identity_through_full_mode() {
    let data = folder();
    let process = full(data.path()).spawn();
    let at = process.ready(data.path());
    try_all(&Admin::login(at.registry.unwrap()), at.http.unwrap()).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_brings_an_identity_through_a_gateway_that_follows_its_registry() {
    let (registry_data, gateway_data) = (folder(), folder());
    let registry = registry(registry_data.path()).spawn();
    let registry_at = registry.ready(registry_data.path()).registry.unwrap();
    let follower = gateway(gateway_data.path(), &api_url(registry_at)).spawn();
    let front = follower.ready(gateway_data.path()).http.unwrap();
    try_all(&Admin::login(registry_at), front).await;
    follower.stop();
    registry.stop();
}
