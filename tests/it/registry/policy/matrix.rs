//! Every operation of the description × every kind of caller × every kind of server, from what the
//! description says under `x-mcp-policy`.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::put;
use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;
use crate::support::call::Call;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Shows nothing.
    Nobody,
    /// A token without any scope of use.
    Plain,
    /// Sees every server, may do nothing with them.
    Lister,
    /// May do everything with its own servers.
    Owner,
    /// Sees everything, may enable and disable its own servers.
    Toggler,
    /// Uses tools, has no permission.
    ToolUser,
    Admin,
    Gateway,
}

const ROLES: [Role; 8] = [
    Role::Nobody,
    Role::Plain,
    Role::Lister,
    Role::Owner,
    Role::Toggler,
    Role::ToolUser,
    Role::Admin,
    Role::Gateway,
];

/// A server by what should not, and what should, make a difference.
#[derive(Clone, Debug)]
struct Object {
    id: String,
    enabled: bool,
    public: bool,
}

fn objects() -> Vec<Object> {
    let mut all = Vec::new();
    for place in ["own", "other", "open"] {
        for enabled in [true, false] {
            for public in [true, false] {
                let id = format!("{place}/{enabled}-{public}");
                all.push(Object {
                    id,
                    enabled,
                    public,
                });
            }
        }
    }
    all
}

impl Object {
    fn is_in(&self, place: &str) -> bool {
        self.id.starts_with(place)
    }
}

const ALL: [&str; 6] = [
    "list_service",
    "register_service",
    "modify_service",
    "toggle_service",
    "delete_service",
    "health_check_service",
];

/// What the policy of [`policy`] gives to a role at a server.
fn permissions(role: Role, object: &Object, anonymous: bool) -> Vec<&'static str> {
    match role {
        Role::Nobody if anonymous && object.is_in("open") => vec!["list_service"],
        Role::Owner if object.is_in("own") => ALL.to_vec(),
        Role::Toggler if object.is_in("own") => vec!["list_service", "toggle_service"],
        Role::Lister | Role::Toggler => vec!["list_service"],
        Role::Admin => ALL.to_vec(),
        Role::Nobody | Role::Plain | Role::Owner | Role::ToolUser | Role::Gateway => vec![],
    }
}

fn policy(anonymous: bool) -> Value {
    let ids = |place: &str| -> Vec<String> {
        let mine = objects().into_iter().filter(|one| one.is_in(place));
        mine.map(|one| one.id).collect()
    };
    let own: BTreeMap<&str, Vec<String>> = ALL.iter().map(|name| (*name, ids("own"))).collect();
    let everything = json!([{ "servers": ["*"], "methods": ["*"], "tools": ["*"] }]);
    let open: &[&str] = if anonymous { &["open"] } else { &[] };
    json!({
        "scopes": {
            "plain": {},
            "lister": { "ui_permissions": { "list_service": ["*"] } },
            "owner": { "ui_permissions": own },
            "toggler": { "ui_permissions": { "list_service": ["*"], "toggle_service": ids("own") } },
            "tool-user": { "servers": everything },
            "open": { "ui_permissions": { "list_service": ids("open") } },
        },
        "group_mappings": { "anonymous": open },
    })
}

struct World {
    app: TestApp,
    tokens: BTreeMap<&'static str, String>,
    anonymous: bool,
}

