//! Which hosts and origins are ours: the answer to DNS rebinding.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use url::Url;

use crate::config::HttpConfig;

/// The names under which we serve.
#[derive(Debug)]
pub struct HostRules {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
    /// Nothing is configured and the listener is reachable from elsewhere: serve any, warn once.
    open: bool,
    warned: AtomicBool,
}

impl HostRules {
    /// From the configuration, the machine's own name, and whether the listener is bound to
    /// loopback addresses only.
    pub fn new(config: &HttpConfig, machine: Option<&str>, loopback: bool) -> Self {
        let public = [&config.public_url, &config.gateway_public_url];
        let public: Vec<&Url> = public.into_iter().flatten().collect();
        let mut hosts: BTreeSet<String> = config
            .allowed_hosts
            .iter()
            .map(|host| normal(host))
            .collect();
        let open = hosts.is_empty() && public.is_empty() && !loopback;
        hosts.insert("localhost".to_owned());
        hosts.extend(machine.map(normal));
        hosts.extend(public.iter().filter_map(|url| url.host_str()).map(normal));
        let mut origins: BTreeSet<String> = config
            .allowed_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        origins.extend(public.iter().map(|url| url.origin().ascii_serialization()));
        Self {
            hosts,
            origins,
            open,
            warned: AtomicBool::new(false),
        }
    }

    /// Whether we serve under this `Host` (with or without port).
    pub fn allows_host(&self, host: &str) -> bool {
        let Some(name) = host_name(host) else {
            return false;
        };
        if is_address(name) || self.is_own_name(name) {
            return true;
        }
        if self.open && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                host = name,
                "any Host is served, because neither ALLOWED_HOSTS nor PUBLIC_URL is set; set one of them"
            );
        }
        self.open
    }

    /// Whether a host (with or without port) is named by the configuration, is this machine's or
    /// `localhost`. Addresses are not.
    pub fn is_own_name(&self, host: &str) -> bool {
        host_name(host)
            .is_some_and(|name| self.hosts.contains(&normal(name)) || is_local_name(name))
    }

    /// Whether a page of this origin may call us, when it was called as `host` over `scheme`.
    pub fn allows_origin(&self, origin: &str, scheme: &str, host: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let Some((origin_scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let default = if origin_scheme == "https" {
            ":443"
        } else {
            ":80"
        };
        let plain = |text: &str| text.strip_suffix(default).unwrap_or(text).to_owned();
        origin_scheme == scheme && plain(authority) == plain(&host.to_ascii_lowercase())
    }
}

/// The name in a `Host` value; `None` when it is not one host with an optional port.
pub fn host_name(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => host.split_once(':').map_or((host, ""), |(name, _)| {
            (name, host.get(name.len()..).unwrap_or(""))
        }),
    };
    let port_is_fine = match port.strip_prefix(':') {
        Some(digits) => !digits.is_empty() && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    let name_is_fine = !name.is_empty()
        && name.len() <= 255
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    (port_is_fine && name_is_fine).then_some(name)
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

fn is_local_name(name: &str) -> bool {
    let name = normal(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn normal(host: &str) -> String {
    host.trim().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(hosts: &[&str], public: Option<&str>) -> HttpConfig {
        HttpConfig {
            allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            allowed_origins: Vec::new(),
            public_url: public.map(|url| url.parse().unwrap()),
            gateway_public_url: None,
            trust_proxy_headers: false,
            trusted_proxies: Vec::new(),
        }
    }

    #[test]
    fn serves_addresses_own_names_and_what_is_configured() {
        let rules = HostRules::new(
            &config(&["mcp.example"], Some("https://pub.example/base")),
            Some("box"),
            false,
        );
        for host in [
            "localhost",
            "localhost:7860",
            "127.0.0.1:7860",
            "[::1]:80",
            "10.1.2.3",
            "box",
            "BOX:1",
            "mcp.example",
            "mcp.example.:443",
            "pub.example",
            "a.localhost",
        ] {
            assert!(rules.allows_host(host), "{host}");
        }
        for host in [
            "evil.example",
            "mcp.example.evil",
            "localhost.evil",
            "",
            "a b",
            "x@localhost",
            "localhost:x",
            "[::1",
        ] {
            assert!(!rules.allows_host(host), "{host}");
        }
    }

    #[test]
    fn an_open_listener_without_names_serves_any_host() {
        assert!(HostRules::new(&config(&[], None), None, false).allows_host("whatever.example"));
        assert!(!HostRules::new(&config(&[], None), None, true).allows_host("whatever.example"));
        assert!(
            !HostRules::new(&config(&["a"], None), None, false).allows_host("whatever.example")
        );
    }

    #[test]
    fn an_origin_must_be_the_host_that_was_called() {
        let rules = HostRules::new(&config(&[], Some("https://pub.example/base")), None, true);
        assert!(rules.allows_origin("http://localhost:7860", "http", "localhost:7860"));
        assert!(rules.allows_origin("https://localhost", "https", "localhost:443"));
        assert!(rules.allows_origin("https://pub.example", "http", "localhost:7860"));
        assert!(!rules.allows_origin("http://localhost:7861", "http", "localhost:7860"));
        assert!(!rules.allows_origin("https://localhost:7860", "http", "localhost:7860"));
        assert!(!rules.allows_origin("null", "http", "localhost:7860"));
        assert!(!rules.allows_origin("http://evil.example", "http", "localhost:7860"));
    }
}
