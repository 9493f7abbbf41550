//! Settings that contradict each other, or the place they run in.
//!
//! Only the parts that this process runs are looked at: a gateway's address means nothing to a
//! registry alone.

use std::net::SocketAddr;

use super::Config;
use super::draft::Draft;
use super::log::{LEVELS, directives};
use super::parts::{Part, Parts};
use super::tls::TlsSource;
use super::types::{Bind, Period};

/// Records every contradiction.
pub(super) fn run(draft: &mut Draft, config: &Config, parts: Parts) {
    let listeners = listeners(config, parts);
    nothing_to_serve(draft, config, parts);
    same_address(draft, &listeners);
    beyond_loopback(draft, config, parts, &listeners);
    tls(draft, config);
    hosts(draft, config);
    any_host(draft, config, &listeners);
    if directives(&config.log.level).is_err() {
        draft.blame("log.level", "is not a log level", LEVELS);
    }
    if parts.has(Part::Registry) {
        tokens(draft, config);
        super::oidc::checks::run(draft, config);
        no_zero(draft, &registry_periods(config));
    }
    if parts.has(Part::Gateway) {
        no_zero(draft, &gateway_periods(config));
        no_zero_limits(draft, config);
        auth_server(draft, config);
    }
    if (parts.has(Part::Gateway) || parts.has(Part::Validate)) && !parts.has(Part::Registry) {
        following(draft, config);
    }
}

/// A listener that this process opens.
struct Listener {
    key: &'static str,
    address: SocketAddr,
    /// Part of the front door or the control plane, rather than the operator's.
    open: bool,
}

impl Listener {
    /// Claims that other machines can reach what users are served.
    fn is_exposed(&self) -> bool {
        self.open && !self.address.ip().to_canonical().is_loopback()
    }
}

fn listeners(config: &Config, parts: Parts) -> Vec<Listener> {
    let gateway = parts.has(Part::Gateway);
    let https = gateway && config.tls.source() != TlsSource::Off;
    [
        (
            "registry.bind",
            parts.has(Part::Registry),
            Some(config.registry.bind),
            true,
        ),
        (
            "gateway.http_bind",
            gateway,
            Some(config.gateway.http_bind),
            true,
        ),
        (
            "gateway.https_bind",
            https,
            Some(config.gateway.https_bind),
            true,
        ),
        (
            "auth.bind",
            parts.has(Part::Validate),
            Some(config.auth.bind),
            true,
        ),
        ("ops.bind", true, config.ops.bind, false),
    ]
    .into_iter()
    .filter_map(|(key, runs, bind, open)| {
        let address = bind.and_then(Bind::address).filter(|_| runs)?;
        Some(Listener { key, address, open })
    })
    .collect()
}

fn nothing_to_serve(draft: &mut Draft, config: &Config, parts: Parts) {
    let keys = [
        "gateway.http_bind",
        "gateway.https_bind",
        "tls.enabled",
        "tls.dev",
    ];
    let plain = config.gateway.http_bind.address().is_some();
    let secure = config.gateway.https_bind.address().is_some();
    let tls = config.tls.source() != TlsSource::Off;
    if parts.has(Part::Gateway) && !plain && !(secure && tls) && draft.are_sound(&keys) {
        let remedy = if secure {
            "give GATEWAY_HTTP_BIND an address, or turn TLS on (SSL_ENABLED)"
        } else {
            "give GATEWAY_HTTP_BIND or GATEWAY_HTTPS_BIND an address"
        };
        draft.blame(
            "gateway.http_bind",
            "the gateway has no listener left",
            remedy,
        );
    }
    if parts.has(Part::Validate) && config.auth.bind.address().is_none() {
        draft.blame(
            "auth.bind",
            "an auth server has no other listener",
            "give AUTH_BIND an address",
        );
    }
    if parts.has(Part::Registry)
        && !parts.has(Part::Gateway)
        && config.registry.bind.address().is_none()
    {
        draft.blame(
            "registry.bind",
            "a registry without a gateway has no other listener",
            "give REGISTRY_BIND an address",
        );
    }
}

fn same_address(draft: &mut Draft, listeners: &[Listener]) {
    for (place, later) in listeners.iter().enumerate() {
        let taken = listeners.iter().take(place).find(|earlier| {
            let same_ip = earlier.address.ip() == later.address.ip();
            let any = earlier.address.ip().is_unspecified() || later.address.ip().is_unspecified();
            let port = later.address.port();
            port != 0 && earlier.address.port() == port && (same_ip || any)
        });
        if let Some(earlier) = taken {
            draft.blame(
                later.key,
                format!(
                    "takes the same address as {} = {}",
                    earlier.key, earlier.address
                ),
                "give one of them another port",
            );
        }
    }
}

