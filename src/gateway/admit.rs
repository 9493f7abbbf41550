//! The first phase: is this a request that we handle at all?
//!
//! Everything that later phases rely on is settled here: one valid host that we answer for, an
//! origin that may call, fields that mean the same to us and to an upstream.

use std::collections::HashSet;

use http::{HeaderValue, Method, Version};

use super::fields::{Name, visible};
use super::head::RequestHead;
use super::reason::Reason;
use crate::config::HttpConfig;
use crate::config::gateway::LimitsConfig;
use crate::http::host::{HostRules, host_name};

/// Fields that must not come twice: what we decide on.
const SINGLE: [Name; 8] = [
    Name::Authorization,
    Name::ContentLength,
    Name::ContentType,
    Name::ContentEncoding,
    Name::Origin,
    Name::Expect,
    Name::Upgrade,
    Name::XAuthorization,
];

/// The same of the protocol: two readers may pick two of them, whatever the body says.
const SINGLE_MCP: [Name; 5] = [
    Name::McpProtocolVersion,
    Name::McpMethod,
    Name::McpName,
    Name::McpSessionId,
    Name::Mcp,
];

/// Whom we answer, by `Host` and by `Origin`.
#[derive(Debug)]
pub struct RequestRules {
    hosts: HostRules,
    origins: HashSet<String>,
    header_fields: usize,
    header_bytes: usize,
    target_bytes: usize,
}

/// What admission found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The host as the client names it, with port.
    pub host: HeaderValue,
    /// The client is a page of an origin that may call.
    pub origin: Option<HeaderValue>,
}

impl RequestRules {
    /// From settings; `machine` is the machine's own name, `public` says that some listener is
    /// reachable from elsewhere.
    pub fn new(
        http: &HttpConfig,
        limits: &LimitsConfig,
        machine: Option<&str>,
        public: bool,
    ) -> Self {
        let origins = http
            .allowed_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Self {
            hosts: HostRules::new(http, machine, !public),
            origins,
            header_fields: limits.header_fields,
            header_bytes: limits.header_bytes.bytes(),
            target_bytes: limits.target_bytes.bytes(),
        }
    }

    /// Admits a request or says why not. `sni` is the name that the connection's handshake was for,
    /// `known` a host that was called on it and admitted before.
    pub fn check(
        &self,
        head: &RequestHead,
        sni: Option<&str>,
        known: Option<&HeaderValue>,
    ) -> Result<Admitted, Reason> {
        self.check_size(head)?;
        check_method(head)?;
        check_fields(head)?;
        let host = self.check_host(head, sni, known)?;
        let origin = self.check_origin(head, &host)?;
        Ok(Admitted { host, origin })
    }

