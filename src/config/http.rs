//! `[http]`: what both web edges share.

use ipnet::IpNet;
use serde::Deserialize;

/// Settings of hosts, origins, public URLs and proxies in front.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Host names that are served besides IP literals, localhost, the machine's name and the
    /// public URLs' hosts (`ALLOWED_HOSTS`).
    pub allowed_hosts: Vec<String>,
    /// Origins of browsers that may call (`ALLOWED_ORIGINS`).
    pub allowed_origins: Vec<String>,
    /// The registry's URL as seen by people (`PUBLIC_URL`).
    pub public_url: Option<url::Url>,
    /// The gateway's URL as seen by clients (`GATEWAY_PUBLIC_URL`).
    pub gateway_public_url: Option<url::Url>,
    /// Believe `X-Forwarded-*` of the peers below (`TRUST_PROXY_HEADERS`).
    pub trust_proxy_headers: bool,
    /// Which peers (`TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
}
