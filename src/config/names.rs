//! Names of the environment that are not `MCP__SECTION__KEY`: ours, older ones, and those that
//! settings of the earlier system hold and nothing here uses.

/// A setting with names of its own in the environment.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// The setting's key.
    pub key: &'static str,
    /// Its name in the environment, and older names for the same.
    pub names: &'static [&'static str],
}

const fn named(key: &'static str, names: &'static [&'static str]) -> Named {
    Named { key, names }
}

/// Settings with names of their own.
pub const NAMED: &[Named] = &[
    named("data_dir", &["DATA_DIR"]),
    named("registry.bind", &["REGISTRY_BIND"]),
    named("registry.servers_dir", &["SERVERS_DIR"]),
    named("gateway.http_bind", &["GATEWAY_HTTP_BIND"]),
    named("gateway.https_bind", &["GATEWAY_HTTPS_BIND"]),
    named(
        "gateway.limits.message_bytes",
        &["MCP_PROXY_MAX_BODY_BYTES"],
    ),
    named("catalog.registry_api_url", &["REGISTRY_API_URL"]),
    named("catalog.poll_interval", &["POLL_INTERVAL"]),
    named("catalog.token", &["REGISTRY_API_TOKEN", "GATEWAY_TOKEN"]),
    named(
        "catalog.token_file",
        &["REGISTRY_API_TOKEN_FILE", "GATEWAY_TOKEN_FILE"],
    ),
    named("store.database_url", &["DATABASE_URL"]),
    named("auth.admin_user", &["ADMIN_USER"]),
    named("auth.admin_password", &["ADMIN_PASSWORD"]),
    named("auth.secret_key", &["SECRET_KEY"]),
    named("auth.session_max", &["SESSION_MAX_AGE_SECONDS"]),
    named("auth.tokens_per_hour", &["MAX_TOKENS_PER_USER_PER_HOUR"]),
    named("auth.server_url", &["AUTH_SERVER_URL"]),
    named("auth.server_token", &["AUTH_SERVER_TOKEN"]),
    named("auth.bind", &["AUTH_BIND"]),
    named("oidc.issuer", &["OIDC_ISSUER"]),
    named("oidc.internal_url", &["OIDC_INTERNAL_URL"]),
    named("oidc.client_id", &["OIDC_CLIENT_ID"]),
    named("oidc.client_secret", &["OIDC_CLIENT_SECRET"]),
    named("oidc.audience", &["OIDC_AUDIENCE"]),
    named("oidc.groups_claim", &["OIDC_GROUPS_CLAIM"]),
    named("oidc.jwks_file", &["OIDC_JWKS_FILE"]),
    named("oidc.allow_http", &["OIDC_ALLOW_HTTP"]),
    named("metrics.bind", &["METRICS_BIND"]),
    named("metrics.service_url", &["METRICS_SERVICE_URL"]),
    named("metrics.database_url", &["METRICS_DATABASE_URL"]),
    named("tls.enabled", &["SSL_ENABLED"]),
    named("tls.certfile", &["SSL_CERTFILE"]),
    named("tls.keyfile", &["SSL_KEYFILE"]),
    named("tls.keyfile_password", &["SSL_KEYFILE_PASSWORD"]),
    named("tls.dev", &["SSL_DEV"]),
    named(
        "http.allowed_hosts",
        &["ALLOWED_HOSTS", "GATEWAY_ADDITIONAL_SERVER_NAMES"],
    ),
    named("http.allowed_origins", &["ALLOWED_ORIGINS"]),
    named("http.public_url", &["PUBLIC_URL"]),
    named("http.gateway_public_url", &["GATEWAY_PUBLIC_URL"]),
    named("http.trust_proxy_headers", &["TRUST_PROXY_HEADERS"]),
    named("http.trusted_proxies", &["TRUSTED_PROXIES"]),
    named("network.registry_ca_file", &["REGISTRY_CA_FILE"]),
    named("network.extra_ca_file", &["EXTRA_CA_FILE"]),
    named("ops.bind", &["OPS_BIND"]),
    named("log.level", &["LOG_LEVEL"]),
    named("log.format", &["LOG_FORMAT"]),
    named("log.file", &["LOG_FILE"]),
];

/// Keys whose value is never shown and may come from a file.
pub const SECRETS: &[&str] = &[
    "catalog.token",
    "store.database_url",
    "auth.admin_password",
    "auth.secret_key",
    "auth.server_token",
    "oidc.client_secret",
    "metrics.database_url",
    "tls.keyfile_password",
];

/// Keys that this version reads and does not act on: set, they are named in a warning.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "metrics.bind",
    "metrics.service_url",
    "metrics.database_url",
];

