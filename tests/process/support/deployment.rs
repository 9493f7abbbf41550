//! Deployments as people run them: one process, or registry and gateway apart.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::child::{Listeners, Process, Start, mcp, mode};
use super::http::{self, Connection, Reply};
use super::mcp;
use super::until;

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";
pub(crate) const GATEWAY_TOKEN: &str = "gateway-token-of-at-least-128-bit";

/// An example server.
pub(crate) struct Example {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Example {
    /// `mcp server currenttime`.
    pub(crate) fn start() -> Self {
        let process = mcp(&["server", "currenttime", "--port", "0"]).spawn();
        let address = process.line("listening on", |line| {
            line.strip_prefix("listening on http://")?.parse().ok()
        });
        Self {
            address,
            _process: process,
        }
    }

    /// As `POST /api/servers` takes it.
    pub(crate) fn definition(&self, path: &str) -> Value {
        json!({
            "server_name": path.trim_start_matches('/'),
            "path": path,
            "proxy_pass_url": format!("http://{}/", self.address),
        })
    }
}

/// A folder for each process.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("mcp-process-")
        .tempdir()
        .unwrap()
}

/// `--mode full` with its folder.
pub(crate) fn full(data: &Path) -> Start {
    mode("full", data).env("ADMIN_PASSWORD", PASSWORD)
}

/// `--mode registry`.
pub(crate) fn registry(data: &Path) -> Start {
    mode("registry", data)
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("REGISTRY_API_TOKEN", GATEWAY_TOKEN)
}

/// `--mode gateway` that follows the registry at `url`.
pub(crate) fn gateway(data: &Path, url: &str) -> Start {
    mode("gateway", data)
        .env("REGISTRY_API_URL", url)
        .env("REGISTRY_API_TOKEN", GATEWAY_TOKEN)
}

/// `REGISTRY_API_URL` of the registry at this address.
pub(crate) fn api_url(registry: SocketAddr) -> String {
    format!("http://{registry}/api/servers")
}

/// The API as the administrator.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) at: SocketAddr,
    pub(crate) token: String,
}

impl Admin {
    /// Logs in and makes a token.
    pub(crate) fn login(at: SocketAddr) -> Self {
        let body = json!({"username": "admin", "password": PASSWORD}).to_string();
        let json = ("content-type", "application/json");
        let reply = http::call(at, "POST", "/api/auth/login", &[json], body.as_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let origin = format!("http://{at}");
        let headers = [
            json,
            ("cookie", cookie.as_str()),
            ("origin", origin.as_str()),
        ];
        let reply = http::call(at, "POST", "/api/tokens/generate", &headers, b"{}").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let token = reply.json()["tokens"]["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        Self { at, token }
    }

    /// One call; an error is one of the connection.
    pub(crate) fn call(&self, method: &str, target: &str, body: &Value) -> std::io::Result<Reply> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        http::call(self.at, method, target, &headers, body.as_bytes())
    }

    /// One call that must succeed.
    pub(crate) fn ok(&self, method: &str, target: &str, body: &Value) -> Reply {
        let reply = self.call(method, target, body).unwrap();
        assert!(
            (200..300).contains(&reply.status),
            "{method} {target}: {} {}",
            reply.status,
            reply.text()
        );
        reply
    }

    pub(crate) fn add(&self, definition: &Value) {
        self.ok("POST", "/api/servers", definition);
    }

    pub(crate) fn enable(&self, id: &str, enabled: bool) {
        self.ok(
            "PATCH",
            &format!("/api/servers/{id}"),
            &json!({ "enabled": enabled }),
        );
    }
}

/// The status of one tool call at a plain front door.
pub(crate) fn status(front: SocketAddr, path: &str, token: Option<&str>) -> u16 {
    let mut connection = Connection::open(front).unwrap();
    mcp::tool_call(&mut connection, path, token).unwrap().status
}

/// Waits until a tool call is answered with `wanted`.
pub(crate) fn until_status(front: SocketAddr, path: &str, token: Option<&str>, wanted: u16) {
    until(&format!("{path} answers {wanted}"), || {
        (status(front, path, token) == wanted).then_some(())
    });
}

/// Registry and gateway, each a process, and one example server.
pub(crate) struct Pair {
    pub(crate) example: Example,
    pub(crate) registry: Process,
    pub(crate) registry_data: TempDir,
    pub(crate) registry_at: SocketAddr,
    pub(crate) gateway: Process,
    pub(crate) gateway_data: TempDir,
    pub(crate) front: Listeners,
    pub(crate) admin: Admin,
}

impl Pair {
    /// Both ready; the example is at `/currenttime` and open to everyone.
    pub(crate) fn start() -> Self {
        Self::start_with(|gateway, _| gateway)
    }

    /// The same, with the gateway's settings changed.
    pub(crate) fn start_with(change: impl FnOnce(Start, SocketAddr) -> Start) -> Self {
        let example = Example::start();
        let (registry_data, gateway_data) = (folder(), folder());
        let registry = registry(registry_data.path()).spawn();
        let registry_at = registry.ready(registry_data.path()).registry.unwrap();
        let admin = Admin::login(registry_at);
        let mut definition = example.definition("/currenttime");
        definition["public"] = json!(true);
        admin.add(&definition);
        let start = gateway(gateway_data.path(), &api_url(registry_at));
        let gateway = change(start, registry_at).spawn();
        let front = gateway.ready(gateway_data.path());
        Self {
            example,
            registry,
            registry_data,
            registry_at,
            gateway,
            gateway_data,
            front,
            admin,
        }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.front.http.unwrap()
    }
}

/// The CA of the certificates that a process made for itself.
pub(crate) fn dev_ca(data: &Path) -> PathBuf {
    data.join("ssl/dev/ca.pem")
}

/// The revision that a snapshot asked for with the gateway's token carries.
pub(crate) fn revision(registry: SocketAddr) -> u64 {
    let bearer = format!("Bearer {GATEWAY_TOKEN}");
    let mut connection = Connection::open(registry).unwrap();
    connection
        .send(
            "GET",
            "/api/gateway/watch",
            &[("authorization", &bearer), ("accept-encoding", "identity")],
            &[],
        )
        .unwrap();
    let head = connection.head().unwrap();
    assert_eq!(head.status, 200);
    let first = connection.chunk().unwrap().unwrap();
    let line = String::from_utf8(first).unwrap();
    let value: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    find_revision(&value).unwrap_or_else(|| panic!("no revision: {value}"))
}

fn find_revision(value: &Value) -> Option<u64> {
    value["revision"]
        .as_u64()
        .or_else(|| value.as_object()?.values().find_map(find_revision))
}
