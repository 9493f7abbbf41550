//! The commands that speak to a registry, as people type them.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::child::{Ended, Listeners, Process, mcp};
use crate::support::deployment::{Example, PASSWORD, Pair, folder, full, status, until_status};
use crate::support::until;

/// Somebody with a home of their own.
struct Person {
    home: TempDir,
}

impl Person {
    fn new() -> Self {
        Self { home: folder() }
    }

    /// Runs a command with this on its standard input.
    fn types(&self, args: &[&str], input: &str) -> Ended {
        let file = self.home.path().join("input");
        std::fs::write(&file, input).unwrap();
        mcp(args)
            .env("HOME", self.home.path())
            .stdin(std::fs::File::open(file).unwrap())
            .run()
    }

    /// The same, which must succeed; what it printed.
    fn says(&self, args: &[&str]) -> String {
        self.says_with(args, "")
    }

    fn says_with(&self, args: &[&str], input: &str) -> String {
        let ended = self.types(args, input);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.out
    }

    fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.says(&args)).unwrap()
    }

    fn login(&self, url: &str) -> String {
        let args = ["login", url, "--user", "admin", "--password-stdin"];
        self.says_with(&args, &format!("{PASSWORD}\n"))
    }
}

fn running(data: &Path) -> (Process, Listeners, String) {
    let process = full(data).spawn();
    let at = process.ready(data);
    let url = format!("http://{}", at.registry.unwrap());
    (process, at, url)
}

fn refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for part in parts {
        assert!(ended.err.contains(part), "{part:?} is not said: {ended:?}");
    }
    assert!(!ended.err.contains(PASSWORD), "{ended:?}");
}

#[test]
fn a_login_is_kept_for_its_owner_only_and_used_by_the_others() {
    let data = folder();
    let (_process, _, url) = running(data.path());
    let person = Person::new();
    refused(
        &person.types(&["users", "list", "--url", &url], ""),
        2,
        &["mcp login"],
    );
    let said = person.login(&url);
    assert!(said.contains("as admin until"), "{said}");
    let kept = person.home.path().join(".config/mcp/credentials.json");
    assert!(said.contains(&kept.display().to_string()), "{said}");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    let content = std::fs::read_to_string(&kept).unwrap();
    assert!(content.contains("mcpk_") && !content.contains(PASSWORD));
    assert!(!said.contains("mcpk_"), "{said}");

    assert!(person.says(&["users", "list"]).contains("admin  built in"));
    let keys = person.json(&["token", "list"]);
    assert_eq!(keys[0]["description"], "mcp login");
    let key = keys[0]["id"].as_str().unwrap();

    // Through the gateway it is another address, and nothing was kept for that.
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o640)).unwrap();
    refused(&person.types(&["users", "list"], ""), 1, &["chmod 600"]);
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600)).unwrap();

    person.says(&["logout"]);
    assert!(!std::fs::read_to_string(&kept).unwrap().contains("mcpk_"));
    refused(&person.types(&["logout"], ""), 2, &["not logged in"]);
    let other = Person::new();
    other.login(&url);
    let keys = other.json(&["token", "list"]);
    let revoked = keys.as_array().unwrap().iter().find(|one| one["id"] == key);
    assert_eq!(revoked.unwrap()["revoked"], true, "{keys}");
}