impl World {
    async fn new(anonymous: bool) -> Self {
        let app = TestApp::start().await;
        let admin = app.token().await;
        for object in objects() {
            let body = json!({
                "path": object.id, "server_name": "S", "port": 1,
                "enabled": object.enabled, "public": object.public,
            });
            app.add(&admin, &body).await;
        }
        let reply = put(&app, &admin, &policy(anonymous)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut tokens = BTreeMap::from([("admin", admin)]);
        for scope in ["plain", "lister", "owner", "toggler", "tool-user"] {
            tokens.insert(scope, app.token_with(&[scope]).await);
        }
        Self {
            app,
            tokens,
            anonymous,
        }
    }

    fn by(&self, role: Role, call: Call) -> Call {
        let name = match role {
            Role::Nobody => return call,
            Role::Gateway => return call.bearer(GATEWAY_TOKEN),
            Role::Plain => "plain",
            Role::Lister => "lister",
            Role::Owner => "owner",
            Role::Toggler => "toggler",
            Role::ToolUser => "tool-user",
            Role::Admin => "admin",
        };
        call.bearer(&self.tokens[name])
    }

    /// What the policy says of an operation on a server, or on none.
    fn expected(&self, operation: &Operation, role: Role, object: Option<&Object>) -> Expected {
        let callers = &operation.callers;
        if callers.contains("anybody") {
            return Expected::LetIn;
        }
        let anonymous = callers.contains("anonymous") && self.anonymous;
        match role {
            Role::Nobody if !anonymous => return Expected::Status(401),
            Role::Gateway if callers.contains("gateway") => return Expected::LetIn,
            Role::Gateway => return Expected::Status(403),
            _ => {}
        }
        if !callers.contains("user") {
            let let_in = callers.contains("admin") && role == Role::Admin;
            return if let_in {
                Expected::LetIn
            } else {
                Expected::Status(403)
            };
        }
        let Some(object) = object else {
            return Expected::LetIn;
        };
        let held = permissions(role, object, self.anonymous);
        if operation
            .permissions
            .iter()
            .any(|one| held.contains(&one.as_str()))
        {
            Expected::LetIn
        } else if operation.is_on_a_server() && !held.contains(&"list_service") {
            Expected::Status(404)
        } else {
            Expected::Status(403)
        }
    }
}

#[derive(Debug)]
enum Expected {
    LetIn,
    Status(u16),
}

/// One operation of the description.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    callers: BTreeSet<String>,
    permissions: BTreeSet<String>,
}

impl Operation {
    fn all() -> Vec<Self> {
        let description = serde_json::to_value(mcp::registry::api::openapi()).unwrap();
        let paths = description["paths"].as_object().unwrap();
        let of = |(path, method, operation): (&String, &String, &Value)| {
            let policy = &operation["x-mcp-policy"];
            let words = |name: &str| -> BTreeSet<String> {
                let list = policy[name].as_array();
                let list = list.unwrap_or_else(|| panic!("{method} {path} declares no policy"));
                list.iter()
                    .map(|one| one.as_str().unwrap().to_owned())
                    .collect()
            };
            let operation = Self {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                callers: words("callers"),
                permissions: words("permissions"),
            };
            assert!(!operation.callers.is_empty(), "{method} {path}");
            operation
        };
        paths
            .iter()
            .flat_map(|(path, item)| {
                let operations = item.as_object().unwrap().iter();
                operations.map(move |(method, operation)| (path, method, operation))
            })
            .map(of)
            .collect()
    }

    fn is_on_a_server(&self) -> bool {
        self.path.starts_with("/api/servers/{id}")
    }

    fn registers(&self) -> bool {
        self.method == Method::POST && self.path == "/api/servers"
    }

    /// A request that changes nothing even where it is let in.
    fn call(&self, app: &TestApp, object: Option<&Object>) -> Call {
        let id = object.map_or("none", |object| object.id.as_str());
        let target = self.path.replace("{id}", id).replace("{name}", id);
        let call = app.call(self.method.clone(), &target);
        if self.method == Method::GET || self.method == Method::DELETE {
            return call.header("if-match", "\"never\"");
        }
        let body = if self.registers() {
            json!({"path": id, "server_name": "S", "port": 1, "enabled": false})
        } else {
            json!({"never": "a field"})
        };
        call.header("if-match", "\"never\"").json(&body)
    }
}

#[test]
fn every_operation_declares_a_policy_that_fits_its_security() {
    let description = serde_json::to_value(mcp::registry::api::openapi()).unwrap();
    for operation in Operation::all() {
        let method = operation.method.as_str().to_lowercase();
        let written = &description["paths"][&operation.path][method];
        let is_open = written["security"] == json!([{}]);
        assert_eq!(
            operation.callers.contains("anybody"),
            is_open,
            "{operation:?}"
        );
        let known = ["anybody", "anonymous", "user", "self", "admin", "gateway"];
        assert!(
            operation
                .callers
                .iter()
                .all(|one| known.contains(&one.as_str()))
        );
        assert!(
            operation
                .permissions
                .iter()
                .all(|one| ALL.contains(&one.as_str()))
        );
        assert!(
            !operation.is_on_a_server() || !operation.permissions.is_empty(),
            "{operation:?} says nothing of its server"
        );
    }
}

