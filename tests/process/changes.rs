//! How soon a change made through the API is seen at the front door.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::deployment::{Admin, Example, Pair, folder, full};
use crate::support::http::Connection;
use crate::support::mcp::tool_call;

/// Far more than it takes; the figures are printed.
const BOUND: Duration = Duration::from_secs(1);
const CHANGES: usize = 50;

/// Times from an answered change to its effect.
fn times(front: SocketAddr, admin: &Admin) -> Vec<Duration> {
    let mut connection = Connection::open(front).unwrap();
    (0..CHANGES)
        .map(|index| {
            let enabled = index % 2 == 1;
            admin.enable("currenttime", enabled);
            let answered = Instant::now();
            let wanted = if enabled { 200 } else { 404 };
            loop {
                let status = tool_call(&mut connection, "/currenttime/mcp", None)
                    .unwrap()
                    .status;
                let took = answered.elapsed();
                if status == wanted {
                    return took;
                }
                assert!(took < BOUND, "change {index} is not seen after {took:?}");
            }
        })
        .collect()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: change seen after {median:?} (median), {last:?} (longest of {CHANGES})");
    assert!(last < BOUND, "{what}: {last:?}");
}

#[test]
fn in_one_process_an_answered_change_is_in_force() {
    let (data, example) = (folder(), Example::start());
    let process = full(data.path()).spawn();
    let front = process.ready(data.path()).http.unwrap();
    let admin = Admin::login(front);
    let mut definition = example.definition("/currenttime");
    definition["public"] = json!(true);
    admin.add(&definition);
    let mut connection = Connection::open(front).unwrap();
    // Read your writes: no waiting, the very next request is answered by the new definition.
    let mut status = || {
        tool_call(&mut connection, "/currenttime/mcp", None)
            .unwrap()
            .status
    };
    assert_eq!(status(), 200);
    for _ in 0..CHANGES / 2 {
        admin.enable("currenttime", false);
        assert_eq!(status(), 404);
        admin.enable("currenttime", true);
        assert_eq!(status(), 200);
    }
    admin.ok("DELETE", "/api/servers/currenttime", &json!(null));
    assert_eq!(status(), 404);
    report("one process", {
        admin.add(&definition);
        times(front, &admin)
    });
}

#[test]
fn between_two_processes_an_answered_change_is_in_force_soon() {
    let pair = Pair::start();
    report("two processes", times(pair.http(), &pair.admin));
}