fn beyond_loopback(draft: &mut Draft, config: &Config, parts: Parts, listeners: &[Listener]) {
    let (missing, problem, remedy) = if parts.has(Part::Registry) {
        (
            config.auth.admin_password.is_none() && draft.are_sound(&["auth.admin_password"]),
            "is reachable from other machines, and no ADMIN_PASSWORD is set",
            "set ADMIN_PASSWORD (scripts/make-env.sh writes one) or ADMIN_PASSWORD_FILE, or listen at 127.0.0.1",
        )
    } else {
        (
            config.catalog.token.is_none()
                && config.catalog.token_file.is_none()
                && draft.are_sound(&["catalog.token", "catalog.token_file"]),
            "is reachable from other machines, and no REGISTRY_API_TOKEN is set",
            "set REGISTRY_API_TOKEN (the registry's is in `gateway-token` of its data directory) or REGISTRY_API_TOKEN_FILE, or listen at 127.0.0.1",
        )
    };
    for listener in listeners
        .iter()
        .filter(|listener| missing && listener.is_exposed())
    {
        draft.blame(listener.key, problem, remedy);
    }
}

fn tls(draft: &mut Draft, config: &Config) {
    let source = config.tls.source();
    if config.tls.keyfile_password.is_some()
        && source == TlsSource::Off
        && draft.are_sound(&["tls.enabled", "tls.dev"])
    {
        draft.blame(
            "tls.keyfile_password",
            "is the password of a key that is not used: TLS is off",
            "set SSL_ENABLED=true, or remove SSL_KEYFILE_PASSWORD",
        );
    }
    let files = ["tls.certfile", "tls.keyfile"];
    if config.tls.dev && config.tls.enabled == super::tls::TlsMode::Files {
        for key in files
            .into_iter()
            .filter(|key| draft.is_given(key))
            .collect::<Vec<_>>()
        {
            draft.blame(
                key,
                "names a file, but SSL_DEV makes certificates of its own",
                "remove SSL_DEV to use the file, or the file to use SSL_DEV; SSL_ENABLED=auto takes the files where they are there",
            );
        }
    }
}

fn hosts(draft: &mut Draft, config: &Config) {
    let wrong_host = |host: &&String| host.contains(['/', '@', '?', '#', '*']);
    if let Some(host) = config.http.allowed_hosts.iter().find(wrong_host) {
        let problem = format!("{host:?} is not a host name");
        draft.blame(
            "http.allowed_hosts",
            problem,
            "write names alone, such as mcp.example.com",
        );
    }
    let wrong_origin = |origin: &&String| {
        url::Url::parse(origin).map_or(true, |url| {
            !url.origin().is_tuple() || url.origin().ascii_serialization() != origin.as_str()
        })
    };
    if let Some(origin) = config.http.allowed_origins.iter().find(wrong_origin) {
        let problem = format!("{origin:?} is not an origin");
        draft.blame(
            "http.allowed_origins",
            problem,
            "write scheme, host and port in lower case and nothing after them, such as https://app.example.com",
        );
    }
    for (key, url) in [
        ("http.public_url", &config.http.public_url),
        ("http.gateway_public_url", &config.http.gateway_public_url),
    ] {
        let bad = url.as_ref().and_then(not_http);
        if let Some(problem) = bad {
            draft.blame(
                key,
                problem,
                "write https://host, with a base path if there is one",
            );
        }
    }
}

/// Says once that the Host of requests is not looked at.
fn any_host(draft: &mut Draft, config: &Config, listeners: &[Listener]) {
    let http = &config.http;
    let named = !http.allowed_hosts.is_empty()
        || http.public_url.is_some()
        || http.gateway_public_url.is_some();
    if !named && listeners.iter().any(Listener::is_exposed) {
        draft.warnings.push(
            "requests for any Host are served: set ALLOWED_HOSTS or PUBLIC_URL to the names that \
             this server has"
                .to_owned(),
        );
    }
}

/// What keeps a URL from being one that a web server has.
pub(super) fn not_http(url: &url::Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Some("is not an http or https URL")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("holds a user name or password")
    } else if url.fragment().is_some() {
        Some("holds a fragment")
    } else {
        None
    }
}

fn following(draft: &mut Draft, config: &Config) {
    let problem = match url::Url::parse(&config.catalog.registry_api_url) {
        Ok(url) => not_http(&url),
        Err(_) => Some("is not a URL"),
    };
    if let Some(problem) = problem {
        draft.blame(
            "catalog.registry_api_url",
            problem,
            "write the list's URL, such as http://registry:7860/api/servers, and the token in REGISTRY_API_TOKEN",
        );
    }
    no_zero(
        draft,
        &[("catalog.poll_interval", config.catalog.poll_interval)],
    );
}