    /// The host that was called, which is one of ours.
    fn check_host(
        &self,
        head: &RequestHead,
        sni: Option<&str>,
        known: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Reason> {
        // A client calls the same host all along; what was found out of it holds for its connection.
        if let Some(known) = known
            && head.authority().is_none()
            && !head.fields().repeats(Name::Host)
            && head.field(Name::Host) == Some(known.as_bytes())
        {
            return Ok(known.clone());
        }
        let host = host_of(head)?;
        if let Some(known) = known.filter(|known| *known == host) {
            return Ok(known.clone());
        }
        let name = host_name(host).ok_or(Reason::BadHost)?;
        if sni.is_some_and(|sni| !sni.eq_ignore_ascii_case(name)) {
            return Err(Reason::Misdirected);
        }
        if !self.hosts.allows_host(host) {
            return Err(Reason::HostRefused);
        }
        HeaderValue::try_from(host).map_err(|_| Reason::BadHost)
    }

    /// Whether a host is named by the configuration, is this machine's, or leads back to it.
    pub fn is_own_host(&self, host: &str) -> bool {
        self.hosts.is_own_name(host) || host_name(host).is_some_and(is_loopback)
    }

    fn check_size(&self, head: &RequestHead) -> Result<(), Reason> {
        let query = head.query().map_or(0, |query| query.len() + 1);
        if head.raw_path().len() + query > self.target_bytes {
            return Err(Reason::TargetTooLong);
        }
        let fields = head.fields();
        // With a colon, a blank and a line's end each.
        let bytes = fields.bytes() + 4 * fields.len();
        if fields.len() > self.header_fields || bytes > self.header_bytes {
            return Err(Reason::HeadTooLarge);
        }
        Ok(())
    }

    fn check_origin(
        &self,
        head: &RequestHead,
        host: &HeaderValue,
    ) -> Result<Option<HeaderValue>, Reason> {
        let Some(value) = head.field(Name::Origin) else {
            return Ok(None);
        };
        let origin = visible(value)
            .ok_or(Reason::OriginRefused)?
            .to_ascii_lowercase();
        // A page at some address is not ours for being at an address: only loopback ones are.
        let own_host = origin
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .is_some_and(|(_, authority)| {
                authority.as_bytes().eq_ignore_ascii_case(host.as_bytes())
                    || self.hosts.is_own_name(authority)
                    || host_name(authority).is_some_and(is_loopback)
            });
        if own_host || self.origins.contains(&origin) {
            let value = HeaderValue::from_bytes(value);
            value.map(Some).map_err(|_| Reason::OriginRefused)
        } else {
            Err(Reason::OriginRefused)
        }
    }
}

fn check_method(head: &RequestHead) -> Result<(), Reason> {
    match *head.method() {
        Method::GET
        | Method::POST
        | Method::DELETE
        | Method::OPTIONS
        | Method::HEAD
        | Method::PUT
        | Method::PATCH => Ok(()),
        _ => Err(Reason::MethodNotAllowed),
    }
}

fn check_fields(head: &RequestHead) -> Result<(), Reason> {
    let fields = head.fields();
    if fields.has(Name::Underscored) {
        return Err(Reason::BadHeader);
    }
    if SINGLE_MCP.iter().any(|name| fields.repeats(*name)) {
        return Err(Reason::HeaderMismatch);
    }
    if SINGLE.iter().any(|name| fields.repeats(*name)) {
        return Err(Reason::BadHeader);
    }
    if let Some(expect) = fields.get(Name::Expect)
        && !expect.eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Reason::ExpectationFailed);
    }
    if let Some(coding) = fields.get(Name::TransferEncoding) {
        let chunked = coding.eq_ignore_ascii_case(b"chunked");
        let repeats = fields.repeats(Name::TransferEncoding);
        if !chunked || repeats || head.version() != Version::HTTP_11 {
            return Err(Reason::BadRequest);
        }
    }
    Ok(())
}

