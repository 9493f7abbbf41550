//! The routing table: a snapshot, compiled for the hot path.
//!
//! Built off the data threads and swapped as one pointer. Routes that did not change keep their
//! `Arc`, and with it their upstream connections and their metric handles.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use http::uri::PathAndQuery;
use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;

use super::legacy;
use super::origin::{Origin, Origins};
use super::session::Seals;
use super::usage::RouteUsage;
use crate::catalog::Snapshot;
use crate::catalog::diff::{Difference, differences};
use crate::catalog::snapshot::{Access, Routes};
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::ids::ClusterId;
use crate::domain::path::ServerPath;
use crate::domain::server::Route;

/// All routes of one snapshot.
#[derive(Debug)]
pub struct Table {
    snapshot: Arc<Snapshot>,
    routes: CompiledRoutes,
    /// Segments of the longest path; of one that was removed too.
    depth: usize,
    seals: Option<Arc<Seals>>,
    deciding: Option<Arc<Deciding>>,
}

/// By path. Shares with the table before what did not change, as [`Routes`] do.
type CompiledRoutes =
    GenericHashMap<ServerPath, Arc<CompiledRoute>, foldhash::fast::RandomState, DefaultSharedPtr>;

/// What calls of a table are decided by, kept by each of them as one.
#[derive(Debug)]
pub struct Deciding {
    /// Who may what.
    pub access: Arc<Access>,
    /// Binds what is handed out to callers.
    pub seals: Arc<Seals>,
    /// Whose gateway we are.
    pub cluster: ClusterId,
}

/// One server, ready to be sent to.
#[derive(Debug)]
pub struct CompiledRoute {
    /// The definition it was made from.
    pub route: Arc<Route>,
    /// Streamable HTTP.
    pub mcp: Target,
    /// HTTP+SSE.
    pub sse: Target,
    /// What sub-paths of a `passthrough` server are appended to, without trailing slash.
    pub base: Target,
    /// Headers of the definition, set on each call.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `X-Forwarded-Prefix`.
    pub prefix: HeaderValue,
    /// `X-Server-Name`.
    pub name: HeaderValue,
    /// Limit of one call, where the definition has one.
    pub timeout: Option<Duration>,
    /// Counters.
    pub usage: RouteUsage,
}

/// Where to send and as what.
#[derive(Debug)]
pub struct Target {
    /// Whom to connect to.
    pub origin: Arc<Origin>,
    /// What to ask for.
    pub path: PathAndQuery,
    /// The `Host` to send.
    pub host: HeaderValue,
}

/// Which part of a server a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `P`, `P/`, `P/mcp`, `P/mcp/`.
    Mcp,
    /// `P/sse`.
    Sse,
    /// `P/message` with a token of ours: a legacy stream's messages.
    Message,
    /// Any other path below; only for `passthrough`.
    Below,
}

impl Table {
    /// Compiles a snapshot; what did not change is taken from the table before.
    pub fn compile(snapshot: Arc<Snapshot>, previous: Option<&Self>, origins: &Origins) -> Self {
        let none = Routes::new();
        let (before, mut routes, mut depth) = match previous {
            Some(table) => (&table.snapshot.routes, table.routes.clone(), table.depth),
            None => (&none, CompiledRoutes::default(), 0),
        };
        for difference in differences(before, &snapshot.routes) {
            let (path, route) = match difference {
                Difference::Added(path, route) | Difference::Changed(path, route) => (path, route),
                Difference::Removed(path) => {
                    routes.remove(path);
                    continue;
                }
            };
            let Some(compiled) = CompiledRoute::new(route, origins) else {
                tracing::error!(server = %path, "route left out: its definition cannot be sent to");
                routes.remove(path);
                continue;
            };
            depth = depth.max(path.as_str().matches('/').count());
            routes.insert(path.clone(), Arc::new(compiled));
        }
        let seals = seals(&snapshot, previous);
        let both = snapshot.access.as_ref().zip(seals.as_ref());
        let deciding = both.map(|(access, seals)| Deciding {
            access: Arc::clone(access),
            seals: Arc::clone(seals),
            cluster: snapshot.cluster.clone(),
        });
        Self {
            seals,
            deciding: deciding.map(Arc::new),
            snapshot,
            routes,
            depth,
        }
    }

    /// The snapshot it was made from.
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// What decides, if anything does.
    pub fn access(&self) -> Option<&Arc<Access>> {
        self.snapshot.access.as_ref()
    }

