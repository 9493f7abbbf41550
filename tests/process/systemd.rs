//! The service manager's side: sockets passed in, and being told.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use crate::support::PATIENCE;
use crate::support::child::{Start, mode, program};
use crate::support::deployment::{PASSWORD, folder};
use crate::support::http::{Connection, get};

/// Starts `mcp` with this socket as descriptor 3, as systemd does: `LISTEN_PID` is the process' own.
fn with_socket(listener: TcpListener, name: &str) -> Start {
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
    program("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_mcp"))
        .arg("--mode")
        .arg("gateway")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", name)
        .env("OPS_BIND", "127.0.0.1:0")
        .env("REGISTRY_API_URL", "http://127.0.0.1:9/api/servers")
}

#[test]
fn a_socket_from_systemd_is_used_and_survives_a_restart_without_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let data = folder();
    let passed = listener.try_clone().unwrap();
    let first = with_socket(passed, "gateway_http")
        .env("DATA_DIR", data.path())
        .spawn();
    assert_eq!(first.listening(data.path()).http, Some(address));
    assert_eq!(get(address, "/health").unwrap().text(), "OK");
    first.stop();
    // Nobody accepts now, and still nobody is refused: the connection waits for the next process.
    let mut waiting = Connection::open(address).unwrap();
    waiting.send("GET", "/health", &[], &[]).unwrap();
    let second = with_socket(listener, "gateway_http")
        .env("DATA_DIR", data.path())
        .spawn();
    assert_eq!(waiting.reply().unwrap().text(), "OK");
    second.stop();
}

#[test]
fn a_socket_that_fits_no_listener_is_named_in_a_warning() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let data = folder();
    let process = with_socket(listener, "gopher")
        .env("DATA_DIR", data.path())
        .env("GATEWAY_HTTP_BIND", "127.0.0.1:0")
        .spawn();
    assert_ne!(process.listening(data.path()).http, Some(address));
    let warning = process.says("fits no listener");
    assert!(
        warning.contains("gopher") && warning.contains(&address.to_string()),
        "{warning}"
    );
    process.stop();
}

#[test]
fn the_service_manager_is_told_of_readiness_and_of_the_stop() {
    let folder = folder();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let data = folder.path().join("data");
    let process = mode("full", &data)
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("NOTIFY_SOCKET", &path)
        .spawn();
    let hear = || {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).expect("a word from the process");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let said = hear();
    assert!(said.lines().any(|line| line == "READY=1"), "{said}");
    // Told only when it serves.
    let at = process.listening(&data);
    assert_eq!(get(at.http.unwrap(), "/health").unwrap().status, 200);
    assert_eq!(get(at.ops, "/ready").unwrap().status, 200);
    process.terminate();
    let said = hear();
    assert!(said.lines().any(|line| line == "STOPPING=1"), "{said}");
    let (status, said) = process.end();
    assert!(status.success(), "{said}");
}
