//! A registry on a temporary folder with a clock that stands still.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use mcp::catalog::{Publisher, Snapshot, SnapshotSink};
use mcp::config::store::StoreConfig;
use mcp::config::types::{Bind, ByteSize, Period};
use mcp::config::{
    AccessAudit, AuditConfig, AuthConfig, CatalogConfig, HttpConfig, NetworkConfig, OidcConfig,
    RegistryConfig,
};
use mcp::domain::secret::Secret;
use mcp::domain::time::{Clock, Timestamp};
use mcp::registry::{OpenError, Parts, Registry, Settings, api};
use mcp::store::Sealer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{Call, Reply};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const USER_PASSWORD: &str = "a dozen letters at least";
pub(crate) const GATEWAY_TOKEN: &str = "gateway-token-of-at-least-128-bit";
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A running registry.
pub(crate) struct TestApp {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) router: Router,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) applied: Arc<Applied>,
    pub(crate) stop: CancellationToken,
    store: Arc<dyn mcp::store::Store>,
}

/// Stands for the gateway of the process: remembers what it was given.
#[derive(Default)]
pub(crate) struct Applied(Mutex<Vec<Arc<Snapshot>>>);

impl Applied {
    pub(crate) fn last(&self) -> Arc<Snapshot> {
        Arc::clone(
            self.0
                .lock()
                .unwrap()
                .last()
                .expect("a snapshot was published"),
        )
    }

    pub(crate) fn revisions(&self) -> Vec<u64> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|snapshot| snapshot.revision.0)
            .collect()
    }
}

impl SnapshotSink for Applied {
    fn apply(&self, snapshot: &Arc<Snapshot>) {
        self.0.lock().unwrap().push(Arc::clone(snapshot));
    }
}

/// How a registry under test differs from the usual one.
pub(crate) struct Builder {
    folder: Arc<TempDir>,
    clock: Clock,
    settings: Settings,
    sinks: Vec<Arc<dyn SnapshotSink>>,
}

impl TestApp {
    /// A registry as usual: an admin with [`PASSWORD`], a gateway with [`GATEWAY_TOKEN`].
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn builder() -> Builder {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let settings = settings(folder.path());
        Builder {
            folder,
            clock: Clock::manual(NOW),
            settings,
            sinks: Vec::new(),
        }
    }

