//! Why the gateway itself answered, and how.
//!
//! Each reason has a status, a stable label for logs and metrics, a sentence for people and, on MCP
//! paths, a JSON-RPC error code. Nothing here tells what an upstream or a peer must not learn.

use http::StatusCode;

use crate::protocol::error;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:expr, $label:literal, $message:literal;)*) => {
        /// Why the gateway itself answered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
            /// The label in logs, metrics and error bodies.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
            /// A sentence for people.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
            /// The JSON-RPC code on MCP paths: from the specification where it defines the case,
            /// else positive, outside every reserved range.
            pub const fn code(self) -> i32 {
                match self { $(Self::$name => $code,)* }
            }
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

reasons! {
    /// The request breaks a rule of HTTP that we hold.
    BadRequest = BAD_REQUEST, 4000, "bad_request", "the request is malformed";
    /// A path without canonical form.
    BadTarget = BAD_REQUEST, 4001, "bad_target", "the request target has no canonical form";
    /// No, several or a malformed Host.
    BadHost = BAD_REQUEST, 4002, "bad_host", "the request must name exactly one valid host";
    /// A header that must be single comes twice, or has a forbidden name.
    BadHeader = BAD_REQUEST, 4003, "bad_header", "a header field is malformed, forbidden or repeated";
    /// Not JSON-RPC.
    BadMessage = BAD_REQUEST, error::PARSE_ERROR, "bad_message", "the body is not a valid JSON-RPC message";
    /// `Mcp-Method` or `Mcp-Name` differ from the body, or come twice.
    HeaderMismatch = BAD_REQUEST, error::HEADER_MISMATCH, "header_mismatch", "the Mcp-* headers do not match the body";
    /// No or no valid token.
    Unauthenticated = UNAUTHORIZED, 4010, "unauthenticated", "a valid bearer token is needed";
    /// The policy says no.
    Forbidden = FORBIDDEN, 4030, "forbidden", "the caller may not do this here";
    /// Another host than those we answer for.
    HostRefused = FORBIDDEN, 4031, "host_refused", "this host name is not served here; see ALLOWED_HOSTS";
    /// A page of another origin.
    OriginRefused = FORBIDDEN, 4032, "origin_refused", "this origin may not call; see ALLOWED_ORIGINS";
    /// No such server or page.
    NotFound = NOT_FOUND, 4040, "not_found", "there is nothing at this path";
    /// A session id or message URL that was not handed out to this caller.
    SessionNotFound = NOT_FOUND, 4041, "session_not_found", "there is no such session here; begin a new one";
    /// A method we do not forward.
    MethodNotAllowed = METHOD_NOT_ALLOWED, 4050, "method_not_allowed", "this method is not supported";
    /// A body that stopped coming.
    BodyTimeout = REQUEST_TIMEOUT, 4080, "body_timeout", "the request body did not arrive in time";
    /// Longer than we hold.
    BodyTooLarge = PAYLOAD_TOO_LARGE, 4130, "body_too_large", "the message is larger than the gateway takes";
    /// A target longer than the limit.
    TargetTooLong = URI_TOO_LONG, 4140, "target_too_long", "the request target is too long";
    /// Not JSON, or compressed.
    UnsupportedMedia = UNSUPPORTED_MEDIA_TYPE, 4150, "unsupported_media_type", "an MCP message must be application/json without content encoding";
    /// An `Expect` other than 100-continue.
    ExpectationFailed = EXPECTATION_FAILED, 4170, "expectation_failed", "only Expect: 100-continue is supported";
    /// The TLS name and Host differ.
    Misdirected = MISDIRECTED_REQUEST, 4210, "misdirected", "the connection was made for another host name";
    /// More calls of one caller at one server than are allowed.
    TooManyCalls = TOO_MANY_REQUESTS, 4290, "too_many_calls", "too many calls of this caller at this server; see Retry-After";
    /// More open streams of one caller than are allowed.
    TooManyStreams = TOO_MANY_REQUESTS, 4291, "too_many_streams", "too many open streams of this caller; close one";
    /// Too many or too large header fields.
    HeadTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE, 4310, "head_too_large", "the header fields are too many or too large";
    /// Broke while we handled it.
    Internal = INTERNAL_SERVER_ERROR, 5000, "internal", "the gateway failed";
    /// CONNECT, or an upgrade other than WebSocket.
    NotImplemented = NOT_IMPLEMENTED, 5010, "not_implemented", "this protocol is not supported here";
    /// The upstream's address may not be dialled.
    UpstreamForbidden = BAD_GATEWAY, 5020, "upstream_forbidden", "the server's address may not be dialled; see the network settings";
    /// No connection to the upstream.
    UpstreamConnect = BAD_GATEWAY, 5021, "upstream_connect", "the server cannot be reached";
    /// TLS to the upstream failed.
    UpstreamTls = BAD_GATEWAY, 5022, "upstream_tls", "the server's certificate was not accepted";
    /// The upstream broke HTTP, or closed before its answer.
    UpstreamProtocol = BAD_GATEWAY, 5023, "upstream_protocol", "the server closed the connection or answered malformed HTTP";
    /// Larger than what can be looked through for a caller with part of the rights.
    AnswerTooLarge = BAD_GATEWAY, 5024, "answer_too_large", "the server's answer is larger than what the gateway can look through for tools that this caller may not see";
    /// Nobody can say whether it lists tools that the caller may not see.
    AnswerUnreadable = BAD_GATEWAY, 5025, "answer_unreadable", "the server's answer cannot be read, so that tools that this caller may not see cannot be taken out";
    /// Nothing to route by yet.
    Initializing = SERVICE_UNAVAILABLE, 5030, "initializing", "Gateway initializing, please wait...";
    /// Nobody can decide who may call.
    NoPolicy = SERVICE_UNAVAILABLE, 5031, "no_policy", "the registry offers no policy and no AUTH_SERVER_URL is set";
    /// At the limit.
    Overloaded = SERVICE_UNAVAILABLE, 5032, "overloaded", "too many connections";
    /// The gateway ends.
    Stopping = SERVICE_UNAVAILABLE, 5034, "stopping", "the gateway stops; ask another one";
    /// The registry is away.
    RegistryUnavailable = SERVICE_UNAVAILABLE, 5033, "registry_unavailable", "the registry cannot be reached; MCP traffic goes on";
    /// A token of an identity provider none of whose keys is known.
    IssuerUnavailable = SERVICE_UNAVAILABLE, 5035, "issuer_unavailable", "the identity provider's keys are not known yet; try again";
    /// The auth server did not answer, or not so that it can be understood.
    AuthUnavailable = SERVICE_UNAVAILABLE, 5036, "auth_unavailable", "the auth server gave no usable answer, so nobody is let in; try again";
    /// Connecting took too long.
    UpstreamConnectTimeout = GATEWAY_TIMEOUT, 5040, "upstream_connect_timeout", "the server did not accept the connection in time";
    /// It came back to us.
    Loop = LOOP_DETECTED, 5080, "loop", "the request was passed on by gateways too often; a server's URL leads back to the gateway";
    /// No head of an answer in time.
    UpstreamFirstByte = GATEWAY_TIMEOUT, 5041, "upstream_first_byte_timeout", "the server did not answer in time";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Reason;

    #[test]
    fn labels_and_codes_name_one_reason_each() {
        let labels: HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(
            (labels.len(), codes.len()),
            (Reason::ALL.len(), Reason::ALL.len())
        );
    }

    #[test]
    fn own_codes_stay_out_of_reserved_ranges() {
        for reason in Reason::ALL {
            assert!(reason.code() > 0 || matches!(reason.code(), -32700 | -32020));
            assert!(reason.status().is_client_error() || reason.status().is_server_error());
        }
    }
}
