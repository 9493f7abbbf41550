//! What all workers share: settings, the table in force, open streams.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use ipnet::IpNet;
use tokio_util::task::TaskTracker;

use super::account::RequestIds;
use super::admit::RequestRules;
use super::audit::Audit;
use super::external::External;
use super::identity::Identities;
use super::limit::{CallLimit, StreamLimit};
use super::origin::{LocalPeer, Origin, Origins};
use super::reason::Reason;
use super::streams::{Stream, StreamGuard, Streams};
use super::table::Table;
use super::upstream::Pool;
use super::usage::GatewayUsage;
use crate::auth::identity::keys::IdentityKeys;
use crate::auth::oidc::refresh::{KeyFetcher, KeySource};
use crate::auth::verify::Verifier;
use crate::catalog::{Snapshot, SnapshotSink};
use crate::config::gateway::{LimitsConfig, TimeoutsConfig};
use crate::config::{AuditConfig, GatewayConfig, HttpConfig};
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::issuer::TrustedIssuer;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::secret::Secret;
use crate::domain::server::UpstreamTls;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trust::Trust;
use crate::http::serve::ServeLimits;
use crate::net::roots::Roots;

/// Where the control plane is.
#[derive(Debug)]
pub enum ControlPlane {
    /// In this process.
    Local(LocalPeer),
    /// Elsewhere: the origin of `REGISTRY_API_URL`, its certificate judged by these roots.
    Remote(UpstreamUrl, Roots),
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its own settings.
    pub config: GatewayConfig,
    /// Whom it tells of calls.
    pub audit: AuditConfig,
    /// Hosts, origins, proxies in front.
    pub http: HttpConfig,
    /// The machine's name.
    pub machine: Option<String>,
    /// Port of the TLS listener, where there is one.
    pub https_port: Option<u16>,
    /// Some listener can be reached from other machines.
    pub is_public: bool,
    /// Checks tokens.
    pub verifier: Verifier,
    /// Where keys of identity providers come from that the registry has not published yet.
    pub key_source: Option<Arc<dyn KeySource>>,
    /// The registry.
    pub control_plane: ControlPlane,
    /// Shown to the registry.
    pub gateway_token: Option<Secret<String>>,
    /// Certificates of servers are judged by these.
    pub roots: Roots,
    /// Sign what servers are told of callers.
    pub identity_keys: Option<Arc<IdentityKeys>>,
    /// Another server that must agree with each call.
    pub external: Option<External>,
    /// How many callers' identities are remembered.
    pub identity_entries: usize,
    /// Wall-clock time.
    pub clock: Clock,
    /// Tells this process' request ids from those of others.
    pub run: u32,
}

/// What all workers share.
#[derive(Debug)]
pub struct Gateway {
    /// Who is answered.
    pub rules: RequestRules,
    /// Limits towards clients.
    pub limits: LimitsConfig,
    /// Timeouts.
    pub timeouts: TimeoutsConfig,
    /// The same, as client connections are served by.
    pub serve_limits: ServeLimits,
    /// One line per request.
    pub access_log: bool,
    /// Port of the TLS listener, where there is one.
    pub https_port: Option<u16>,
    /// What clients have in front of a server's path: the public URL's, without trailing slash.
    pub public_path: Arc<str>,
    /// Names of requests.
    pub ids: RequestIds,
    /// Takes records for the audit log, unless it is off.
    pub audit: Option<Arc<Audit>>,
    /// Counters.
    pub usage: Arc<GatewayUsage>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Fetches keys of identity providers that tokens ask for.
    pub keys: Option<KeyFetcher>,
    /// Another server that must agree with each call.
    pub external: Option<External>,
    /// What servers are told of callers.
    pub identities: Identities,
    /// Our own address as clients see it, where it is configured; no slash at its end.
    public_base: Option<String>,
    /// Wall-clock time.
    pub clock: Clock,
    /// Open event streams and tunnels.
    pub streams: Arc<Streams>,
    /// Calls that have been waiting for more than a moment.
    pub calls: Arc<Streams>,
    /// Calls of one caller at one server, where they are limited.
    pub call_limit: Option<CallLimit>,
    /// Open streams of one caller, where they are limited.
    pub stream_limit: Option<Arc<StreamLimit>>,
    /// When this process began to count.
    pub began: Instant,
    /// WebSocket tunnels.
    pub tunnels: TaskTracker,
    /// The registry.
    pub control_plane: Arc<Origin>,
    /// Shown to the registry, as a header value.
    control_token: ArcSwapOption<HeaderValue>,
    trusted: Vec<IpNet>,
    origins: Origins,
    table: ArcSwapOption<Table>,
    applying: Mutex<()>,
}

