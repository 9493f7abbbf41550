//! A real gateway for tests: worker threads, a plain and a TLS listener on ports of the kernel's
//! choice, snapshots applied directly.
//!
//! Start at [`Front::start`]; [`Setup`] is what can be changed, [`Server`] one routed server.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use mcp::auth::identity::keys::IdentityKeys;
use mcp::auth::oidc::refresh::KeySource;
use mcp::auth::verify::Verifier;
use mcp::catalog::snapshot::Access;
use mcp::catalog::{SessionKey, Snapshot, SnapshotSink};
use mcp::config::gateway::{LimitsConfig, TimeoutsConfig};
use mcp::config::types::{Bind, ByteSize, Period};
use mcp::config::{AccessAudit, AuditConfig, GatewayConfig, HttpConfig};
use mcp::domain::endpoint::{Endpoints, UpstreamUrl};
use mcp::domain::ids::{ClusterId, Revision, TokenId};
use mcp::domain::path::ServerPath;
use mcp::domain::policy::{ADMIN_SCOPE, Names, Policy, Rules, ScopeRules, ServerRule};
use mcp::domain::secret::Secret;
use mcp::domain::server::{Route, UpstreamHeader, UpstreamTls};
use mcp::domain::time::{Clock, Timestamp};
use mcp::domain::trust::{TokenKey, Trust};
use mcp::gateway::external::{self, External};
use mcp::gateway::{ControlPlane, Gateway, Listener, LocalPeer, Parts, Start, Threads};
use mcp::http::serve::Stop;
use mcp::net::accept::{Admission, Caps};
use mcp::net::dial::Dialer;
use mcp::net::guard::AddressGuard;
use mcp::net::roots::Roots;
use tokio_util::sync::CancellationToken;

/// The time at which tests begin.
pub(crate) const NOW: i64 = 1_800_000_000;
/// What the gateway shows to its registry.
pub(crate) const GATEWAY_TOKEN: &str = "gateway-token-of-these-tests";
/// A name, besides addresses and localhost, that every test gateway serves and has a certificate for.
pub(crate) const HOST: &str = "gw.example";
/// An origin of browsers that may call.
pub(crate) const ORIGIN: &str = "https://app.example";
/// The scope that allows `tools/list` and the tool `read`, at every server, and nothing else.
pub(crate) const READER: &str = "reader";

/// A period of so many milliseconds.
pub(crate) const fn millis(millis: u64) -> Period {
    Period::new(Duration::from_millis(millis))
}

/// What of a gateway a test may change; the rest is as shipped.
pub(crate) struct Setup {
    pub(crate) timeouts: TimeoutsConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) workers: usize,
    /// The registry; by default one that hangs up.
    pub(crate) control_plane: ControlPlane,
    /// Pages are sent to this port.
    pub(crate) https_port: Option<u16>,
    /// Proxies in front that are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Where keys of identity providers are fetched from on demand.
    pub(crate) key_source: Option<Arc<dyn KeySource>>,
    /// The gateway's URL as its clients know it.
    pub(crate) public_url: Option<&'static str>,
    /// What is told of calls.
    pub(crate) audit: AuditConfig,
    /// Another server that must agree with each call.
    pub(crate) external: Option<external::Settings>,
    /// Sign what servers are told of callers; by default there are none.
    pub(crate) identity_keys: Option<Arc<IdentityKeys>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            timeouts: TimeoutsConfig {
                first_byte: millis(10_000),
                tls_handshake: millis(10_000),
                header: millis(15_000),
                body_idle: millis(30_000),
                keep_alive: millis(60_000),
                write_stall: millis(30_000),
                h2_ping: millis(20_000),
                upstream_connect: millis(5_000),
                upstream_first_byte: millis(60_000),
                upstream_body_idle: millis(60_000),
                upstream_stream_idle: millis(300_000),
                upstream_keep_alive: millis(60_000),
                call_total: millis(600_000),
                drain: millis(30_000),
            },
            limits: LimitsConfig {
                connections: 10_000,
                connections_per_address: 256,
                requests_per_connection: 0,
                header_fields: 100,
                header_bytes: ByteSize::new(32 * 1024),
                target_bytes: ByteSize::new(8 * 1024),
                message_bytes: ByteSize::new(4 * 1024 * 1024),
                h2_streams: 100,
                calls_per_minute: 0,
                calls_burst: 0,
                streams_per_caller: 0,
            },
            workers: 2,
            control_plane: ControlPlane::Local(LocalPeer::new(|| tokio::io::duplex(1).0)),
            https_port: None,
            trusted_proxies: Vec::new(),
            key_source: None,
            public_url: None,
            audit: AuditConfig {
                access: AccessAudit::Off,
                arguments: false,
                spool_bytes: ByteSize::new(1 << 20),
                keep: millis(1_000),
                keep_bytes: ByteSize::new(1 << 20),
            },
            external: None,
            identity_keys: None,
        }
    }
}