    /// What decides on calls; `None` where the registry offers no policy.
    pub const fn deciding(&self) -> Option<&Arc<Deciding>> {
        self.deciding.as_ref()
    }

    /// For what is handed out to clients; `None` only when the cryptographic library refuses.
    pub const fn seals(&self) -> Option<&Arc<Seals>> {
        self.seals.as_ref()
    }

    /// The route of a server, by its exact path.
    pub fn get(&self, path: &ServerPath) -> Option<&Arc<CompiledRoute>> {
        self.routes.get(path)
    }

    /// How many servers are routed.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The server with the longest path that the canonical `path` lies at or below, and what lies
    /// below it (empty or starting with a slash).
    pub fn find<'p>(&self, path: &'p str) -> Option<(&Arc<CompiledRoute>, &'p str)> {
        let mut found = None;
        let mut end = 0;
        for _ in 0..self.depth {
            // Segments never hold a slash, and the path starts with one.
            let rest = path.get(end + 1..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else { break };
            end += 1 + memchr::memchr(b'/', rest.as_bytes()).unwrap_or(rest.len());
            let Some((prefix, below)) = path.split_at_checked(end) else {
                break;
            };
            if let Some(route) = self.routes.get(prefix) {
                found = Some((route, below));
            }
        }
        found
    }
}

/// The snapshot's own; a registry that has no key for them gets those of this process.
fn seals(snapshot: &Snapshot, previous: Option<&Table>) -> Option<Arc<Seals>> {
    let kept = previous.and_then(|table| table.seals.clone());
    match &snapshot.access {
        Some(access) => kept
            .filter(|seals| seals.is_from(&access.session_key))
            .or_else(|| Seals::new(&access.session_key).map(Arc::new)),
        None => kept.or_else(|| Seals::random().map(Arc::new)),
    }
}

impl Place {
    /// What the part below a server's path, with the query, names.
    pub fn of(below: &str, query: Option<&str>) -> Self {
        match below {
            "" | "/" | "/mcp" | "/mcp/" => Self::Mcp,
            "/sse" | "/sse/" => Self::Sse,
            legacy::MESSAGE if legacy::has_token(query) => Self::Message,
            _ => Self::Below,
        }
    }
}

impl CompiledRoute {
    fn new(route: &Arc<Route>, origins: &Origins) -> Option<Self> {
        let endpoints = &route.endpoints;
        let headers = route
            .headers
            .iter()
            .map(|header| {
                let name = HeaderName::try_from(header.name.as_str()).ok()?;
                let mut value = HeaderValue::try_from(header.value.expose().as_str()).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            mcp: Target::new(&endpoints.mcp, route, origins)?,
            sse: Target::new(&endpoints.sse, route, origins)?,
            base: Target::new(&endpoints.base, route, origins)?,
            headers,
            prefix: HeaderValue::try_from(route.path.as_str()).ok()?,
            name: HeaderValue::try_from(route.path.id()).ok()?,
            timeout: route.timeout,
            usage: RouteUsage::new(&route.path),
            route: Arc::clone(route),
        })
    }

    /// Whether the definition has a field of this name, so that the client's does not go on.
    pub fn sets(&self, name: &[u8]) -> bool {
        let same = |ours: &HeaderName| ours.as_str().as_bytes().eq_ignore_ascii_case(name);
        self.headers.iter().any(|(ours, _)| same(ours))
    }

    /// The definition's path.
    pub fn path(&self) -> &ServerPath {
        &self.route.path
    }

    /// The target of a sub-path of a `passthrough` server: appended to what `proxy_pass_url` says.
    pub fn below(&self, below: &str, query: Option<&str>) -> Option<PathAndQuery> {
        let base = self.base.path.path().trim_end_matches('/');
        let target = query.map_or_else(
            || format!("{base}{below}"),
            |query| format!("{base}{below}?{query}"),
        );
        PathAndQuery::try_from(target).ok()
    }
}