/// The form that every key has in the environment.
pub fn generic(key: &str) -> String {
    format!("MCP__{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The name by which people know a key in the environment.
pub fn preferred(key: &str) -> String {
    NAMED
        .iter()
        .find(|named| named.key == key)
        .and_then(|named| named.names.first())
        .map_or_else(|| generic(key), |name| (*name).to_owned())
}

/// Claims that `name` is a setting of the earlier system that nothing here uses.
pub(super) fn is_unused(name: &str) -> bool {
    UNUSED.contains(&name)
        || UNUSED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || (name.starts_with("MCP_SERVER") && name.ends_with("_AUTH_TOKEN"))
        || (name.starts_with("SHOW_") && name.ends_with("_TAB"))
}

/// What to use in place of a setting that nothing uses, where there is something.
pub(super) fn replacement(name: &str) -> Option<&'static str> {
    match name {
        "REGISTRY_URL" | "ROOT_PATH" => Some("PUBLIC_URL"),
        "BIND_HOST" => Some("REGISTRY_BIND"),
        "EC2_PUBLIC_DNS" => Some("ALLOWED_HOSTS"),
        "SQLITE_DB_PATH" => Some("DATA_DIR"),
        "METRICS_SERVICE_HOST" | "METRICS_SERVICE_PORT" => Some("METRICS_BIND"),
        "DEPLOYMENT_MODE" | "REGISTRY_MODE" => Some("MCP_MODE"),
        _ => None,
    }
}

const UNUSED_PREFIXES: &[&str] = &[
    "KEYCLOAK_",
    "COGNITO_",
    "ENTRA_",
    "DOCUMENTDB_",
    "EMBEDDINGS_",
    "REGISTRATION_GATE_",
    "REGISTRATION_WEBHOOK_",
    "FEDERATION_STATIC_TOKEN",
    "WEBSOCKET_",
    "SECURITY_SCAN_",
    "METRICS_API_KEY",
    "OTEL_PROMETHEUS_",
    "AUDIT_LOG_",
];

const UNUSED: &[&str] = &[
    "AUTH_PROVIDER",
    "AUTH_SERVER_EXTERNAL_URL",
    "ASOR_ACCESS_TOKEN",
    "ASOR_CLIENT_CREDENTIALS",
    "ATLASSIAN_AUTH_TOKEN",
    "BATCH_SIZE",
    "BIND_HOST",
    "CODING_ASSISTANTS",
    "DEPLOYMENT_MODE",
    "EC2_PUBLIC_DNS",
    "ENABLE_WELLKNOWN_DISCOVERY",
    "EXTERNAL_REGISTRY_TAGS",
    "FEDERATION_ENCRYPTION_KEY",
    "FLUSH_INTERVAL_SECONDS",
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "HEALTH_CHECK_INTERVAL_SECONDS",
    "HEALTH_CHECK_TIMEOUT_SECONDS",
    "IDE_OAUTH_CLIENT_ID",
    "INITIAL_ADMIN_PASSWORD",
    "INITIAL_USER_PASSWORD",
    "MAX_WEBSOCKET_CONNECTIONS",
    "MCP_ADVERTISED_SCOPES",
    "MCP_HTTPS_REQUIRED",
    "MCP_SCANNER_LLM_API_KEY",
    "MCP_TELEMETRY_DISABLED",
    "MCP_TOOLS_LIST_FILTER_ENABLED",
    "METRICS_RATE_LIMIT",
    "METRICS_RETENTION_DAYS",
    "METRICS_SERVICE_HOST",
    "METRICS_SERVICE_PORT",
    "MONGODB_CONNECTION_STRING",
    "NGINX_DNS_RESOLVER",
    "NGINX_RELOAD_DEBOUNCE_SECONDS",
    "OTEL_OTLP_ENDPOINT",
    "REGISTRATION_ENFORCED_STATUS",
    "REGISTRY_API_KEYS",
    "REGISTRY_BASE_URL",
    "REGISTRY_MODE",
    "REGISTRY_PASSWORD",
    "REGISTRY_STATIC_TOKEN_AUTH_ENABLED",
    "REGISTRY_URL",
    "REGISTRY_USERNAME",
    "ROOT_PATH",
    "SECURITY_ANALYZERS",
    "SECURITY_BLOCK_UNSAFE_SERVERS",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_SECURE",
    "SQLITE_DB_PATH",
    "SRE_GATEWAY_AUTH_TOKEN",
    "STORAGE_BACKEND",
    "TELEMETRY_ENABLED",
    "UI_TITLE",
    "WELLKNOWN_CACHE_TTL",
];
