//! The JSON of the lines.
//!
//! Apart from the domain's types on purpose: what travels must stay readable one version further,
//! whatever happens to the types inside. Unknown members are ignored everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::seal::LineKeys;
use crate::domain::endpoint::Endpoints;
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::path::ServerPath;
use crate::domain::policy::Policy;
use crate::domain::secret::Secret;
use crate::domain::server::{Route, UpstreamHeader, UpstreamTls};
use crate::domain::trust::Trust;

/// What must be known before anything else of a line is.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'l> {
    #[serde(borrow, default)]
    pub(super) salt: Cow<'l, str>,
    pub(super) format: u32,
    #[serde(default)]
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Full,
    Delta,
    Heartbeat,
    #[default]
    #[serde(other)]
    Unknown,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Delta => "delta",
            Self::Heartbeat => "heartbeat",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FullBody {
    pub(super) cluster: ClusterId,
    pub(super) revision: Revision,
    pub(super) routes: BTreeMap<ServerPath, WireRoute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access: Option<WireAccess>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeltaBody {
    pub(super) cluster: ClusterId,
    pub(super) base: Revision,
    pub(super) revision: Revision,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) set: BTreeMap<ServerPath, WireRoute>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remove: Vec<ServerPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access: Option<WireAccess>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeartbeatBody {
    pub(super) cluster: ClusterId,
    pub(super) revision: Revision,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireAccess {
    pub(super) policy: Policy,
    pub(super) trust: Trust,
    /// Sealed.
    pub(super) session_key: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireRoute {
    endpoints: Endpoints,
    #[serde(default, skip_serializing_if = "is_false")]
    public: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    passthrough: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    forward_authorization: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<WireTls>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<WireHeader>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireTls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    insecure: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireHeader {
    name: String,
    sealed: String,
}

impl WireRoute {
    pub(super) fn seal(route: &Route, keys: &LineKeys, cluster: &ClusterId) -> Result<Self, Error> {
        let headers = route.headers.iter().map(|header| {
            let place = [HEADER, &cluster.0, route.path.as_str(), &header.name];
            let sealed = keys.seal(&place, header.value.expose().as_bytes())?;
            Ok(WireHeader {
                name: header.name.clone(),
                sealed,
            })
        });
        let timeout = route
            .timeout
            .map(|timeout| u64::try_from(timeout.as_millis()));
        Ok(Self {
            endpoints: route.endpoints.clone(),
            public: route.public,
            passthrough: route.passthrough,
            forward_authorization: route.forward_authorization,
            timeout_ms: timeout.transpose().map_err(|_| Error::Write)?,
            tls: (route.tls != UpstreamTls::default()).then(|| WireTls {
                ca: route.tls.ca.clone(),
                insecure: route.tls.insecure,
            }),
            headers: headers.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn open(
        self,
        path: ServerPath,
        keys: &LineKeys,
        cluster: &ClusterId,
    ) -> Result<Route, Error> {
        let headers = self.headers.into_iter().map(|header| {
            let place = [HEADER, &cluster.0, path.as_str(), &header.name];
            let value = keys.open(&place, &header.sealed)?;
            let value = String::from_utf8(value.expose().clone()).map_err(|_| Error::Sealed)?;
            Ok(UpstreamHeader {
                name: header.name,
                value: Secret::new(value),
            })
        });
        let headers = headers.collect::<Result<_, _>>()?;
        let tls = self.tls.map(|tls| UpstreamTls {
            ca: tls.ca,
            insecure: tls.insecure,
        });
        Ok(Route {
            path,
            endpoints: self.endpoints,
            public: self.public,
            passthrough: self.passthrough,
            forward_authorization: self.forward_authorization,
            timeout: self.timeout_ms.map(Duration::from_millis),
            tls: tls.unwrap_or_default(),
            headers,
        })
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

const HEADER: &str = "header";
