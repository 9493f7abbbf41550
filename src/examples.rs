//! The example MCP servers: `mcp server NAME`.
//!
//! Promises: each is written with the public SDK as a user would write it, and speaks both eras of the protocol on one
//! URL: sessions up to 2025-11-25, single requests from 2026-07-28 on. `/mcp`, `/mcp/` and `/` are that URL, `/health`
//! says that the server is up. Requests with a Host or Origin that is neither loopback nor allowed are refused.
//! Must not: print, listen by itself, or know the registry and the gateway.
//!
//! Start reading at [`serve`]; `currenttime.rs` is the shortest complete server.

mod arguments;
mod currenttime;
mod faketools;
mod fininfo;
mod http;

use std::fmt;
use std::str::FromStr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use fininfo::{ApiKey, PolygonOptions};

/// Which server to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExampleName {
    /// Tells the time in any time zone.
    CurrentTime,
    /// Stock aggregates from Polygon.
    FinInfo,
    /// Made-up tools with rich schemas.
    RealServerFakeTools,
}

impl ExampleName {
    /// Every server, in the order of their ports.
    pub const ALL: [Self; 3] = [Self::CurrentTime, Self::FinInfo, Self::RealServerFakeTools];

    /// The name on the command line and in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CurrentTime => "currenttime",
            Self::FinInfo => "fininfo",
            Self::RealServerFakeTools => "realserverfaketools",
        }
    }

    /// The port where nothing else is said.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::CurrentTime => 8000,
            Self::FinInfo => 8001,
            Self::RealServerFakeTools => 8002,
        }
    }

    /// One line for `--help`.
    pub const fn about(self) -> &'static str {
        match self {
            Self::CurrentTime => "tells the time in any time zone",
            Self::FinInfo => "stock aggregates from Polygon; needs POLYGON_API_KEY",
            Self::RealServerFakeTools => "made-up tools with rich schemas, for trying clients out",
        }
    }
}

impl fmt::Display for ExampleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No example server has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no example server is called `{0}`; there are currenttime, fininfo and realserverfaketools"
)]
pub struct UnknownExample(String);

impl FromStr for ExampleName {
    type Err = UnknownExample;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .into_iter()
            .find(|example| example.as_str() == name);
        found.ok_or_else(|| UnknownExample(name.to_owned()))
    }
}

/// How to run a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Host names, with or without port, that requests may carry besides loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Where `fininfo` gets its data.
    pub polygon: PolygonOptions,
}

/// Serves one example until `stop`, then lets open requests finish for a moment.
///
/// # Errors
/// When the server cannot be built, or the listener fails for good.
pub async fn serve(
    name: ExampleName,
    listener: TcpListener,
    options: Options,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let hosts = &options.allowed_hosts;
    let router = match name {
        ExampleName::CurrentTime => {
            http::router(name, currenttime::CurrentTime::new(), hosts, &stop)
        }
        ExampleName::FinInfo => {
            http::router(name, fininfo::FinInfo::new(options.polygon)?, hosts, &stop)
        }
        ExampleName::RealServerFakeTools => {
            http::router(name, faketools::FakeTools::new(), hosts, &stop)
        }
    };
    http::serve(listener, router, stop).await
}