/// A running gateway; stopped at once and joined when dropped.
pub(crate) struct Front {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) stop: Stop,
    pub(crate) admission: Admission,
    pub(crate) issuer: Issuer,
    pub(crate) clock: Clock,
    revision: AtomicU64,
    threads: Option<Threads>,
}

impl Front {
    /// A gateway as shipped, without a snapshot.
    pub(crate) fn start(setup: Setup) -> Self {
        let clock = Clock::manual(Timestamp::from_unix(NOW));
        let workers = setup.workers;
        let gateway = Arc::new(Gateway::new(parts(setup, clock.clone())).unwrap());
        let stop = Stop {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        };
        let admission = Admission::new(Caps {
            total: gateway.limits.connections,
            per_address: gateway.limits.connections_per_address,
            exempt: Vec::new(),
        });
        let (plain, plain_address) = bind();
        let (tls, tls_address) = bind();
        let threads = Threads::start(Start {
            gateway: Arc::clone(&gateway),
            listeners: vec![
                Listener {
                    socket: plain,
                    tls: None,
                },
                Listener {
                    socket: tls,
                    tls: Some(server_tls(&[b"h2", b"http/1.1"])),
                },
            ],
            admission: admission.clone(),
            dialer: Arc::new(Dialer::new(Arc::new(AddressGuard::default()))),
            workers,
            stop: stop.clone(),
        })
        .unwrap();
        Self {
            gateway,
            plain: plain_address,
            tls: tls_address,
            stop,
            admission,
            issuer: Issuer::new(),
            clock,
            revision: AtomicU64::new(0),
            threads: Some(threads),
        }
    }

    /// A gateway as shipped that routes these servers.
    pub(crate) fn routing(servers: impl IntoIterator<Item = Server>) -> Self {
        let front = Self::start(Setup::default());
        front.apply(servers);
        front
    }

    /// Replaces the snapshot: these servers, the usual policy, this front's issuer.
    pub(crate) fn apply(&self, servers: impl IntoIterator<Item = Server>) {
        self.apply_with(servers, |_| {});
    }

    /// The same with changes to what decides.
    pub(crate) fn apply_with(
        &self,
        servers: impl IntoIterator<Item = Server>,
        change: impl FnOnce(&mut Access),
    ) {
        let mut access = Access {
            policy: policy(),
            trust: self.issuer.trust.clone(),
            session_key: SessionKey(Secret::new([7; 32])),
        };
        change(&mut access);
        let routes = servers.into_iter().map(Server::into_entry);
        self.apply_snapshot(routes, Some(Arc::new(access)));
    }

    /// Replaces the snapshot, whatever it is.
    pub(crate) fn apply_snapshot(
        &self,
        routes: impl IntoIterator<Item = (ServerPath, Arc<Route>)>,
        access: Option<Arc<Access>>,
    ) {
        let revision = self.revision.fetch_add(1, Ordering::Relaxed) + 1;
        self.gateway.apply(&Arc::new(Snapshot {
            cluster: ClusterId("tests".into()),
            revision: Revision(revision),
            routes: routes.into_iter().collect(),
            access,
        }));
    }

    /// A token of `ann` who may do everything.
    pub(crate) fn token(&self) -> String {
        self.issuer.token("t-admin", ADMIN_SCOPE)
    }

    /// A token that allows `tools/list` and the tool `read`.
    pub(crate) fn reader_token(&self) -> String {
        self.issuer.token("t-reader", READER)
    }

    /// Waits for all threads to end after a stop was asked for.
    pub(crate) fn join(mut self) -> std::io::Result<()> {
        join(self.threads.take().unwrap()).expect("the gateway did not end in time")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let Some(threads) = self.threads.take() else {
            return;
        };
        self.stop.hard.cancel();
        self.stop.soft.cancel();
        let ended = join(threads);
        if !std::thread::panicking() {
            ended
                .expect("the gateway did not end at a hard stop")
                .unwrap();
        }
    }
}

/// `None` when the threads do not end in time.
fn join(threads: Threads) -> Option<std::io::Result<()>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(threads.join()));
    receiver.recv_timeout(Duration::from_secs(20)).ok()
}

