//! `kill -9` of the registry while it is written to.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::json;

use crate::support::deployment::{Admin, folder, registry, revision};
use crate::support::until;

const WRITERS: usize = 4;

fn rounds() -> usize {
    std::env::var("MCP_TEST_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10)
}

/// Writes until the registry is gone; what was acknowledged goes into `acknowledged`.
fn write(
    admin: &Admin,
    next: &AtomicU64,
    acknowledged: &Mutex<BTreeSet<String>>,
    gone: &AtomicBool,
) {
    while !gone.load(Ordering::Relaxed) {
        let path = format!("/server-{}", next.fetch_add(1, Ordering::Relaxed));
        let definition = json!({
            "server_name": path, "path": path, "proxy_pass_url": "http://127.0.0.1:9/mcp",
        });
        match admin.call("POST", "/api/servers", &definition) {
            Ok(reply) if reply.status == 200 => {
                acknowledged.lock().unwrap().insert(path);
            }
            Ok(reply) => panic!("{path}: {} {}", reply.status, reply.text()),
            Err(_) => return,
        }
    }
}

#[test]
fn no_acknowledged_write_is_lost_and_the_revision_never_goes_back() {
    let data = folder();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let at: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let start = || {
        let process = registry(data.path())
            .env("REGISTRY_BIND", at.to_string())
            .spawn();
        process.ready(data.path());
        process
    };
    let mut process = start();
    // One token for all rounds: what was issued stays valid across a crash.
    let admin = Admin::login(at);
    let (next, acknowledged) = (AtomicU64::new(0), Mutex::new(BTreeSet::new()));
    let mut last = revision(at);
    for round in 0..rounds() {
        let gone = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write(&admin, &next, &acknowledged, &gone));
            }
            // Killed in the middle of the writes that follow, wherever they are.
            let enough = acknowledged.lock().unwrap().len() + 3 + round % 7;
            until("writes go on", || {
                (acknowledged.lock().unwrap().len() >= enough).then_some(())
            });
            process.kill();
            gone.store(true, Ordering::Relaxed);
        });
        process = start();
        let page = admin.ok("GET", "/api/servers?limit=1000", &json!(null));
        let kept = all(&admin, page);
        let missing: Vec<_> = acknowledged
            .lock()
            .unwrap()
            .difference(&kept)
            .cloned()
            .collect();
        assert!(missing.is_empty(), "round {round}: lost {missing:?}");
        let now = revision(at);
        assert!(now >= last, "round {round}: revision {now} after {last}");
        assert!(
            now >= kept.len() as u64,
            "round {round}: {} writes, revision {now}",
            kept.len()
        );
        last = now;
    }
    println!(
        "{} acknowledged writes in {} rounds, none lost",
        acknowledged.lock().unwrap().len(),
        rounds()
    );
}

/// Every path that is stored, over all pages.
fn all(admin: &Admin, first: crate::support::http::Reply) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut page = first;
    loop {
        found.extend(page.json().as_object().unwrap().keys().cloned());
        let next = page.header("link").and_then(|link| {
            let (target, _) = link.split_once(">; rel=\"next\"")?;
            Some(target.rsplit_once('<')?.1.to_owned())
        });
        let Some(next) = next else { return found };
        let target = next
            .find("/api/")
            .map(|at| next[at..].to_owned())
            .unwrap_or(next);
        page = admin.ok("GET", &target, &json!(null));
    }
}