/// The one host that the request names (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host_of(head: &RequestHead) -> Result<&str, Reason> {
    let field = head.field(Name::Host);
    let field = field.map(|value| visible(value).ok_or(Reason::BadHost));
    let field = field.transpose()?;
    if head.fields().repeats(Name::Host) {
        return Err(Reason::BadHost);
    }
    match (head.authority(), field) {
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            Err(Reason::BadHost)
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(field)) => Ok(field),
        (None, None) => Err(Reason::BadHost),
    }
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::config::types::ByteSize;

    fn admission(hosts: &[&str], public: bool) -> RequestRules {
        let http = HttpConfig {
            allowed_hosts: hosts.iter().map(ToString::to_string).collect(),
            allowed_origins: vec!["https://app.example".to_owned()],
            public_url: None,
            gateway_public_url: None,
            trust_proxy_headers: false,
            trusted_proxies: Vec::new(),
        };
        let limits = LimitsConfig {
            connections: 1,
            connections_per_address: 1,
            requests_per_connection: 0,
            header_fields: 10,
            header_bytes: ByteSize::new(1_000),
            target_bytes: ByteSize::new(100),
            message_bytes: ByteSize::new(1),
            h2_streams: 1,
            calls_per_minute: 0,
            calls_burst: 0,
            streams_per_caller: 0,
        };
        RequestRules::new(&http, &limits, Some("box"), public)
    }

    fn head(uri: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        RequestHead::from_parts(request.body(()).unwrap().into_parts().0)
    }

    fn checked(fields: &[(&str, &str)]) -> Result<Admitted, Reason> {
        admission(&["gw.example"], false).check(&head("/x", fields), None, None)
    }

    #[test]
    fn needs_exactly_one_valid_host_that_we_answer_for() {
        for host in [
            "gw.example",
            "GW.example:8443",
            "localhost:1",
            "127.0.0.1",
            "[::1]:8080",
            "box",
            "10.1.2.3:80",
            "gw.example.",
        ] {
            assert!(checked(&[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "",
            "a b",
            "gw.example:99999",
            "gw.example:",
            "[::1",
            "u@gw.example",
            "gw.example/x",
            "gw.example, x",
        ] {
            assert_eq!(checked(&[("host", host)]), Err(Reason::BadHost), "{host}");
        }
        assert_eq!(checked(&[]), Err(Reason::BadHost));
        assert_eq!(
            checked(&[("host", "gw.example"), ("host", "gw.example")]),
            Err(Reason::BadHost)
        );
        for host in ["evil.example", "gw.example.evil", "localhost.evil"] {
            assert_eq!(
                checked(&[("host", host)]),
                Err(Reason::HostRefused),
                "{host}"
            );
        }
    }

    #[test]
    fn host_and_authority_must_agree() {
        let admission = admission(&["gw.example", "other.example"], false);
        let check = |fields: &[(&str, &str)]| {
            admission.check(&head("http://gw.example/x", fields), None, None)
        };
        assert!(check(&[]).is_ok());
        assert!(check(&[("host", "GW.EXAMPLE")]).is_ok());
        assert_eq!(check(&[("host", "other.example")]), Err(Reason::BadHost));
    }

    #[test]
    fn a_connection_made_for_another_name_is_misdirected() {
        let admission = admission(&["gw.example", "other.example"], false);
        let head = head("/x", &[("host", "gw.example:443")]);
        assert!(admission.check(&head, Some("GW.example"), None).is_ok());
        assert_eq!(
            admission.check(&head, Some("other.example"), None),
            Err(Reason::Misdirected)
        );
    }

    #[test]
    fn foreign_origins_may_not_call() {
        let with = |origin: &str| checked(&[("host", "gw.example"), ("origin", origin)]);
        for origin in [
            "https://gw.example",
            "http://localhost:5173",
            "https://app.example",
            "http://127.0.0.1:1",
        ] {
            assert!(with(origin).is_ok(), "{origin}");
        }
        for origin in [
            "null",
            "https://evil.example",
            "https://app.example.evil",
            "file://gw.example",
            "https://gw.example.evil",
            "http://203.0.113.5",
            "http://10.0.0.1:8080",
        ] {
            assert_eq!(with(origin), Err(Reason::OriginRefused), "{origin}");
        }
    }

    #[test]
    fn an_open_listener_serves_any_host_but_no_foreign_origin() {
        let admission = admission(&[], true);
        let check = |origin: &str| {
            admission.check(
                &head("/x", &[("host", "anything.example"), ("origin", origin)]),
                None,
                None,
            )
        };
        assert!(check("https://anything.example").is_ok());
        assert_eq!(check("https://evil.example"), Err(Reason::OriginRefused));
    }

    #[test]
    fn refuses_ambiguous_fields_methods_and_sizes() {
        let with = |name: &str, value: &str| checked(&[("host", "box"), (name, value)]);
        assert_eq!(with("x_user", "a"), Err(Reason::BadHeader));
        assert_eq!(with("expect", "x"), Err(Reason::ExpectationFailed));
        assert!(with("expect", "100-Continue").is_ok());
        assert_eq!(
            with("transfer-encoding", "cow, chunked"),
            Err(Reason::BadRequest)
        );
        assert!(with("transfer-encoding", "chunked").is_ok());
        assert_eq!(
            with("x-long", &"a".repeat(1_000)),
            Err(Reason::HeadTooLarge)
        );
        assert_eq!(
            checked(&[
                ("host", "box"),
                ("authorization", "a"),
                ("authorization", "b")
            ]),
            Err(Reason::BadHeader)
        );
        let admission = admission(&[], false);
        assert_eq!(
            admission.check(
                &head(&format!("/{}", "a".repeat(100)), &[("host", "box")]),
                None,
                None
            ),
            Err(Reason::TargetTooLong)
        );
        for method in [
            Method::TRACE,
            Method::CONNECT,
            Method::from_bytes(b"PURGE").unwrap(),
        ] {
            let request = Request::builder()
                .method(method)
                .uri("/")
                .header("host", "box")
                .body(())
                .unwrap();
            let head = RequestHead::from_parts(request.into_parts().0);
            assert_eq!(
                admission.check(&head, None, None),
                Err(Reason::MethodNotAllowed)
            );
        }
    }
}
