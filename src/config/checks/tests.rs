use super::*;
use crate::config::{Mistake, Sources, load};

const FULL: Parts = Parts::new(&[Part::Registry, Part::Ui, Part::Gateway]);
const REGISTRY: Parts = Parts::new(&[Part::Registry, Part::Ui]);
const GATEWAY: Parts = Parts::new(&[Part::Gateway]);

fn mistakes(parts: Parts, env: &[(&str, &str)]) -> Vec<Mistake> {
    let env = env
        .iter()
        .chain(&[("HOME", "/home/somebody")])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load(&Sources {
        file: None,
        env,
        flags: Vec::new(),
        parts,
    })
    .map_or_else(|errors| errors.0, |_| Vec::new())
}

fn keys(parts: Parts, env: &[(&str, &str)]) -> Vec<String> {
    mistakes(parts, env)
        .into_iter()
        .map(|mistake| mistake.key)
        .collect()
}

const PASSWORD: (&str, &str) = ("ADMIN_PASSWORD", "correct horse");
const TOKEN: (&str, &str) = ("REGISTRY_API_TOKEN", "abcdefghijklmnopqrstuvwx");

/// Parts that run, their environment, and the keys that are blamed.
type Case = (
    Parts,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const CONTRADICTIONS: &[Case] = &[
    (
        GATEWAY,
        &[("GATEWAY_HTTP_BIND", "off")],
        &["gateway.http_bind"],
    ),
    (
        FULL,
        &[("GATEWAY_HTTP_BIND", "OFF"), ("GATEWAY_HTTPS_BIND", "off")],
        &["gateway.http_bind"],
    ),
    (
        GATEWAY,
        &[("GATEWAY_HTTP_BIND", "off"), ("SSL_DEV", "1")],
        &[],
    ),
    (REGISTRY, &[("GATEWAY_HTTP_BIND", "off")], &[]),
    (REGISTRY, &[("REGISTRY_BIND", "off")], &["registry.bind"]),
    (FULL, &[("REGISTRY_BIND", "off")], &[]),
    (GATEWAY, &[("REGISTRY_BIND", "off")], &[]),
    (
        FULL,
        &[("REGISTRY_BIND", "127.0.0.1:8080")],
        &["gateway.http_bind"],
    ),
    (REGISTRY, &[("REGISTRY_BIND", "127.0.0.1:8080")], &[]),
    (FULL, &[("OPS_BIND", "0.0.0.0:7860")], &["ops.bind"]),
    (FULL, &[("OPS_BIND", "127.0.0.2:7860")], &[]),
    (
        FULL,
        &[
            ("OPS_BIND", "127.0.0.1:0"),
            ("REGISTRY_BIND", "127.0.0.1:0"),
        ],
        &[],
    ),
    (GATEWAY, &[("GATEWAY_HTTPS_BIND", "127.0.0.1:8080")], &[]),
    (
        GATEWAY,
        &[("GATEWAY_HTTPS_BIND", "127.0.0.1:8080"), ("SSL_DEV", "1")],
        &["gateway.https_bind"],
    ),
    (
        GATEWAY,
        &[("POLL_INTERVAL", "0")],
        &["catalog.poll_interval"],
    ),
    (FULL, &[("POLL_INTERVAL", "0")], &[]),
    (
        GATEWAY,
        &[("REGISTRY_API_URL", "registry")],
        &["catalog.registry_api_url"],
    ),
    (
        GATEWAY,
        &[("REGISTRY_API_URL", "ftp://registry/")],
        &["catalog.registry_api_url"],
    ),
    (
        GATEWAY,
        &[("REGISTRY_API_URL", "http://u:p@registry/api/servers")],
        &["catalog.registry_api_url"],
    ),
    (FULL, &[("REGISTRY_API_URL", "whatever")], &[]),
    (REGISTRY, &[("REGISTRY_API_URL", "whatever")], &[]),
    (
        FULL,
        &[("SSL_KEYFILE_PASSWORD", "x")],
        &["tls.keyfile_password"],
    ),
    (
        FULL,
        &[("SSL_KEYFILE_PASSWORD", "x"), ("SSL_ENABLED", "true")],
        &[],
    ),
    (FULL, &[("SSL_DEV", "1"), ("SSL_ENABLED", "true")], &[]),
    (
        FULL,
        &[
            ("SSL_DEV", "1"),
            ("SSL_ENABLED", "true"),
            ("SSL_CERTFILE", "/c"),
        ],
        &["tls.certfile"],
    ),
    (
        FULL,
        &[("SSL_ENABLED", "auto"), ("SSL_CERTFILE", "/c")],
        &[],
    ),
    (
        REGISTRY,
        &[("REGISTRY_API_TOKEN", "short")],
        &["catalog.token"],
    ),
    (
        FULL,
        &[("REGISTRY_API_TOKEN", "abcdefghijklmnopqrstuvwx,short")],
        &["catalog.token"],
    ),
    (GATEWAY, &[("REGISTRY_API_TOKEN", "short")], &[]),
    (GATEWAY, &[("AUTH_SERVER_URL", "http://auth:8888")], &[]),
    (FULL, &[("AUTH_SERVER_URL", "https://auth/check")], &[]),
    (
        GATEWAY,
        &[("AUTH_SERVER_URL", "ftp://auth")],
        &["auth.server_url"],
    ),
    (
        GATEWAY,
        &[
            ("AUTH_SERVER_URL", "http://auth"),
            ("MCP__AUTH__EXTERNAL_TIMEOUT", "0s"),
        ],
        &["auth.external_timeout"],
    ),
    (
        GATEWAY,
        &[
            ("AUTH_SERVER_URL", "http://auth"),
            ("MCP__AUTH__EXTERNAL_RECHECK", "0s"),
        ],
        &["auth.external_recheck"],
    ),
    (REGISTRY, &[("AUTH_SERVER_URL", "http://auth")], &[]),
    (
        GATEWAY,
        &[("MCP__GATEWAY__LIMITS__CONNECTIONS", "0")],
        &["gateway.limits.connections"],
    ),
    (
        GATEWAY,
        &[("MCP__GATEWAY__TIMEOUTS__HEADER", "0ms")],
        &["gateway.timeouts.header"],
    ),
    (REGISTRY, &[("MCP__GATEWAY__TIMEOUTS__HEADER", "0ms")], &[]),
    (
        FULL,
        &[("ALLOWED_HOSTS", "https://a.example/")],
        &["http.allowed_hosts"],
    ),
    (
        FULL,
        &[("ALLOWED_ORIGINS", "a.example")],
        &["http.allowed_origins"],
    ),
    (
        FULL,
        &[("ALLOWED_ORIGINS", "https://a.example/path")],
        &["http.allowed_origins"],
    ),
    (
        FULL,
        &[("ALLOWED_ORIGINS", "https://a.example http://localhost:3000")],
        &[],
    ),
    (
        FULL,
        &[("PUBLIC_URL", "ftp://a.example")],
        &["http.public_url"],
    ),
    (
        FULL,
        &[("GATEWAY_PUBLIC_URL", "https://u:p@a.example")],
        &["http.gateway_public_url"],
    ),
    (FULL, &[("LOG_LEVEL", "loud")], &["log.level"]),
    (FULL, &[("LOG_LEVEL", "info,mcp::gateway=trace")], &[]),
];

#[test]
fn contradictions_are_found_where_the_part_runs_and_only_there() {
    for (parts, env, expected) in CONTRADICTIONS {
        assert_eq!(keys(*parts, env), *expected, "{parts:?} {env:?}");
    }
}

#[test]
fn beyond_loopback_each_mode_needs_what_guards_it() {
    let open = ("REGISTRY_BIND", "0.0.0.0:7860");
    let front = ("GATEWAY_HTTP_BIND", "[::]:80");
    let secure = ("GATEWAY_HTTPS_BIND", "192.0.2.1:443");
    for (parts, env, expected) in [
        (REGISTRY, &[open][..], &["registry.bind"][..]),
        (REGISTRY, &[open, PASSWORD], &[]),
        (REGISTRY, &[open, TOKEN], &["registry.bind"]),
        (REGISTRY, &[front], &[]),
        (
            FULL,
            &[open, front],
            &["gateway.http_bind", "registry.bind"],
        ),
        (FULL, &[front, PASSWORD], &[]),
        (FULL, &[secure], &[]),
        (FULL, &[secure, ("SSL_DEV", "1")], &["gateway.https_bind"]),
        (GATEWAY, &[front], &["gateway.http_bind"]),
        (GATEWAY, &[front, PASSWORD], &["gateway.http_bind"]),
        (GATEWAY, &[front, TOKEN], &[]),
        (
            GATEWAY,
            &[front, ("REGISTRY_API_TOKEN_FILE", "/not/there/yet")],
            &[],
        ),
        (GATEWAY, &[("GATEWAY_HTTP_BIND", "127.1.2.3:80")], &[]),
        (
            GATEWAY,
            &[("GATEWAY_HTTP_BIND", "[::ffff:127.0.0.1]:80")],
            &[],
        ),
        (REGISTRY, &[("OPS_BIND", "0.0.0.0:9464")], &[]),
    ] {
        assert_eq!(keys(parts, env), expected, "{parts:?} {env:?}");
    }
    let text = mistakes(REGISTRY, &[open])[0].to_string();
    assert!(
        text.contains("set ADMIN_PASSWORD") && text.contains("make-env.sh"),
        "{text}"
    );
    let text = mistakes(GATEWAY, &[front])[0].to_string();
    assert!(text.contains("set REGISTRY_API_TOKEN"), "{text}");
}

#[test]
fn one_mistake_does_not_breed_others() {
    let env = [
        ("SSL_ENABLED", "maybe"),
        ("SSL_KEYFILE_PASSWORD", "x"),
        ("GATEWAY_HTTP_BIND", "off"),
    ];
    assert_eq!(keys(FULL, &env), ["tls.enabled"]);
    let env = [
        ("GATEWAY_HTTP_BIND", "0.0.0.0:80"),
        ("REGISTRY_API_TOKEN", "x"),
        ("GATEWAY_TOKEN", "y"),
    ];
    assert_eq!(keys(GATEWAY, &env), ["catalog.token"]);
}

#[test]
fn serving_any_host_is_said_where_others_can_reach_it() {
    let warnings = |env: &[(&str, &str)]| {
        let env = env
            .iter()
            .chain(&[("HOME", "/home/somebody"), PASSWORD])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let sources = Sources {
            file: None,
            env,
            flags: Vec::new(),
            parts: FULL,
        };
        load(&sources).unwrap().warnings.join(" ")
    };
    let open = ("GATEWAY_HTTP_BIND", "0.0.0.0:80");
    assert!(warnings(&[open]).contains("set ALLOWED_HOSTS"));
    assert_eq!(warnings(&[]), "");
    assert_eq!(warnings(&[open, ("ALLOWED_HOSTS", "a.example")]), "");
    assert_eq!(
        warnings(&[open, ("GATEWAY_PUBLIC_URL", "https://a.example")]),
        ""
    );
}