/// 128 bits take at least this many characters, whatever sensible alphabet they are written in.
const TOKEN_CHARS: usize = 24;

fn tokens(draft: &mut Draft, config: &Config) {
    let short = config
        .catalog
        .tokens()
        .iter()
        .any(|token| token.expose().len() < TOKEN_CHARS);
    if short {
        draft.blame(
            "catalog.token",
            format!("a token in it is shorter than {TOKEN_CHARS} characters, so it can be guessed"),
            "make one with `openssl rand -hex 32`, or remove it and take the generated one",
        );
    }
}

/// Who is asked about each call, where somebody is.
fn auth_server(draft: &mut Draft, config: &Config) {
    let Some(url) = &config.auth.server_url else {
        return;
    };
    if let Some(problem) = not_http(url) {
        draft.blame(
            "auth.server_url",
            problem,
            "write the auth server's base, such as http://auth-server:8888, or its whole address",
        );
        return;
    }
    no_zero(
        draft,
        &[
            ("auth.external_recheck", config.auth.external_recheck),
            ("auth.external_timeout", config.auth.external_timeout),
        ],
    );
    let asked = match url.path() {
        "/" | "" => format!("{}/auth/validate", url.as_str().trim_end_matches('/')),
        _ => url.to_string(),
    };
    draft.warnings.push(format!(
        "AUTH_SERVER_URL is set: {asked} is asked about every call, and none passes without its 200"
    ));
    let is_near = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !is_near {
        draft.warnings.push(
            "AUTH_SERVER_URL is plain HTTP: callers' tokens travel to it in the clear".to_owned(),
        );
    }
}

pub(super) fn no_zero(draft: &mut Draft, periods: &[(&str, Period)]) {
    for (key, _) in periods.iter().filter(|(_, period)| period.get().is_zero()) {
        draft.blame(
            key,
            "must be longer than nothing",
            "write a duration such as 30s",
        );
    }
}

fn no_zero_limits(draft: &mut Draft, config: &Config) {
    let limits = &config.gateway.limits;
    for (key, zero) in [
        ("gateway.limits.connections", limits.connections == 0),
        (
            "gateway.limits.connections_per_address",
            limits.connections_per_address == 0,
        ),
        ("gateway.limits.header_fields", limits.header_fields == 0),
        (
            "gateway.limits.header_bytes",
            limits.header_bytes.bytes() == 0,
        ),
        (
            "gateway.limits.target_bytes",
            limits.target_bytes.bytes() == 0,
        ),
        (
            "gateway.limits.message_bytes",
            limits.message_bytes.bytes() == 0,
        ),
        ("gateway.limits.h2_streams", limits.h2_streams == 0),
    ] {
        if zero {
            draft.blame(
                key,
                "must not be 0: nothing would pass",
                "write a number above 0",
            );
        }
    }
}

fn registry_periods(config: &Config) -> [(&'static str, Period); 5] {
    [
        ("audit.keep", config.audit.keep),
        ("registry.body_idle", config.registry.body_idle),
        ("catalog.heartbeat", config.catalog.heartbeat),
        ("auth.session_idle", config.auth.session_idle),
        ("auth.session_max", config.auth.session_max),
    ]
}

fn gateway_periods(config: &Config) -> [(&'static str, Period); 13] {
    let timeouts = &config.gateway.timeouts;
    [
        ("gateway.timeouts.first_byte", timeouts.first_byte),
        ("gateway.timeouts.tls_handshake", timeouts.tls_handshake),
        ("gateway.timeouts.header", timeouts.header),
        ("gateway.timeouts.body_idle", timeouts.body_idle),
        ("gateway.timeouts.keep_alive", timeouts.keep_alive),
        ("gateway.timeouts.write_stall", timeouts.write_stall),
        ("gateway.timeouts.h2_ping", timeouts.h2_ping),
        (
            "gateway.timeouts.upstream_connect",
            timeouts.upstream_connect,
        ),
        (
            "gateway.timeouts.upstream_first_byte",
            timeouts.upstream_first_byte,
        ),
        (
            "gateway.timeouts.upstream_body_idle",
            timeouts.upstream_body_idle,
        ),
        (
            "gateway.timeouts.upstream_stream_idle",
            timeouts.upstream_stream_idle,
        ),
        (
            "gateway.timeouts.upstream_keep_alive",
            timeouts.upstream_keep_alive,
        ),
        ("gateway.timeouts.call_total", timeouts.call_total),
    ]
}

#[cfg(test)]
mod tests;