#[test]
fn a_login_that_fails_says_why_and_keeps_nothing() {
    let data = folder();
    let (_process, at, url) = running(data.path());
    let person = Person::new();
    let login = |url: &str, input: &str| {
        person.types(
            &["login", url, "--user", "admin", "--password-stdin"],
            input,
        )
    };
    refused(
        &login(&url, "wrong\n"),
        1,
        &["user name or password is wrong"],
    );
    refused(&login(&url, ""), 2, &["nothing on standard input"]);
    refused(&login("ftp://x", "x\n"), 2, &["http://HOST:PORT"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    refused(&login(&nobody, "x\n"), 1, &["cannot reach", &nobody]);
    let ops = format!("http://{}", at.ops);
    refused(&login(&ops, "x\n"), 1, &["not as a registry does"]);
    refused(
        &person.types(&["login", &url], ""),
        2,
        &["User at", "--password-stdin"],
    );
    refused(
        &person.types(&["login", &url, "--token-stdin"], "mcpk_no_such_key\n"),
        1,
        &["bearer token is not valid"],
    );
    assert!(!person.home.path().join(".config").exists());
    // A gateway in front will do as well.
    person.login(&format!("http://{}", at.http.unwrap()));
    assert!(person.says(&["users", "list"]).contains("built in"));
}

#[test]
fn users_are_managed_and_every_mistake_is_named() {
    let data = folder();
    let (_process, _, url) = running(data.path());
    let admin = Person::new();
    admin.login(&url);
    let add = [
        "users",
        "add",
        "ann",
        "--group",
        "staff",
        "--password-stdin",
    ];
    refused(
        &admin.types(&add, "short\n"),
        1,
        &["/password: must be a text of 12"],
    );
    let said = admin.says_with(&add, "a dozen letters at least\n");
    assert!(said.contains("ann   enabled  staff"), "{said}");
    refused(
        &admin.types(&add, "a dozen letters at least\n"),
        1,
        &["is taken"],
    );
    refused(
        &admin.types(&["users", "set", "ann"], ""),
        2,
        &["nothing to change"],
    );
    refused(
        &admin.types(&["users", "set", "nobody", "--disable"], ""),
        1,
        &["there is no user \"nobody\"", "request "],
    );

    let ann = Person::new();
    let login = ["login", &url, "--user", "ann", "--password-stdin"];
    ann.says_with(&login, "a dozen letters at least\n");
    refused(
        &ann.types(&["users", "list"], ""),
        1,
        &["none of your scopes"],
    );
    let changed = admin.json(&["users", "set", "ann", "--disable", "--no-groups"]);
    assert_eq!(
        (&changed["disabled"], &changed["groups"]),
        (&json!(true), &json!([]))
    );
    refused(
        &ann.types(&["token", "list"], ""),
        1,
        &["log in with `mcp login`"],
    );
    assert!(
        admin
            .says(&["users", "remove", "ann"])
            .contains("removed ann")
    );
    assert_eq!(admin.json(&["users", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_server_goes_from_one_registry_to_another() {
    let example = Example::start();
    let data = folder();
    let (_process, at, url) = running(data.path());
    let person = Person::new();
    person.login(&url);
    let to = format!("http://{}/", example.address);
    let said = person.says(&["servers", "add", "/time", &to, "--tag", "clock"]);
    assert!(said.contains("/time  enabled"), "{said}");
    refused(
        &person.types(&["servers", "add", "/time", &to], ""),
        1,
        &["cannot add /time", "already a server"],
    );
    refused(
        &person.types(&["servers", "get", "/none"], ""),
        1,
        &["no server at /none"],
    );
    refused(&person.types(&["servers", "add", "/x"], ""), 2, &["<URL>"]);

    let key = person.says(&["token", "create", "--kind", "api-key", "--hours", "2"]);
    let front = at.http.unwrap();
    assert_eq!(status(front, "/time/mcp", Some(key.trim())), 200);
    person.says(&["servers", "disable", "time"]);
    assert_eq!(status(front, "/time/mcp", Some(key.trim())), 404);
    assert_eq!(person.json(&["servers", "get", "/time"])["enabled"], false);
    person.says(&["servers", "enable", "/time"]);

    let export = person.says(&["servers", "export"]);
    person.says(&["servers", "remove", "/time"]);
    assert!(!person.says(&["servers", "list"]).contains("/time"));
    let said = person.says_with(&["servers", "add", "--file", "-"], &export);
    assert!(said.contains("/time"), "{said}");
    let found = person.says(&["servers", "list", "--tag", "clock"]);
    assert!(found.contains(&to), "{found}");
}

#[test]
fn service_accounts_get_keys_with_their_own_rights() {
    let data = folder();
    let (_process, _, url) = running(data.path());
    let person = Person::new();
    person.login(&url);
    let facts = ["--scope", "mcp-registry-admin", "--description", "deploys"];
    person.says(&[&["service-accounts", "add", "bot"][..], &facts].concat());
    let create = [
        "token",
        "create",
        "--kind",
        "api-key",
        "--service-account",
        "bot",
    ];
    let key = person.says(&create);
    let as_bot = |args: &[&str]| {
        mcp(args)
            .env("HOME", person.home.path())
            .env("MCP_URL", &url)
            .env("MCP_TOKEN", key.trim())
            .run()
    };
    assert_eq!(as_bot(&["users", "list"]).code, Some(0));
    person.says(&["service-accounts", "set", "bot", "--no-scopes"]);
    refused(&as_bot(&["users", "list"]), 1, &["none of your scopes"]);
    let listed = person.says(&["token", "list", "--service-account", "bot"]);
    let id = listed.lines().nth(1).unwrap().split(' ').next().unwrap();
    person.says(&["token", "revoke", id]);
    refused(&as_bot(&["token", "list"]), 1, &["not valid, or no longer"]);
    person.says(&["service-accounts", "remove", "bot"]);
    assert_eq!(person.json(&["service-accounts", "list"]), json!([]));
}

#[test]
fn credentials_of_gateways_are_made_listed_and_taken_out() {
    let data = folder();
    let (_process, _, url) = running(data.path());
    let person = Person::new();
    person.login(&url);
    let credential = person.says(&["gateways", "add", "nginx"]);
    assert!(credential.starts_with("mcpg_"), "{credential}");
    assert_eq!(credential.lines().count(), 1);
    let made = person.json(&["gateways", "add", "envoy", "--sends-body"]);
    assert_eq!(made["sends_body"], true);
    refused(
        &person.types(&["gateways", "add", "nginx"], ""),
        1,
        &["\"nginx\" has a credential", "choose another name"],
    );
    let said = person.says(&["gateways", "list"]);
    assert!(!said.contains("mcpg_"), "{said}");
    let listed = person.json(&["gateways", "list"]);
    let id = listed["credentials"][1]["id"].as_str().unwrap();
    assert!(said.contains(id) && said.contains("in use"), "{said}");
    person.says(&["gateways", "remove", "envoy"]);
    let said = person.says(&["gateways", "remove", id]);
    assert_eq!(said, "removed nginx\n");
    refused(
        &person.types(&["gateways", "remove", id], ""),
        1,
        &["no credential of a gateway"],
    );
    let kid = listed["identity_keys"][0]["kid"].as_str().unwrap();
    refused(
        &person.types(&["gateways", "forget", kid], ""),
        1,
        &["still reports the key", "identity-keys"],
    );
    refused(
        &person.types(&["gateways", "forget", "nothing"], ""),
        1,
        &["there is no key \"nothing\""],
    );
}

/// How soon a gateway elsewhere must have heard of it.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_gateway_elsewhere_refuses_a_key_within_a_second_of_its_end() {
    let pair = Pair::start();
    let mut private = pair.example.definition("/private");
    private["public"] = json!(false);
    pair.admin.add(&private);
    let url = format!("http://{}", pair.registry_at);
    let front: SocketAddr = pair.http();
    let person = Person::new();
    person.login(&url);
    let add = [
        "users",
        "add",
        "ann",
        "--group",
        "mcp-registry-admin",
        "--password-stdin",
    ];
    person.says_with(&add, "a dozen letters at least\n");
    let ann = Person::new();
    let login = ["login", &url, "--user", "ann", "--password-stdin"];
    ann.says_with(&login, "a dozen letters at least\n");
    let key = ann.says(&["token", "create", "--kind", "api-key"]);
    let token = ann.says(&["token", "create"]);
    for credential in [&key, &token] {
        until_status(front, "/private/mcp", Some(credential.trim()), 200);
    }
    person.says(&["users", "set", "ann", "--disable"]);
    let began = Instant::now();
    for credential in [&key, &token] {
        until_status(front, "/private/mcp", Some(credential.trim()), 401);
    }
    assert!(began.elapsed() < SOON, "took {:?}", began.elapsed());
    let file = pair.gateway_data.path().join("snapshot");
    let snapshot = std::fs::read_to_string(file).unwrap();
    let secret = key.split('_').nth(2).unwrap();
    assert!(!snapshot.contains(secret) && !snapshot.contains(token.trim()));
}

#[test]
fn a_call_is_found_in_the_audit_log_with_who_made_it() {
    let example = Example::start();
    let data = folder();
    let (_process, at, url) = running(data.path());
    let person = Person::new();
    person.login(&url);
    let to = format!("http://{}/", example.address);
    person.says(&["servers", "add", "/time", &to]);
    let key = person.says(&["token", "create", "--kind", "api-key", "--hours", "2"]);
    assert_eq!(status(at.http.unwrap(), "/time/mcp", Some(key.trim())), 200);
    let found = until("the call is told", || {
        let found = person.json(&["audit", "--kind", "access", "--server", "/time"]);
        (found["entries"] != json!([])).then_some(found)
    });
    let entry = &found["entries"][0];
    assert_eq!(entry["user"], "admin");
    assert_eq!(entry["auth_method"], "api_key");
    assert_eq!(entry["method"], "tools/call");
    assert_eq!(entry["decision"], "allow");
    let said = person.says(&["audit", "--action", "server.create"]);
    assert!(said.contains("server.create /time"), "{said}");
    let lines = person.says(&["audit", "--export"]);
    assert!(lines.lines().count() > 3, "{lines}");
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(entry["at"].is_string() && !line.contains(key.trim()));
    }
    refused(
        &person.types(&["audit", "--since", "yesterday"], ""),
        1,
        &["since", "must be a moment"],
    );
}
