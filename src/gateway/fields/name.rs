//! What a field is, found out once from its name.

/// The names that phases decide on, by the length of their spelling; and families of names that are
/// decided on alike.
macro_rules! names {
    (
        $($length:literal: { $($(#[$doc:meta])* $name:ident = $spelling:literal,)* })*
        families { $($(#[$family_doc:meta])* $family:ident = [$($member:literal)*],)* }
    ) => {
        /// A name, or a family of names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Name {
            $($($(#[$doc])* $name,)*)*
            $($(#[$family_doc])* $family,)*
        }

        impl Name {
            /// Of a name in lower case.
            pub(super) fn of_lower(lower: &[u8]) -> Self {
                let known = match lower.len() {
                    $($length => match lower {
                        $($spelling => Some(Self::$name),)*
                        _ => None,
                    },)*
                    _ => None,
                };
                known.unwrap_or_else(|| match lower {
                    $($($member => Self::$family,)*)*
                    other => Self::of_prefix(other),
                })
            }

            /// Whether it stands for one name, and not for a family.
            pub(super) const fn is_one(self) -> bool {
                !matches!(self, $(Self::$family)|*)
            }
        }

        #[cfg(test)]
        pub(super) const SPELT: &[(&[u8], Name)] = &[
            $($(($spelling, Name::$name),)*)*
            $($(($member, Name::$family),)*)*
        ];
    };
}

names! {
    3: {
        /// `Via`.
        Via = b"via",
    }
    4: {
        /// `Host`.
        Host = b"host",
        /// `Date`.
        Date = b"date",
    }
    6: {
        /// `Accept`.
        Accept = b"accept",
        /// `Cookie`.
        Cookie = b"cookie",
        /// `Expect`.
        Expect = b"expect",
        /// `Origin`.
        Origin = b"origin",
    }
    7: {
        /// `Upgrade`.
        Upgrade = b"upgrade",
    }
    8: {
        /// `Mcp-Name`: the body's target, mirrored.
        McpName = b"mcp-name",
    }
    9: {
        /// `X-Real-IP`.
        XRealIp = b"x-real-ip",
    }
    10: {
        /// `Connection`.
        Connection = b"connection",
        /// `Mcp-Method`: the body's method, mirrored.
        McpMethod = b"mcp-method",
    }
    12: {
        /// `Content-Type`.
        ContentType = b"content-type",
    }
    13: {
        /// `Authorization`.
        Authorization = b"authorization",
        /// `Cache-Control`.
        CacheControl = b"cache-control",
        /// `Last-Event-ID`.
        LastEventId = b"last-event-id",
    }
    14: {
        /// `Content-Length`.
        ContentLength = b"content-length",
        /// `Mcp-Session-Id`.
        McpSessionId = b"mcp-session-id",
    }
    15: {
        /// `Accept-Encoding`.
        AcceptEncoding = b"accept-encoding",
        /// `X-Authorization`.
        XAuthorization = b"x-authorization",
        /// `X-Forwarded-For`.
        XForwardedFor = b"x-forwarded-for",
    }
    16: {
        /// `Content-Encoding`.
        ContentEncoding = b"content-encoding",
        /// `WWW-Authenticate`.
        WwwAuthenticate = b"www-authenticate",
        /// `X-Forwarded-Host`.
        XForwardedHost = b"x-forwarded-host",
    }
    17: {
        /// `Transfer-Encoding`.
        TransferEncoding = b"transfer-encoding",
        /// `X-Accel-Buffering`.
        XAccelBuffering = b"x-accel-buffering",
        /// `X-Forwarded-Proto`.
        XForwardedProto = b"x-forwarded-proto",
    }
    19: {
        /// `Proxy-Authorization`.
        ProxyAuthorization = b"proxy-authorization",
    }
    20: {
        /// `MCP-Protocol-Version`.
        McpProtocolVersion = b"mcp-protocol-version",
    }
    30: {
        /// `Access-Control-Request-Headers`.
        RequestHeaders = b"access-control-request-headers",
    }
    families {
        /// Of one hop, beside `Connection` and what frames a message (RFC 9110 §7.6.1).
        Hop = [b"te" b"trailer" b"keep-alive" b"proxy-connection" b"proxy-authenticate" b"http2-settings"],
        /// By which a server would speak to browsers in our name.
        BrowserPolicy = [
            b"set-cookie" b"strict-transport-security" b"clear-site-data" b"service-worker-allowed" b"alt-svc"
            b"public-key-pins" b"nel" b"report-to" b"reporting-endpoints"
        ],
        /// Of the very bytes that came.
        OfTheBytes = [b"etag" b"digest" b"content-digest" b"repr-digest" b"content-md5"],
        /// What only a gateway may set: identity, forwarding, what `/auth/validate` decides on.
        Claimed = [
            b"forwarded" b"remote-user" b"x-scopes" b"x-client-id" b"x-client-id-auth" b"x-server-name"
            b"x-tool-name" b"x-mcp-identity" b"x-body" b"x-region" b"x-request-id"
            b"x-http-method-override" b"x-http-method" b"x-method-override" b"x-rewrite-url"
        ],
        /// Other fields of MCP, `Mcp-Param-*` for one.
        Mcp = [],
        /// Spelt with `_`, which becomes `-` in CGI-like servers: a second spelling of another name.
        Underscored = [],
        /// Anything else.
        Other = [],
    }
}

impl Name {
    /// What a field is, in whatever case its name is spelt.
    pub fn of(spelling: &[u8]) -> Self {
        let mut lower = [0; LONGEST];
        let Some(place) = lower.get_mut(..spelling.len()) else {
            return Self::of_lower(&spelling.to_ascii_lowercase());
        };
        place.copy_from_slice(spelling);
        lower.make_ascii_lowercase();
        Self::of_lower(lower.get(..spelling.len()).unwrap_or_default())
    }

    /// Whether only a gateway may set it.
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Claimed
                | Self::Via
                | Self::XRealIp
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedProto
        )
    }

    /// Whether its value is a credential.
    pub(super) const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::Authorization | Self::XAuthorization | Self::ProxyAuthorization | Self::Cookie
        )
    }

    fn of_prefix(lower: &[u8]) -> Self {
        if lower.contains(&b'_') {
            return Self::Underscored;
        }
        if let Some(rest) = lower.strip_prefix(b"x-") {
            let claimed = CLAIMED.iter().any(|family| rest.starts_with(family));
            return if claimed { Self::Claimed } else { Self::Other };
        }
        if lower.starts_with(b"mcp-") {
            return Self::Mcp;
        }
        if lower.starts_with(b"access-control-") {
            return Self::BrowserPolicy;
        }
        Self::Other
    }
}

/// Families behind `x-`.
const CLAIMED: [&[u8]; 8] = [
    b"user",
    b"auth-",
    b"forwarded",
    b"original-",
    b"gateway-",
    b"internal-token",
    b"remote-",
    b"groups",
];

/// Names up to this are looked at without an allocation.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for (spelling, name) in SPELT {
            let upper = spelling.to_ascii_uppercase();
            assert_eq!(Name::of(spelling), *name);
            assert_eq!(
                Name::of(&upper),
                *name,
                "{}",
                String::from_utf8_lossy(&upper)
            );
        }
        // Each is a bit of a set.
        assert!((Name::Other as u8) < 64);
    }

    #[test]
    fn identity_and_forwarding_families_are_ours() {
        for name in [
            "x-user",
            "x-username",
            "x-user-pool-id",
            "x-auth-method",
            "X-Auth-Request-User",
            "x-forwarded-anything",
            "x-original-url",
            "x-gateway-authorization",
            "x-internal-token-registry",
            "x-groups",
        ] {
            assert_eq!(Name::of(name.as_bytes()), Name::Claimed, "{name}");
        }
        for name in ["x-api-key", "x-csrf-token", "accept-language", "priority"] {
            assert_eq!(Name::of(name.as_bytes()), Name::Other, "{name}");
        }
        assert_eq!(Name::of(b"mcp-param-region"), Name::Mcp);
        assert_eq!(Name::of(b"x_user"), Name::Underscored);
        assert_eq!(
            Name::of(b"Access-Control-Allow-Origin"),
            Name::BrowserPolicy
        );
        let long = "x-forwarded-".to_owned() + &"a".repeat(40);
        assert_eq!(Name::of(long.as_bytes()), Name::Claimed);
    }
}