fn bind() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn parts(setup: Setup, clock: Clock) -> Parts {
    let off = Bind::at(SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0));
    Parts {
        audit: setup.audit,
        config: GatewayConfig {
            http_bind: off,
            https_bind: off,
            workers: setup.workers,
            access_log: true,
            default_host: "localhost".to_owned(),
            limits: setup.limits,
            timeouts: setup.timeouts,
        },
        http: HttpConfig {
            allowed_hosts: vec![HOST.to_owned(), "other.example".to_owned()],
            allowed_origins: vec![ORIGIN.to_owned()],
            public_url: None,
            gateway_public_url: setup.public_url.map(|url| url.parse().unwrap()),
            trust_proxy_headers: !setup.trusted_proxies.is_empty(),
            trusted_proxies: setup.trusted_proxies,
        },
        machine: None,
        https_port: setup.https_port,
        is_public: false,
        verifier: Verifier::new(clock.clone(), Duration::from_mins(5), 64),
        key_source: setup.key_source,
        control_plane: setup.control_plane,
        gateway_token: Some(Secret::new(GATEWAY_TOKEN.to_owned())),
        roots: Roots::built_in(),
        external: setup
            .external
            .map(|settings| External::new(&settings, Roots::built_in()).unwrap()),
        identity_keys: setup.identity_keys,
        identity_entries: 64,
        clock,
        run: 1,
    }
}

/// TLS of a server with a certificate made on the spot.
pub(crate) fn server_tls(protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let names = ["localhost", "127.0.0.1", HOST, "other.example"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(mcp::net::roots::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// The embedded default, and [`READER`].
fn policy() -> Policy {
    let named = |names: &[&str]| Names::Only(names.iter().map(ToString::to_string).collect());
    let reader = ScopeRules {
        servers: vec![ServerRule {
            servers: Names::All,
            methods: named(&["tools/list", "tools/call"]),
            tools: named(&["read"]),
        }],
        ..ScopeRules::default()
    };
    let mut rules = Rules::default();
    rules.scopes.insert(READER.to_owned(), reader);
    Policy::new(rules)
}

/// One server of a snapshot.
#[derive(Clone)]
pub(crate) struct Server(Route);

impl Server {
    /// At `path`, proxied to `url`.
    pub(crate) fn new(path: &str, url: &str) -> Self {
        Self(Route {
            path: ServerPath::parse(path).unwrap(),
            endpoints: Endpoints::derive(&UpstreamUrl::parse(url).unwrap(), None, None),
            public: false,
            passthrough: false,
            forward_authorization: false,
            timeout: None,
            tls: UpstreamTls {
                ca: None,
                insecure: true,
            },
            headers: Vec::new(),
        })
    }

    pub(crate) fn public(mut self) -> Self {
        self.0.public = true;
        self
    }

    pub(crate) fn passthrough(mut self) -> Self {
        self.0.passthrough = true;
        self
    }

    pub(crate) fn forward_authorization(mut self) -> Self {
        self.0.forward_authorization = true;
        self
    }

    /// Its certificate is judged; else any is taken.
    pub(crate) fn checked(mut self) -> Self {
        self.0.tls.insecure = false;
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(timeout);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push(UpstreamHeader {
            name: name.to_owned(),
            value: Secret::new(value.to_owned()),
        });
        self
    }

    /// As a snapshot holds it.
    pub(crate) fn into_entry(self) -> (ServerPath, Arc<Route>) {
        (self.0.path.clone(), Arc::new(self.0))
    }
}

/// Makes tokens that its trust accepts.
pub(crate) struct Issuer {
    pair: EcdsaKeyPair,
    pub(crate) trust: Trust,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let key = TokenKey {
            kid: "k1".into(),
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        };
        let trust = Trust {
            issuer: "tests".into(),
            audience: "mcp".into(),
            keys: vec![key],
            ..Trust::default()
        };
        Self { pair, trust }
    }

    /// A token of `ann`, good for an hour.
    pub(crate) fn token(&self, id: &str, scope: &str) -> String {
        self.token_until(id, scope, NOW + 3_600)
    }

    /// A token of `ann` that ends at a moment.
    pub(crate) fn token_until(&self, id: &str, scope: &str, end: i64) -> String {
        self.signed("ann", id, scope, end)
    }

    /// A token of somebody who may do everything, good for an hour.
    pub(crate) fn token_of(&self, user: &str) -> String {
        self.signed(user, "t-user", ADMIN_SCOPE, NOW + 3_600)
    }

    fn signed(&self, user: &str, id: &str, scope: &str, end: i64) -> String {
        let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#;
        let claims = serde_json::json!({
            "iss": "tests", "aud": "mcp", "sub": user, "jti": id, "scope": scope,
            "iat": NOW - 10, "exp": end, "client_id": "client 1",
            "preferred_username": "Ann Ä",
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let random = SystemRandom::new();
        let signature = self.pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Revokes a token in what decides.
pub(crate) fn revoke(access: &mut Access, id: &str) {
    access
        .trust
        .revoked
        .insert(TokenId(id.into()), Timestamp::from_unix(NOW + 3_600));
}
