//! A start that cannot succeed ends at once and says why.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::child::{Ended, Start, mode, program};
use crate::support::deployment::{folder, full, gateway, registry};
use crate::support::tls::Authority;

/// Plenty on a busy machine; a start that waits for something takes longer.
const AT_ONCE: Duration = Duration::from_secs(1);

fn refused(what: &str, start: Start, reasons: &[&str]) -> Ended {
    let ended = start.run();
    assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
    for reason in reasons {
        assert!(
            ended.err.contains(reason),
            "{what}: {reason:?} is not said: {ended:?}"
        );
    }
    assert!(ended.took < AT_ONCE, "{what}: took {:?}", ended.took);
    ended
}

#[test]
fn a_taken_port_is_named_with_its_setting_within_a_second() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, modes) in [
        ("REGISTRY_BIND", &["full", "registry"][..]),
        ("GATEWAY_HTTP_BIND", &["full", "gateway"]),
        ("GATEWAY_HTTPS_BIND", &["full", "gateway"]),
        ("OPS_BIND", &["full", "registry", "gateway"]),
    ] {
        for mode_name in modes {
            let data = folder();
            // Certificates are made before, so that the second is not spent on keys.
            let authority = Authority::new(&data.path().join("ssl"));
            authority.issue();
            let start = mode(mode_name, data.path())
                .env("SSL_ENABLED", "true")
                .env("SSL_CERTFILE", &authority.cert)
                .env("SSL_KEYFILE", &authority.key)
                .env(name, &address);
            refused(
                &format!("{mode_name} {name}"),
                start,
                &[&address, name, "taken"],
            );
        }
    }
}

#[test]
fn a_port_without_the_right_to_it_is_said_to_be_one() {
    let first: u16 = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    if first <= 1 {
        println!("skipped: this machine lets everybody listen at port 1");
        return;
    }
    let data = folder();
    let binary = env!("CARGO_BIN_EXE_mcp");
    let start = if rustix::process::geteuid().is_root() {
        program("setpriv")
            .arg("--bounding-set=-net_bind_service")
            .arg(binary)
    } else {
        program(binary)
    };
    let start = start
        .arg("--mode")
        .arg("gateway")
        .env("DATA_DIR", data.path())
        .env("OPS_BIND", "127.0.0.1:0")
        .env("GATEWAY_HTTP_BIND", "127.0.0.1:1");
    refused(
        "port 1",
        start,
        &[
            "127.0.0.1:1",
            "GATEWAY_HTTP_BIND",
            "not permitted",
            "CAP_NET_BIND_SERVICE",
        ],
    );
}

#[test]
fn tls_with_a_file_that_is_missing_broken_or_of_another_key_stops_the_start() {
    let folder = folder();
    let ours = Authority::new(&folder.path().join("ours"));
    ours.issue();
    let theirs = Authority::new(&folder.path().join("theirs"));
    theirs.issue();
    let absent = folder.path().join("absent.pem");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "not a certificate").unwrap();
    for mode_name in ["full", "registry", "gateway"] {
        for (what, cert, key, named) in [
            ("no certificate", &absent, &ours.key, &absent),
            ("no key", &ours.cert, &absent, &absent),
            ("broken certificate", &garbage, &ours.key, &garbage),
            ("broken key", &ours.cert, &garbage, &garbage),
            ("another key", &ours.cert, &theirs.key, &theirs.key),
        ] {
            let start = mode(mode_name, &folder.path().join("data"))
                .env("SSL_ENABLED", "true")
                .env("SSL_CERTFILE", cert)
                .env("SSL_KEYFILE", key);
            refused(
                &format!("{mode_name}, {what}"),
                start,
                &[&named.display().to_string()],
            );
        }
    }
}

#[test]
fn a_second_registry_on_the_same_data_directory_refuses() {
    let data = folder();
    let first = registry(data.path()).spawn();
    let at = first.ready(data.path());
    for (what, start) in [
        ("registry", registry(data.path())),
        ("full", full(data.path())),
    ] {
        refused(what, start, &[&data.path().display().to_string()]);
    }
    // The first is unharmed, and what it wrote about itself still holds.
    assert_eq!(first.ready(data.path()).ops, at.ops);
    first.stop();
    let again = registry(data.path()).spawn();
    again.ready(data.path());
    again.stop();
}

#[test]
fn listening_beyond_loopback_needs_a_secret_of_the_operator() {
    let data = folder();
    let start = mode("registry", data.path())
        .env("REGISTRY_BIND", "0.0.0.0:0")
        .run();
    assert!(matches!(start.code, Some(1 | 2)), "{start:?}");
    assert!(start.err.contains("ADMIN_PASSWORD"), "{start:?}");
    let start = mode("gateway", data.path())
        .env("GATEWAY_HTTP_BIND", "0.0.0.0:0")
        .run();
    assert!(matches!(start.code, Some(1 | 2)), "{start:?}");
    assert!(start.err.contains("REGISTRY_API_TOKEN"), "{start:?}");
    let with = gateway(data.path(), "http://127.0.0.1:9/api/servers")
        .env("GATEWAY_HTTP_BIND", "0.0.0.0:0")
        .spawn();
    with.listening(data.path());
    with.stop();
}