impl Gateway {
    /// Without routes yet. `None` when the registry's URL cannot be sent to.
    pub fn new(parts: Parts) -> Option<Self> {
        let usage = Arc::new(GatewayUsage::new());
        let origins = Origins::new(parts.roots);
        let verifier = Arc::new(parts.verifier);
        let keys = parts
            .key_source
            .map(|source| KeyFetcher::new(source, Arc::clone(&verifier)));
        let public_url = parts.http.gateway_public_url.as_ref();
        let public_url = public_url.or(parts.http.public_url.as_ref());
        let control_plane = match parts.control_plane {
            ControlPlane::Local(peer) => origins.local(peer),
            ControlPlane::Remote(url, roots) => {
                Origins::new(roots).intern(&url, &UpstreamTls::default())?
            }
        };
        Some(Self {
            rules: RequestRules::new(
                &parts.http,
                &parts.config.limits,
                parts.machine.as_deref(),
                parts.is_public,
            ),
            serve_limits: ServeLimits::new(&parts.config),
            call_limit: CallLimit::new(
                parts.config.limits.calls_per_minute,
                parts.config.limits.calls_burst,
            ),
            stream_limit: StreamLimit::new(parts.config.limits.streams_per_caller),
            began: Instant::now(),
            limits: parts.config.limits,
            timeouts: parts.config.timeouts,
            access_log: parts.config.access_log,
            https_port: parts.https_port,
            public_path: public_path(&parts.http),
            audit: Audit::new(&parts.audit),
            ids: RequestIds::new(parts.run),
            streams: Streams::new(usage.streams.clone()),
            calls: Streams::new(metrics::Gauge::noop()),
            usage,
            external: parts.external,
            identities: Identities::new(parts.identity_keys, parts.identity_entries),
            clock: parts.clock,
            verifier,
            keys,
            public_base: public_url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            tunnels: TaskTracker::new(),
            control_plane,
            control_token: ArcSwapOption::new(parts.gateway_token.as_ref().and_then(bearer)),
            trusted: if parts.http.trust_proxy_headers {
                parts.http.trusted_proxies
            } else {
                Vec::new()
            },
            origins,
            table: ArcSwapOption::empty(),
            applying: Mutex::new(()),
        })
    }

    /// The table in force; `None` before the first snapshot.
    pub fn table(&self) -> Option<Arc<Table>> {
        self.table.load_full()
    }

    /// The same for a moment: to be let go before anything is waited for.
    pub fn table_now(&self) -> arc_swap::Guard<Option<Arc<Table>>> {
        self.table.load()
    }

    /// What this gateway shows to the registry, as a header value.
    pub fn control_token(&self) -> Option<Arc<HeaderValue>> {
        self.control_token.load_full()
    }

    /// Shows this token to the registry from now on.
    pub fn set_control_token(&self, token: &Secret<String>) {
        self.control_token.store(bearer(token));
    }

    /// Our own address as a client sees it who calls this host; no slash at its end.
    pub fn base(&self, scheme: &str, host: &str) -> String {
        match &self.public_base {
            Some(base) => base.clone(),
            None => format!("{scheme}://{host}"),
        }
    }

    /// The same where nobody else could have the name: tokens made for it are meant for us.
    pub fn own_base(&self, scheme: &str, host: &str) -> Option<String> {
        let own = self.public_base.is_some() || self.rules.is_own_host(host);
        own.then(|| self.base(scheme, host))
    }

    /// Whether what this peer says of where a request comes from is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.contains(&peer))
    }

    /// Why this gateway cannot serve MCP traffic.
    pub fn unready(&self) -> Option<Reason> {
        match self.table.load().as_ref() {
            None => Some(Reason::Initializing),
            Some(table) if table.access().is_none() => Some(Reason::NoPolicy),
            Some(_) => None,
        }
    }

    /// Lists a stream, which is closed when its right, its server or the gateway ends.
    pub fn open_stream(&self, stream: &Stream) -> StreamGuard {
        let guard = self.streams.open(stream.clone());
        // A snapshot may have come since the request was authorised: what is listed from here on is
        // seen by the next one, what came before is looked at now.
        if self.lost(stream).is_some() || self.table().is_some_and(|table| moved(&table, stream)) {
            guard.close();
        }
        guard
    }

    /// Lists a call that takes its time, which is given up when its right or its server ends.
    pub fn open_call(&self, call: &Stream) -> StreamGuard {
        let guard = self.calls.open(call.clone());
        if self.lost(call).is_some() {
            guard.close();
        }
        guard
    }

    /// Why what was rightly begun may not go on; `None` where it may.
    pub fn lost(&self, stream: &Stream) -> Option<Reason> {
        let now = self.clock.now();
        let taken_back = stream.verdict.as_ref().and_then(|one| one.lost(now));
        taken_back.or_else(|| lost(self.table.load().as_deref()?, stream, now))
    }

    /// Closes the streams and calls whose credential has ended, or whose verdict was taken back.
    pub fn close_expired(&self) {
        let now = self.clock.now();
        self.streams.close_expired(now);
        self.calls.close_expired(now);
    }

    /// What is open under a verdict about which it is time to ask again.
    pub fn due_verdicts(&self) -> Vec<Stream> {
        if self.external.is_none() {
            return Vec::new();
        }
        let now = self.clock.now();
        let mut due = self.streams.due(now);
        due.extend(self.calls.due(now));
        due
    }

    /// Asks the auth server again, and closes what it no longer agrees to.
    pub async fn review_verdicts(&self, pool: &Arc<Pool>, due: Vec<Stream>) {
        if let Some(external) = &self.external {
            external.review(pool, due, &self.clock).await;
            self.close_expired();
        }
    }

    /// The gateway stops: closes what has no end of its own, now and from now on.
    pub fn stop_streams(&self) {
        self.streams.stop();
        self.calls.stop();
    }

    /// Closes the streams that lost their server or their right.
    fn review_streams(&self, table: &Table) {
        let now = self.clock.now();
        let keeps = |stream: &Stream| lost(table, stream, now).is_none();
        let closed = self
            .streams
            .close_unless(|stream| keeps(stream) && !moved(table, stream))
            + self.calls.close_unless(keeps);
        if closed > 0 {
            tracing::info!(
                streams = closed,
                "closed the streams that lost their server or their right"
            );
        }
    }
}