async fn every_operation_lets_in_exactly_whom_it_declares(anonymous: bool) {
    let world = World::new(anonymous).await;
    let objects = objects();
    let mut asked = 0;
    for operation in Operation::all() {
        let of_a_server = operation.is_on_a_server() || operation.registers();
        let objects: Vec<Option<&Object>> = if of_a_server {
            objects.iter().map(Some).collect()
        } else {
            vec![None]
        };
        for role in ROLES {
            for object in &objects {
                let call = world.by(role, operation.call(&world.app, *object));
                // The watch never ends.
                let (status, _, _) = call.stream().await;
                let expected = world.expected(&operation, role, *object);
                let told = || format!("{operation:?} by {role:?} on {object:?}: {status}");
                match expected {
                    Expected::LetIn => {
                        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                        assert!(
                            !refused.contains(&status) && !status.is_server_error(),
                            "{}",
                            told()
                        );
                        assert!(!of_a_server || status != 404, "{}", told());
                    }
                    Expected::Status(code) => assert_eq!(status, code, "{}", told()),
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
    // Nothing of all that has changed anything.
    let policy = world.app.get("/api/policy").bearer(&world.tokens["admin"]);
    assert_eq!(policy.send().await.json()["version"], 1);
    let list = world
        .app
        .get("/api/servers")
        .bearer(GATEWAY_TOKEN)
        .send()
        .await;
    assert_eq!(list.json().as_object().unwrap().len(), objects.len());
}

#[tokio::test]
async fn every_operation_lets_in_exactly_whom_it_declares_with_nothing_open() {
    every_operation_lets_in_exactly_whom_it_declares(false).await;
}

#[tokio::test]
async fn every_operation_lets_in_exactly_whom_it_declares_with_something_open() {
    every_operation_lets_in_exactly_whom_it_declares(true).await;
}

#[tokio::test]
async fn a_list_holds_exactly_what_its_reader_may_see() {
    for anonymous in [false, true] {
        let world = World::new(anonymous).await;
        for role in ROLES {
            if role == Role::Nobody && !anonymous {
                continue;
            }
            let visible: BTreeSet<String> = objects()
                .iter()
                .filter(|object| {
                    role == Role::Gateway
                        || permissions(role, object, anonymous).contains(&"list_service")
                })
                .map(|object| format!("/{}", object.id))
                .collect();
            for target in [
                "/api/servers",
                "/api/servers?query=true",
                "/api/servers?limit=2",
            ] {
                let mut seen = BTreeSet::new();
                let mut next = Some(target.to_owned());
                while let Some(target) = next.take() {
                    let reply = world.by(role, world.app.get(&target)).send().await;
                    assert_eq!(reply.status, 200, "{target} by {role:?}: {reply:?}");
                    seen.extend(reply.json().as_object().unwrap().keys().cloned());
                    let link = reply.headers.get("link").map(|link| link.to_str().unwrap());
                    next = link.map(|link| {
                        let (target, _) = link.split_once('>').unwrap();
                        target.trim_start_matches('<').to_owned()
                    });
                }
                let expected: BTreeSet<String> = visible
                    .iter()
                    .filter(|path| !target.contains("query") || path.contains("true"))
                    .cloned()
                    .collect();
                assert_eq!(seen, expected, "{target} by {role:?}");
            }
            if matches!(role, Role::Gateway | Role::Nobody) {
                continue;
            }
            let feed = world
                .by(role, world.app.get("/ws/health_status"))
                .send()
                .await;
            let seen: BTreeSet<String> = feed.json().as_object().unwrap().keys().cloned().collect();
            assert_eq!(seen, visible, "{role:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_absent_for_everybody() {
    let world = World::new(true).await;
    for role in ROLES {
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let call = world.app.call(method.clone(), "/api/servers/never/there");
            let status = world.by(role, call.json(&json!({}))).send().await.status;
            let expected = match role {
                Role::Gateway => 403,
                Role::Nobody if method != Method::GET => 401,
                _ => 404,
            };
            assert_eq!(status, expected, "{method} by {role:?}");
        }
    }
}