impl Target {
    fn new(url: &UpstreamUrl, route: &Route, origins: &Origins) -> Option<Self> {
        let parsed = url.as_url();
        let path = parsed.query().map_or_else(
            || parsed.path().to_owned(),
            |query| format!("{}?{query}", parsed.path()),
        );
        let host = parsed.host_str()?;
        let host = parsed
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Self {
            origin: origins.intern(url, &route.tls)?,
            path: PathAndQuery::try_from(path).ok()?,
            host: HeaderValue::try_from(host).ok()?,
        })
    }

    /// The path with the client's query appended to what the definition's URL has.
    pub fn with_query(&self, query: Option<&str>) -> Option<PathAndQuery> {
        let Some(query) = query.filter(|query| !query.is_empty()) else {
            return Some(self.path.clone());
        };
        let separator = if self.path.query().is_some() {
            '&'
        } else {
            '?'
        };
        PathAndQuery::try_from(format!("{}{separator}{query}", self.path)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples;
    use crate::domain::endpoint::Endpoints;
    use crate::domain::ids::Revision;

    pub(super) fn route(path: &str, url: &str) -> (ServerPath, Arc<Route>) {
        let path = ServerPath::parse(path).unwrap();
        let base = UpstreamUrl::parse(url).unwrap();
        let route = Route {
            path: path.clone(),
            endpoints: Endpoints::derive(&base, None, None),
            public: false,
            passthrough: false,
            forward_authorization: false,
            timeout: None,
            tls: crate::domain::server::UpstreamTls::default(),
            headers: Vec::new(),
        };
        (path, Arc::new(route))
    }

    fn snapshot(routes: Routes) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            cluster: ClusterId("c".into()),
            revision: Revision(1),
            routes,
            access: None,
        })
    }

    fn table(paths: &[&str]) -> Table {
        let routes = paths
            .iter()
            .map(|path| route(path, "http://127.0.0.1:1/"))
            .collect();
        Table::compile(snapshot(routes), None, &Origins::for_tests())
    }

    #[test]
    fn matches_whole_segments_only_and_the_longest_path() {
        let table = table(&["/fininfo", "/team", "/team/search"]);
        let found = |path: &'static str| {
            table
                .find(path)
                .map(|(route, below)| (route.path().as_str().to_owned(), below))
        };
        assert_eq!(found("/fininfo"), Some(("/fininfo".into(), "")));
        assert_eq!(found("/fininfo/mcp"), Some(("/fininfo".into(), "/mcp")));
        assert_eq!(found("/team/search/x"), Some(("/team/search".into(), "/x")));
        assert_eq!(
            found("/team/searching"),
            Some(("/team".into(), "/searching"))
        );
        for path in ["/", "/fininfo-evil", "/fininf", "/FinInfo", "/x/fininfo"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn unchanged_routes_keep_their_compiled_form() {
        let origins = Origins::for_tests();
        let first = Table::compile(
            snapshot(
                [route("/a", "http://h:1/"), route("/b", "http://h:1/")]
                    .into_iter()
                    .collect(),
            ),
            None,
            &origins,
        );
        let second = Table::compile(
            snapshot(
                [route("/a", "http://h:1/"), route("/b", "http://h:2/")]
                    .into_iter()
                    .collect(),
            ),
            Some(&first),
            &origins,
        );
        let same =
            |path: &str| Arc::ptr_eq(first.find(path).unwrap().0, second.find(path).unwrap().0);
        assert!(same("/a"));
        assert!(!same("/b"));
    }

    #[test]
    fn seals_follow_the_snapshots_key_and_outlive_a_snapshot_without() {
        let origins = Origins::for_tests();
        let told = |byte: u8| {
            let mut snapshot = samples::snapshot("c", 1, []);
            snapshot.access = Some(Arc::new(samples::access(byte)));
            Arc::new(snapshot)
        };
        let untold = snapshot(Routes::new());
        let compile = |snapshot, previous| Table::compile(snapshot, previous, &origins);
        let same =
            |one: &Table, two: &Table| Arc::ptr_eq(one.seals().unwrap(), two.seals().unwrap());
        let own = compile(Arc::clone(&untold), None);
        assert!(same(&own, &compile(Arc::clone(&untold), Some(&own))));
        let first = compile(told(1), Some(&own));
        assert!(!same(&own, &first));
        assert!(same(&first, &compile(told(1), Some(&first))));
        assert!(same(&first, &compile(untold, Some(&first))));
        assert!(!same(&first, &compile(told(2), Some(&first))));
    }

    #[test]
    fn a_clients_query_never_replaces_the_definitions() {
        let (_, route) = route("/a", "http://h:1/x?key=1");
        let compiled = CompiledRoute::new(&route, &Origins::for_tests()).unwrap();
        assert_eq!(
            compiled.mcp.with_query(Some("a=b")).unwrap(),
            "/x?key=1&a=b"
        );
        assert_eq!(compiled.mcp.with_query(None).unwrap(), "/x?key=1");
        assert_eq!(compiled.below("/y", Some("q")).unwrap(), "/x/y?q");
    }
}
