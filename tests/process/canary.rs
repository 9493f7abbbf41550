//! Secrets that go into the running product at every place never come out of it: not in logs at the
//! finest level, refusals, answers, metrics, the stored snapshot, the database or the shown settings.

use std::net::SocketAddr;
use std::path::Path;

use aws_lc_rs::rand;
use serde_json::{Value, json};

use crate::support::child::{Process, Start, mcp, mode};
use crate::support::deployment::{api_url, folder};
use crate::support::http::{self, Connection, Reply};
use crate::support::until;
use crate::support::upstream::Upstream;

/// What must not come out, each with the place that it went into.
#[derive(Default)]
struct Canaries(Vec<(String, String)>);

impl Canaries {
    /// A new secret that is nowhere else.
    fn make(&mut self, place: &str) -> String {
        let mut bytes = [0_u8; 16];
        rand::fill(&mut bytes).unwrap();
        let secret = format!("cnry{:032x}", u128::from_be_bytes(bytes));
        self.0.push((place.to_owned(), secret.clone()));
        secret
    }

    /// One that the product made itself.
    fn add(&mut self, place: &str, secret: &str) {
        assert!(secret.len() >= 20, "{place}: {secret}");
        self.0.push((place.to_owned(), secret.to_owned()));
    }

    /// Which of them are in `out`, in the clear or in what hides nothing.
    fn found_in(&self, out: &str, bytes: &[u8]) -> Vec<String> {
        use base64::Engine as _;
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD_NO_PAD.encode(text);
        assert!(!bytes.is_empty(), "{out} is empty");
        let holds = |form: &str| {
            let form = form.as_bytes();
            bytes.windows(form.len()).any(|window| window == form)
        };
        let found = |(_, secret): &&(String, String)| holds(secret) || holds(&base64(secret));
        let found = self.0.iter().filter(found);
        found
            .map(|(place, _)| format!("{out} holds what went in as {place}"))
            .collect()
    }
}

/// What clients were told, but for what is shown once on purpose.
#[derive(Default)]
struct Told(Vec<u8>);

impl Told {
    fn keep(&mut self, reply: &Reply) {
        self.0.extend(format!("{:?}", reply.headers).into_bytes());
        self.0.extend(&reply.body);
    }
}

struct Scene {
    registry_at: SocketAddr,
    front: SocketAddr,
    canaries: Canaries,
    told: Told,
}

impl Scene {
    fn ask(
        &mut self,
        at: SocketAddr,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let reply = http::call(at, method, target, fields, body.as_bytes()).unwrap();
        self.told.keep(&reply);
        reply
    }

