//! A renewed certificate is taken over while requests are served.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::json;

use crate::support::deployment::{Admin, Example, folder, full};
use crate::support::http::Connection;
use crate::support::mcp::tool_call;
use crate::support::tls::{Authority, leaf};
use crate::support::until;

/// Calls until told to stop: on a kept connection, and with a new handshake each time.
fn load(at: SocketAddr, ca: &Path, stop: &AtomicBool, calls: &AtomicU64) {
    let mut kept = Connection::open_tls(at, ca).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let mut fresh = Connection::open_tls(at, ca).unwrap();
        for connection in [&mut kept, &mut fresh] {
            let reply = tool_call(connection, "/currenttime/mcp", None).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_new_certificate_is_served_and_a_broken_one_is_not_without_a_failed_request() {
    let (folder, example) = (folder(), Example::start());
    let authority = Authority::new(&folder.path().join("ssl"));
    authority.issue();
    let data = folder.path().join("data");
    let process = full(&data)
        .env("SSL_ENABLED", "true")
        .env("SSL_CERTFILE", &authority.cert)
        .env("SSL_KEYFILE", &authority.key)
        .spawn();
    let at = process.ready(&data);
    let https = at.https.unwrap();
    let mut definition = example.definition("/currenttime");
    definition["public"] = json!(true);
    Admin::login(at.http.unwrap()).add(&definition);
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let loads = [(); 2].map(|()| scope.spawn(|| load(https, &authority.ca, &stop, &calls)));
        let changed = (0..3).try_for_each(|round| {
            let renewed = authority.issue();
            let deadline = std::time::Instant::now() + crate::support::PATIENCE;
            while leaf(https, &authority.ca).ok()? != renewed {
                if std::time::Instant::now() > deadline {
                    println!("round {round}: the old certificate is still served");
                    return None;
                }
            }
            Some(())
        });
        let (before, good) = (
            calls.load(Ordering::Relaxed),
            leaf(https, &authority.ca).unwrap(),
        );
        authority.spoil();
        let refused = process.line("a broken certificate", |line| {
            (line.contains("\"WARN\"") || line.contains("\"ERROR\""))
                .then(|| line.contains("cert.pem"))
                .filter(|is| *is)
        });
        // Whole rounds of calls after the bad file was looked at.
        until("calls go on", || {
            (calls.load(Ordering::Relaxed) > before + 20).then_some(())
        });
        let kept = leaf(https, &authority.ca).unwrap() == good;
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.join().unwrap();
        }
        assert!(changed.is_some() && refused && kept, "{}", process.said());
    });
    println!("{} calls, none failed", calls.load(Ordering::Relaxed));
}