fn public_path(http: &HttpConfig) -> Arc<str> {
    let url = http
        .gateway_public_url
        .as_ref()
        .or(http.public_url.as_ref());
    url.map_or("", |url| url.path().trim_end_matches('/'))
        .into()
}

fn bearer(token: &Secret<String>) -> Option<Arc<HeaderValue>> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(Arc::new(value))
}

/// Whether a stream's server is another one by now; a call in flight may finish at the old one.
fn moved(table: &Table, stream: &Stream) -> bool {
    stream.route.as_ref().is_some_and(|opened| {
        table
            .get(opened.path())
            .is_none_or(|route| route.route.endpoints != opened.route.endpoints)
    })
}

fn lost(table: &Table, stream: &Stream, now: Timestamp) -> Option<Reason> {
    // The registry looks after its own.
    let opened = stream.route.as_ref()?;
    let Some(route) = table.get(opened.path()) else {
        return Some(Reason::NotFound);
    };
    let Some(access) = table.access() else {
        return Some(Reason::NoPolicy);
    };
    let (Some(caller), Some(before)) = (&stream.caller, &stream.access) else {
        return (!route.route.public).then_some(Reason::Unauthenticated);
    };
    if !still_counts(&access.trust, &before.trust, caller, stream.opened_at, now) {
        return Some(Reason::Unauthenticated);
    }
    // An API key may stand for fewer rights by now, or for nothing.
    let Some(present) = access.trust.present(caller) else {
        return Some(Reason::Unauthenticated);
    };
    let reach = access.policy.reach(present, route.path());
    let keeps = reach.covers(&before.policy.reach(caller, route.path()));
    (!keeps).then_some(Reason::Forbidden)
}

/// Whether a credential that was good by `before` still is. What signed it is not remembered: a key
/// that is no longer trusted takes all that was opened under it along.
fn still_counts(
    trust: &Trust,
    before: &Trust,
    caller: &Principal,
    opened_at: Timestamp,
    now: Timestamp,
) -> bool {
    let is_revoked = |id| trust.revoked.contains_key(id);
    let subject = &*caller.subject;
    let moment = trust.not_before.get(subject);
    caller.expires_at.is_none_or(|end| end > now)
        && !caller.token_id.as_ref().is_some_and(is_revoked)
        && !trust.is_logged_out(caller, opened_at)
        && (moment.is_none() || moment == before.not_before.get(subject))
        && signer_stays(trust, before, caller.method)
}

/// Whether all that may have signed a credential of this kind is still trusted.
fn signer_stays(trust: &Trust, before: &Trust, method: AuthMethod) -> bool {
    match method {
        AuthMethod::Token => {
            (&trust.issuer, &trust.audience) == (&before.issuer, &before.audience)
                && before.keys.iter().all(|key| trust.keys.contains(key))
        }
        AuthMethod::Oidc | AuthMethod::Keycloak => before.issuers.iter().all(|old| {
            let same = |new: &Arc<TrustedIssuer>| {
                (&new.issuer, &new.audiences) == (&old.issuer, &old.audiences)
            };
            trust.issuers.iter().any(same)
        }),
        AuthMethod::ApiKey | AuthMethod::Session | AuthMethod::External | AuthMethod::Anonymous => {
            true
        }
    }
}

impl SnapshotSink for Gateway {
    fn apply(&self, snapshot: &Arc<Snapshot>) {
        // Compiling and swapping is one step, so that no older table can come last.
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.table.load_full();
        let snapshot = match &self.external {
            Some(external) => external.completed(snapshot),
            None => Arc::clone(snapshot),
        };
        let revision = snapshot.revision;
        let table = Arc::new(Table::compile(snapshot, previous.as_deref(), &self.origins));
        self.table.store(Some(Arc::clone(&table)));
        tracing::debug!(%revision, routes = table.len(), "routing table swapped");
        self.review_streams(&table);
    }
}