    /// What is shown once: a session or a token, which becomes a canary itself.
    fn make(&mut self, target: &str, fields: &[(&str, &str)], body: &Value) -> Reply {
        let fields = [&[JSON], fields].concat();
        let body = body.to_string();
        let reply = http::call(self.registry_at, "POST", target, &fields, body.as_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// A user with this password: session, access token and API key.
    fn credentials(&mut self, user: &str, password: &str) -> [String; 3] {
        let reply = self.make(
            "/api/auth/login",
            &[],
            &json!({"username": user, "password": password}),
        );
        let cookie = reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let (_, session) = cookie.split_once('=').unwrap();
        self.canaries.add("a session", session);
        let csrf = reply.json()["csrf_token"].as_str().unwrap().to_owned();
        self.canaries.add("a CSRF token", &csrf);
        let own = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
        let [token, key] = ["user_token", "api_key"].map(|kind| {
            let body = if kind == "api_key" {
                json!({"kind": kind})
            } else {
                json!({})
            };
            let made = self.make("/api/tokens/generate", &own, &body).json();
            made["tokens"]["access_token"].as_str().unwrap().to_owned()
        });
        self.canaries.add("a token", &token);
        self.canaries
            .add("an API key's secret", key.split('_').nth(2).unwrap());
        [cookie, token, key]
    }

    /// Wrong credentials at every place, at registry and gateway.
    fn refused(&mut self) {
        for at in [self.registry_at, self.front] {
            let wrong = self.canaries.make("a wrong password");
            let name = self.canaries.make("a password typed as the name");
            for (name, password) in [("admin", wrong.as_str()), (&name, "anything of a length")] {
                let body = json!({"username": name, "password": password}).to_string();
                let reply = self.ask(at, "POST", "/api/auth/login", &[JSON], &body);
                assert_eq!(reply.status, 401);
            }
            for (field, form) in [
                ("authorization", "Bearer CNRY"),
                ("authorization", "Basic CNRY"),
                ("authorization", "CNRY"),
                ("authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.CNRY.CNRY"),
                (
                    "authorization",
                    "Bearer mcpk_0123456789abcdef_CNRY_01234567",
                ),
                ("x-authorization", "Bearer CNRY"),
                ("x-gateway-authorization", "Bearer CNRY"),
                ("cookie", "mcp_gateway_session=CNRY"),
                ("cookie", "theirs=CNRY; mcp_gateway_login=CNRY"),
                ("proxy-authorization", "Basic CNRY"),
                ("x-csrf-token", "CNRY"),
                ("mcp-session-id", "1.CNRY.CNRY"),
                ("last-event-id", "CNRY"),
                ("x-user", "CNRY"),
            ] {
                let secret = self.canaries.make(&format!("{field}: {form}"));
                let value = form.replace("CNRY", &secret);
                for target in [
                    "/private/mcp",
                    "/api/servers",
                    "/api/auth/me",
                    "/api/gateway/watch",
                ] {
                    let method = if target == "/private/mcp" {
                        "POST"
                    } else {
                        "GET"
                    };
                    self.ask(at, method, target, &[JSON, (field, &value)], CALL);
                }
            }
            for form in [
                "/private/mcp?access_token=CNRY",
                "/private/message?s=CNRY",
                "/api/servers?token=CNRY",
                "/oauth2/callback/oidc?code=CNRY&state=CNRY",
                "/oauth2/login/oidc?redirect_uri=https://evil.example/CNRY",
                "/login?error=x&code=CNRY",
                "/nothing?password=CNRY",
            ] {
                let secret = self.canaries.make(form);
                // The UI's own page gets its own query back, as a redirect.
                let keeps = !form.starts_with("/login");
                let reply =
                    http::call(at, "GET", &form.replace("CNRY", &secret), &[], b"").unwrap();
                if keeps {
                    self.told.keep(&reply);
                }
            }
            for form in [
                r#"{"jsonrpc":"2.0","id":1,"method":"CNRY"}"#,
                "CNRY",
                r#"{"logout_token":"CNRY"}"#,
                "logout_token=CNRY",
            ] {
                let secret = self.canaries.make(&format!("a body {form}"));
                let body = form.replace("CNRY", &secret);
                for target in [
                    "/private/mcp",
                    "/oauth2/backchannel-logout/oidc",
                    "/api/auth/login",
                ] {
                    for kind in ["application/json", "application/x-www-form-urlencoded"] {
                        self.ask(at, "POST", target, &[("content-type", kind)], &body);
                    }
                }
            }
        }
    }

    /// Definitions with secrets: taken, shown, changed, refused.
    fn definitions(&mut self, token: &str, upstream: &Upstream) {
        let bearer = format!("Bearer {token}");
        let own = [JSON, ("authorization", bearer.as_str())];
        let registry = self.registry_at;
        let header = self.canaries.make("a definition's header");
        let good = json!({
            "path": "/private", "server_name": "p", "headers": {"X-Api-Key": header},
            "proxy_pass_url": format!("http://{}/mcp", upstream.address),
        });
        let dead = json!({
            "path": "/dead", "server_name": "d", "headers": {"Authorization": format!("Bearer {header}")},
            "proxy_pass_url": "http://127.0.0.1:1/mcp",
        });
        for definition in [good, dead] {
            let reply = self.ask(
                registry,
                "POST",
                "/api/servers",
                &own,
                &definition.to_string(),
            );
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let mut spoiled = Vec::new();
        for (name, value) in [
            ("headers", json!({"X-Api-Key": 7, "Bad Name": "CNRY"})),
            ("headers", json!({"Host": "CNRY"})),
            ("headers", json!({"X-Key": "CNRY\r\nx: y"})),
            ("headers", json!(["CNRY"])),
            ("proxy_pass_url", json!("http://user:CNRY@127.0.0.1:1/mcp")),
            ("password", json!("CNRY")),
        ] {
            let secret = self
                .canaries
                .make(&format!("a refused definition's {name}: {value}"));
            let mut definition = json!({
                "path": "/never", "server_name": "n", "proxy_pass_url": "http://127.0.0.1:1/",
            });
            definition[name] = value;
            spoiled.push(definition.to_string().replace("CNRY", &secret));
        }
        for body in spoiled {
            let reply = self.ask(registry, "POST", "/api/servers", &own, &body);
            assert_eq!(reply.status, 422, "{body}");
            self.ask(registry, "PATCH", "/api/servers/private", &own, &body);
        }
        let changed = self.canaries.make("a changed header");
        let patch = json!({"headers": {"X-Api-Key": changed}}).to_string();
        let reply = self.ask(registry, "PATCH", "/api/servers/private", &own, &patch);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Calls that pass or fail behind the gateway, with secrets in their arguments.
    fn calls(&mut self, credentials: &[String; 3], upstream: &Upstream) {
        let [_, token, key] = credentials;
        let front = self.front;
        for credential in [token, key] {
            let bearer = format!("Bearer {credential}");
            for (target, field) in [
                ("/private/mcp", "authorization"),
                ("/dead/mcp", "x-authorization"),
            ] {
                let argument = self.canaries.make("a tool's argument");
                let theirs = self.canaries.make("a header for the server");
                let query = self.canaries.make("a query");
                let body = CALL.replace("ARGUMENT", &argument);
                let fields = [
                    JSON,
                    (field, bearer.as_str()),
                    ("x-their-key", &theirs),
                    ("cookie", &theirs),
                ];
                let target = format!("{target}?key={query}");
                let mut connection = Connection::open(front).unwrap();
                connection
                    .send("POST", &target, &fields, body.as_bytes())
                    .unwrap();
                if target.starts_with("/private") {
                    upstream.next().answer("{}");
                }
                self.told.keep(&connection.reply().unwrap());
            }
        }
    }

    /// What administrators and programs may read of it.
    fn read_all(&mut self, token: &str) {
        let bearer = format!("Bearer {token}");
        let own = [("authorization", bearer.as_str())];
        for target in [
            "/api/servers",
            "/api/servers?shape=list",
            "/api/servers/private",
            "/api/servers/dead",
            "/api/users",
            "/api/users/ann",
            "/api/tokens?all=true",
            "/api/service-accounts",
            "/api/policy",
            "/api/auth/me",
            "/api/auth/providers",
            "/api/gateways",
            "/api/audit",
            "/api/config",
            "/api/openapi.json",
            "/api/explain?user=ann&server=/private&tool=x",
            "/health",
            "/.well-known/jwks.json",
            "/.well-known/oauth-protected-resource/private/mcp",
        ] {
            for at in [self.registry_at, self.front] {
                self.ask(at, "GET", target, &own, "");
            }
        }
    }
}

/// With a secret in every setting that holds one.
fn settings(start: Start, canaries: &mut Canaries) -> (Start, Vec<(String, String)>) {
    let all: Vec<(String, String)> = [
        "ADMIN_PASSWORD",
        "SECRET_KEY",
        "OIDC_CLIENT_SECRET",
        "REGISTRY_API_TOKEN",
    ]
    .map(|name| (name.to_owned(), canaries.make(name)))
    .into();
    (start.envs(&all), all)
}

fn noisy(start: Start) -> Start {
    start
        .env("LOG_LEVEL", "trace")
        .env("OIDC_ISSUER", "http://127.0.0.1:1/realms/none")
        .env("OIDC_CLIENT_ID", "web")
}

fn read_folder(canaries: &Canaries, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_own_secret = path
            .extension()
            .is_some_and(|kind| kind == "pem" || kind == "key")
            || path
                .file_name()
                .is_some_and(|name| name == "gateway-token" || name == "secret-key");
        if path.is_dir() {
            found.extend(read_folder(canaries, &path));
        } else if !is_own_secret && path.metadata().unwrap().len() > 0 {
            found.extend(
                canaries.found_in(&path.display().to_string(), &std::fs::read(&path).unwrap()),
            );
        }
    }
    found
}

fn log_of(process: Process) -> String {
    process.terminate();
    process.end().1
}

#[test]
fn no_secret_comes_out_of_registry_and_gateway() {
    let (registry_data, gateway_data) = (folder(), folder());
    let mut canaries = Canaries::default();
    let (start, set) = settings(noisy(mode("registry", registry_data.path())), &mut canaries);
    let value = |name: &str| set.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let registry = start.spawn();
    let at = registry.ready(registry_data.path());
    let registry_at = at.registry.unwrap();
    let gateway = mode("gateway", gateway_data.path())
        .env("LOG_LEVEL", "trace")
        .env("REGISTRY_API_URL", api_url(registry_at))
        .env("REGISTRY_API_TOKEN", value("REGISTRY_API_TOKEN"))
        .spawn();
    let front = gateway.listening(gateway_data.path());
    let upstream = Upstream::new();
    let mut scene = Scene {
        registry_at,
        front: front.http.unwrap(),
        canaries,
        told: Told::default(),
    };

    let password = scene.canaries.make("a user's password");
    let [_, admin, _] = scene.credentials("admin", &value("ADMIN_PASSWORD"));
    let bearer = format!("Bearer {admin}");
    let user = json!({"username": "ann", "password": password, "groups": ["mcp-registry-admin"]})
        .to_string();
    let made = scene.ask(
        registry_at,
        "POST",
        "/api/users",
        &[JSON, ("authorization", &bearer)],
        &user,
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let ann = scene.credentials("ann", &password);
    scene.definitions(&admin, &upstream);
    until("a gateway that routes", || {
        let reply = http::call(
            front.http.unwrap(),
            "POST",
            "/dead/mcp",
            &[JSON],
            CALL.as_bytes(),
        )
        .ok()?;
        (reply.status == 401).then_some(())
    });
    scene.refused();
    scene.calls(&ann, &upstream);
    scene.read_all(&admin);
    let Scene { canaries, told, .. } = scene;

    let all: String = canaries
        .0
        .iter()
        .map(|(_, secret)| secret.as_str())
        .collect();
    let control = canaries.found_in("the list of them", all.as_bytes());
    assert_eq!(control.len(), canaries.0.len());
    let mut found = canaries.found_in("an answer", &told.0);
    for ops in [at.ops, front.ops] {
        let metrics = http::get(ops, "/metrics").unwrap();
        found.extend(canaries.found_in("the metrics", &metrics.body));
    }
    until("a stored snapshot", || {
        gateway_data.path().join("snapshot").exists().then_some(())
    });
    let shown = noisy(mcp(&["config", "show"]))
        .envs(&set)
        .env("DATA_DIR", registry_data.path())
        .run();
    found.extend(canaries.found_in(
        "the shown settings",
        format!("{}{}", shown.out, shown.err).as_bytes(),
    ));
    for (name, process) in [
        ("the registry's log", registry),
        ("the gateway's log", gateway),
    ] {
        let log = log_of(process);
        assert!(!log.contains("panicked"), "{name}");
        found.extend(canaries.found_in(name, log.as_bytes()));
    }
    found.extend(read_folder(&canaries, registry_data.path()));
    found.extend(read_folder(&canaries, gateway_data.path()));
    assert!(canaries.0.len() >= 60, "{}", canaries.0.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

const JSON: (&str, &str) = ("content-type", "application/json");
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"password":"ARGUMENT"}}}"#;