    /// Stops it and starts another on the same folder.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.stop.cancel();
        self.store.close().await;
        let mut settings = settings(self.folder.path());
        change(&mut settings);
        let builder = Builder {
            folder: Arc::clone(&self.folder),
            clock: self.clock.clone(),
            settings,
            sinks: Vec::new(),
        };
        drop(self);
        builder.start().await
    }

    pub(crate) fn call(&self, method: Method, target: &str) -> Call {
        Call::new(self.router.clone(), method, target)
    }

    pub(crate) fn get(&self, target: &str) -> Call {
        self.call(Method::GET, target)
    }

    /// A session of the admin, with its CSRF token.
    pub(crate) async fn login(&self) -> Session {
        self.login_as("admin", PASSWORD).await
    }

    /// A session of this user.
    pub(crate) async fn login_as(&self, username: &str, password: &str) -> Session {
        let reply = self
            .call(Method::POST, "/api/auth/login")
            .json(&json!({"username": username, "password": password}))
            .send()
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let cookie = reply
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        Session {
            cookie,
            csrf: reply.json()["csrf_token"].as_str().unwrap().to_owned(),
        }
    }

    /// An admin's token.
    pub(crate) async fn token(&self) -> String {
        self.new_token(json!({})).await["tokens"]["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A token with these scopes of the policy and no other right.
    pub(crate) async fn token_with(&self, scopes: &[&str]) -> String {
        let made = self.new_token(json!({"requested_scopes": scopes})).await;
        made["tokens"]["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn new_token(&self, body: Value) -> Value {
        let session = self.login().await;
        let reply = self
            .call(Method::POST, "/api/tokens/generate")
            .session(&session)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// A user with [`USER_PASSWORD`], and a session of theirs.
    pub(crate) async fn user(&self, username: &str, groups: &[&str]) -> Session {
        let body = json!({"username": username, "password": USER_PASSWORD, "groups": groups});
        let made = self.admin(Method::POST, "/api/users", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.login_as(username, USER_PASSWORD).await
    }

    /// A call with a fresh session of the admin.
    pub(crate) async fn admin(&self, method: Method, target: &str, body: &Value) -> Reply {
        let session = self.login().await;
        self.call(method, target)
            .session(&session)
            .json(body)
            .send()
            .await
    }

    /// The status of a look at oneself with this token.
    pub(crate) async fn me(&self, token: &str) -> u16 {
        let reply = self.get("/api/auth/me").bearer(token).send().await;
        reply.status.as_u16()
    }

    /// The changes in the audit log, newest first; logins are left out.
    pub(crate) async fn audit(&self) -> Vec<mcp::store::AuditEntry> {
        let mut reading = self.store.read().await.unwrap();
        let mut entries = reading.audit().list(200).await.unwrap();
        entries.retain(|entry| entry.action != "session.login");
        entries
    }

    /// Adds a server as admin.
    pub(crate) async fn add(&self, token: &str, body: &Value) -> Reply {
        let reply = self
            .call(Method::POST, "/api/servers")
            .bearer(token)
            .json(body)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }
}

/// What a browser holds after a login.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Builder {
    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Something in this process that follows it.
    #[cfg(feature = "gateway")]
    pub(crate) fn followed_by(mut self, sink: Arc<dyn SnapshotSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// A file among the definitions.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.data_file(&format!("servers/{name}"), content)
    }

    /// A file in the data directory.
    pub(crate) fn data_file(self, name: &str, content: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) async fn start(self) -> TestApp {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(self) -> Result<TestApp, OpenError> {
        let sealer = Sealer::from_secret("a secret that only tests know").unwrap();
        let config = StoreConfig {
            database_url: None,
            connections: 1,
        };
        let store = mcp::store::open(&config, self.folder.path(), sealer, &self.clock)
            .await
            .unwrap();
        let applied = Arc::new(Applied::default());
        let mut sinks = self.sinks;
        sinks.push(Arc::clone(&applied) as Arc<dyn SnapshotSink>);
        let publisher = Arc::new(Publisher::new(sinks));
        let stop = CancellationToken::new();
        let parts = Parts {
            store: Arc::clone(&store),
            publisher,
            clock: self.clock.clone(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        };
        let registry = Registry::open(parts, self.settings).await?;
        let panics = Router::new().route("/ui/panic", axum::routing::get(panics));
        Ok(TestApp {
            router: api::router(&registry, panics),
            registry,
            folder: self.folder,
            clock: self.clock,
            applied,
            stop,
            store,
        })
    }
}

async fn panics() {
    panic!("a handler that fails")
}

fn settings(folder: &Path) -> Settings {
    let seconds = |seconds| Period::new(Duration::from_secs(seconds));
    Settings {
        mode: "registry",
        data_dir: folder.to_owned(),
        default_host: "localhost".to_owned(),
        machine_name: Some("box".to_owned()),
        registry: RegistryConfig {
            bind: Bind::at(([127, 0, 0, 1], 0).into()),
            servers_dir: None,
            body_bytes: ByteSize::new(1 << 20),
            body_idle: seconds(30),
            wait_max: seconds(25),
            held_requests: 4,
        },
        http: HttpConfig {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            public_url: None,
            gateway_public_url: None,
            trust_proxy_headers: false,
            trusted_proxies: Vec::new(),
        },
        audit: AuditConfig {
            access: AccessAudit::All,
            arguments: false,
            spool_bytes: ByteSize::new(1 << 20),
            keep: seconds(30 * 86_400),
            keep_bytes: ByteSize::new(1 << 30),
        },
        auth: AuthConfig {
            admin_user: "admin".to_owned(),
            admin_password: Some(Secret::new(PASSWORD.to_owned())),
            secret_key: None,
            session_idle: seconds(3_600),
            session_max: seconds(8 * 3_600),
            tokens_per_hour: 100,
            login_failures: 5,
            verified_ttl: seconds(60),
            verified_entries: 1_000,
            server_url: None,
            server_token: None,
            external_cache_ttl: seconds(30),
            external_recheck: seconds(30),
            external_timeout: seconds(5),
            identity_key_life: seconds(30 * 24 * 3_600),
            bind: Bind::at(([127, 0, 0, 1], 0).into()),
        },
        oidc: no_provider(),
        network: NetworkConfig {
            registry_ca_file: None,
            extra_ca_file: None,
            strict: false,
            allowed_ranges: Vec::new(),
            blocked_ports: vec![25],
        },
        catalog: CatalogConfig {
            registry_api_url: String::new(),
            poll_interval: seconds(30),
            token: Some(Secret::new(GATEWAY_TOKEN.to_owned())),
            token_file: None,
            snapshot_bytes: ByteSize::new(64 << 20),
            heartbeat: seconds(5),
            coalesce: Period::new(Duration::from_millis(20)),
        },
    }
}

/// No identity provider; how one is set up otherwise.
pub(crate) fn no_provider() -> OidcConfig {
    OidcConfig {
        issuer: None,
        internal_url: None,
        client_id: Some("web".to_owned()),
        client_secret: Some(Secret::new("s3cret of the client".to_owned())),
        audience: Vec::new(),
        clients: Vec::new(),
        groups_claim: "groups".to_owned(),
        jwks_file: None,
        allow_http: false,
        provider: "oidc".to_owned(),
        display_name: None,
        scopes: "openid profile email".to_owned(),
        refresh: Period::new(Duration::from_mins(5)),
        max_token_life: Period::new(Duration::from_hours(48)),
    }
}
