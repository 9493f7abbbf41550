//! Snapshots for tests.

use std::sync::Arc;

use super::snapshot::{Access, SessionKey, Snapshot};
use crate::domain::endpoint::{Endpoints, UpstreamUrl};
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::path::ServerPath;
use crate::domain::policy::Policy;
use crate::domain::secret::Secret;
use crate::domain::server::{Route, UpstreamHeader, UpstreamTls};
use crate::domain::trust::Trust;

pub(crate) fn route(path: &str, url: &str) -> Route {
    let base = UpstreamUrl::parse(url).unwrap();
    Route {
        path: ServerPath::parse(path).unwrap(),
        endpoints: Endpoints::derive(&base, None, None),
        public: false,
        passthrough: false,
        forward_authorization: false,
        timeout: None,
        tls: UpstreamTls::default(),
        headers: Vec::new(),
    }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<UpstreamHeader> {
    let header = |(name, value): &(&str, &str)| UpstreamHeader {
        name: (*name).to_owned(),
        value: Secret::new((*value).to_owned()),
    };
    pairs.iter().map(header).collect()
}

pub(crate) fn snapshot(
    cluster: &str,
    revision: u64,
    routes: impl IntoIterator<Item = Route>,
) -> Snapshot {
    let routes = routes
        .into_iter()
        .map(|route| (route.path.clone(), Arc::new(route)))
        .collect();
    let access = Some(Arc::new(access(1)));
    Snapshot {
        cluster: ClusterId(cluster.into()),
        revision: Revision(revision),
        routes,
        access,
    }
}

pub(crate) fn access(byte: u8) -> Access {
    Access {
        policy: Policy::default(),
        trust: Trust {
            issuer: "c1".into(),
            audience: "mcp".into(),
            ..Trust::default()
        },
        session_key: SessionKey(Secret::new([byte; 32])),
    }
}
