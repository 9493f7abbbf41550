//! A gateway and its registry: gone, back, restored, or not there at the start.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::deployment::{
    Admin, Pair, api_url, folder, gateway, registry, revision, status, until_status,
};
use crate::support::http::get;
use crate::support::switch::{Switch, Way};
use crate::support::until;

#[test]
fn calls_go_on_while_the_registry_is_killed_and_it_comes_back_where_it_was() {
    let pair = Pair::start();
    // The gateway's key is a change of its own, and comes a moment after its start.
    until("the key of the gateway", || {
        let set = get(pair.registry_at, "/.well-known/jwks.json").ok()?;
        String::from_utf8_lossy(&set.body)
            .contains("\"kid\"")
            .then_some(())
    });
    let before = revision(pair.registry_at);
    let (front, ops) = (pair.http(), pair.front.ops);
    pair.registry.kill();
    for _ in 0..50 {
        assert_eq!(status(front, "/currenttime/mcp", None), 200);
    }
    assert_eq!(
        get(ops, "/ready").unwrap().status,
        200,
        "a registry that is gone takes no readiness away"
    );
    // Its own paths say so; they do not hang.
    let api = get(front, "/api/servers").unwrap();
    assert!(matches!(api.status, 502 | 503), "{}", api.status);

    let again = registry(pair.registry_data.path())
        .env("REGISTRY_BIND", pair.registry_at.to_string())
        .spawn();
    again.ready(pair.registry_data.path());
    assert_eq!(
        revision(pair.registry_at),
        before,
        "the revision goes on where it was"
    );
    let admin = Admin::login(pair.registry_at);
    admin.enable("currenttime", false);
    assert!(revision(pair.registry_at) > before);
    until_status(front, "/currenttime/mcp", None, 404);
}

#[test]
fn calls_without_the_registry_are_told_when_it_is_back_even_by_the_next_process() {
    let pair = Pair::start();
    let front = pair.http();
    pair.registry.kill();
    for _ in 0..20 {
        assert_eq!(status(front, "/currenttime/mcp", None), 200);
    }
    pair.gateway.stop();
    let spool = pair.gateway_data.path().join("audit-spool");
    assert!(std::fs::read_dir(&spool).unwrap().count() > 0);

    let again = registry(pair.registry_data.path())
        .env("REGISTRY_BIND", pair.registry_at.to_string())
        .spawn();
    again.ready(pair.registry_data.path());
    let next = gateway(pair.gateway_data.path(), &api_url(pair.registry_at)).spawn();
    next.ready(pair.gateway_data.path());
    let admin = Admin::login(pair.registry_at);
    let query = "/api/audit?kind=access&server=currenttime&limit=1000";
    until("the calls are told", || {
        let page = admin.ok("GET", query, &json!(null)).json();
        (page["entries"].as_array().unwrap().len() == 20).then_some(())
    });
    until("nothing waits", || {
        (std::fs::read_dir(&spool).unwrap().count() == 0).then_some(())
    });
}

#[test]
fn a_gateway_starts_without_its_registry_from_what_it_stored() {
    let pair = Pair::start();
    let file = pair.gateway_data.path().join("snapshot");
    until("a stored snapshot", || file.exists().then_some(()));
    pair.gateway.stop();
    pair.registry.kill();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let began = Instant::now();
    let again = gateway(pair.gateway_data.path(), &api_url(pair.registry_at)).spawn();
    let at = again.ready(pair.gateway_data.path());
    assert_eq!(status(at.http.unwrap(), "/currenttime/mcp", None), 200);
    let took = began.elapsed();
    println!("ready from the stored snapshot: {took:?}");
    // It waits for nobody; how long that takes is measured elsewhere (`make soak`).
    assert!(took < Duration::from_secs(10), "{took:?}");
    again.stop();

    // What was changed on disk is not believed.
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let spoiled = gateway(pair.gateway_data.path(), &api_url(pair.registry_at)).spawn();
    let at = spoiled.listening(pair.gateway_data.path());
    assert_eq!(status(at.http.unwrap(), "/currenttime/mcp", None), 503);
    assert_eq!(get(at.ops, "/ready").unwrap().status, 503);
    spoiled.stop();
}

#[test]
fn a_stored_snapshot_is_of_no_use_with_another_token() {
    let pair = Pair::start();
    let file = pair.gateway_data.path().join("snapshot");
    until("a stored snapshot", || file.exists().then_some(()));
    pair.gateway.stop();
    pair.registry.kill();
    let other = gateway(pair.gateway_data.path(), &api_url(pair.registry_at))
        .env("REGISTRY_API_TOKEN", "another-token-of-at-least-128-bit")
        .spawn();
    let at = other.listening(pair.gateway_data.path());
    assert_eq!(status(at.http.unwrap(), "/currenttime/mcp", None), 503);
    other.stop();
}

#[test]
fn a_registry_restored_as_another_cluster_is_adopted_with_a_warning() {
    let switch = Switch::new(Way::Closed);
    let pair = Pair::start_with(|start, registry| {
        switch.turn(Way::To(registry));
        start
            .env("REGISTRY_API_URL", switch.url())
            .env("POLL_INTERVAL", "1")
    });
    // More changes than the other one will have seen: its revision is lower, its cluster another.
    for enabled in [false, true, false, true] {
        pair.admin.enable("currenttime", enabled);
    }
    let data = folder();
    let other = registry(data.path()).spawn();
    let other_at = other.ready(data.path()).registry.unwrap();
    let admin = Admin::login(other_at);
    let mut definition = pair.example.definition("/elsewhere");
    definition["public"] = json!(true);
    admin.add(&definition);
    assert!(revision(other_at) < revision(pair.registry_at));
    switch.turn(Way::To(other_at));
    until_status(pair.http(), "/elsewhere/mcp", None, 200);
    assert_eq!(status(pair.http(), "/currenttime/mcp", None), 404);
    let warned = pair.gateway.line("cluster", |line| {
        (line.contains("\"WARN\"") && line.to_lowercase().contains("cluster"))
            .then(|| line.to_owned())
    });
    println!("{warned}");
}

#[test]
fn an_older_revision_of_the_same_registry_is_refused() {
    let switch = Switch::new(Way::Closed);
    let pair = Pair::start_with(|start, registry| {
        switch.turn(Way::To(registry));
        start
            .env("REGISTRY_API_URL", switch.url())
            .env("POLL_INTERVAL", "1")
    });
    // A copy of the registry's data of now, served again after a change was seen.
    pair.registry.stop();
    let old = folder();
    copy(pair.registry_data.path(), old.path());
    let current = registry(pair.registry_data.path()).spawn();
    let current_at = current.ready(pair.registry_data.path()).registry.unwrap();
    switch.turn(Way::To(current_at));
    let admin = Admin::login(current_at);
    let mut definition = pair.example.definition("/newer");
    definition["public"] = json!(true);
    admin.add(&definition);
    until_status(pair.front.http.unwrap(), "/newer/mcp", None, 200);
    let stale = registry(old.path()).spawn();
    let stale_at = stale.ready(old.path()).registry.unwrap();
    switch.turn(Way::To(stale_at));
    until("asked again and again", || {
        (switch.accepted() >= 3).then_some(())
    });
    assert_eq!(
        status(pair.front.http.unwrap(), "/newer/mcp", None),
        200,
        "{}",
        pair.gateway.said()
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
