use std::fmt::Write as _;

use super::*;
use crate::config::names::{NAMED, SECRETS};
use crate::config::{TlsSource, check};

const FULL: Parts = Parts::new(&[Part::Registry, Part::Ui, Part::Gateway]);
const REGISTRY: Parts = Parts::new(&[Part::Registry, Part::Ui]);
const GATEWAY: Parts = Parts::new(&[Part::Gateway]);

/// Settings of a process with a home and nothing else.
struct Given(Sources);

impl Given {
    fn parts(parts: Parts) -> Self {
        let env = vec![("HOME".to_owned(), "/home/somebody".to_owned())];
        Self(Sources {
            file: None,
            env,
            flags: Vec::new(),
            parts,
        })
    }

    fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.env.push((name.to_owned(), value.into()));
        self
    }

    fn without_home(mut self) -> Self {
        self.0.env.retain(|(name, _)| name != "HOME");
        self
    }

    fn file(mut self, path: &Path) -> Self {
        self.0.file = Some(path.to_owned());
        self
    }

    fn flag(mut self, key: &'static str, name: &'static str, value: &str) -> Self {
        self.0.flags.push(Flag {
            key,
            name,
            value: value.to_owned(),
        });
        self
    }

    fn load(&self) -> Loaded {
        load(&self.0).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn errors(&self) -> Vec<Mistake> {
        load(&self.0).unwrap_err().0
    }

    /// The only mistake, as the operator reads it.
    fn error(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors[0].to_string()
    }
}

/// A file that lives as long as the test.
fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcp.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn without_any_settings_each_mode_has_the_documented_defaults() {
    let full = Given::parts(FULL).load().config;
    assert_eq!(full.data_dir, Path::new("/home/somebody/mcp-gateway"));
    assert_eq!(
        full.registry.servers_dir.as_deref(),
        Some(Path::new("/home/somebody/mcp-gateway/servers"))
    );
    assert_eq!(format!("{:?}", full.gateway.http_bind), "127.0.0.1:8080");
    assert_eq!(format!("{:?}", full.gateway.https_bind), "127.0.0.1:8443");
    assert_eq!(format!("{:?}", full.registry.bind), "127.0.0.1:7860");
    assert_eq!(
        full.catalog.registry_api_url,
        "http://registry:7860/api/servers"
    );
    assert_eq!(full.tls.source(), TlsSource::Off);
    assert!(full.auth.admin_password.is_none() && full.catalog.token.is_none());
    for (parts, ops) in [
        (FULL, "127.0.0.1:9464"),
        (REGISTRY, "127.0.0.1:9464"),
        (GATEWAY, "127.0.0.1:9466"),
    ] {
        let loaded = Given::parts(parts).load();
        assert_eq!(format!("{:?}", loaded.config.ops.bind.unwrap()), ops);
        assert_eq!(
            loaded.origin("ops.bind"),
            Some(&Origin::Derived("mode".to_owned()))
        );
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }
}

#[test]
fn defaults_are_below_file_below_environment_below_flags() {
    let (_folder, path) = written("[log]\nlevel = \"error\"\n");
    let origin = |given: &Given| {
        let loaded = given.load();
        (
            loaded.config.log.level.clone(),
            loaded.origin("log.level").unwrap().to_string(),
        )
    };
    let default = Given::parts(FULL);
    assert_eq!(origin(&default), ("info".to_owned(), "default".to_owned()));
    let file = default.file(&path);
    assert_eq!(
        origin(&file),
        ("error".to_owned(), format!("file {}", path.display()))
    );
    let env = file.env("LOG_LEVEL", "WARNING");
    assert_eq!(
        origin(&env),
        ("WARNING".to_owned(), "environment LOG_LEVEL".to_owned())
    );
    let flag = env.flag("log.level", "--log-level", "debug");
    assert_eq!(
        origin(&flag),
        ("debug".to_owned(), "flag --log-level".to_owned())
    );
}

/// A value for each name of the documented table, and the key it must arrive at.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "REGISTRY_API_URL",
        "catalog.registry_api_url",
        "http://elsewhere/api/servers",
    ),
    ("POLL_INTERVAL", "catalog.poll_interval", "31"),
    (
        "REGISTRY_API_TOKEN",
        "catalog.token",
        "abcdefghijklmnopqrstuvwx",
    ),
    ("GATEWAY_TOKEN", "catalog.token", "abcdefghijklmnopqrstuvwx"),
    ("REGISTRY_CA_FILE", "network.registry_ca_file", "/ca.pem"),
    ("EXTRA_CA_FILE", "network.extra_ca_file", "/ca.pem"),
    ("SSL_ENABLED", "tls.enabled", "auto"),
    ("SSL_CERTFILE", "tls.certfile", "/c.pem"),
    ("SSL_KEYFILE", "tls.keyfile", "/k.pem"),
    ("SSL_DEV", "tls.dev", "yes"),
    ("REGISTRY_BIND", "registry.bind", "127.0.0.1:1"),
    ("GATEWAY_HTTP_BIND", "gateway.http_bind", "127.0.0.1:1"),
    ("GATEWAY_HTTPS_BIND", "gateway.https_bind", "127.0.0.1:1"),
    ("AUTH_BIND", "auth.bind", "127.0.0.1:1"),
    ("METRICS_BIND", "metrics.bind", "127.0.0.1:1"),
    ("OPS_BIND", "ops.bind", "off"),
    ("DATA_DIR", "data_dir", "/data"),
    ("SERVERS_DIR", "registry.servers_dir", "/servers"),
    ("DATABASE_URL", "store.database_url", "postgres://u:p@h/d"),
    (
        "METRICS_DATABASE_URL",
        "metrics.database_url",
        "postgres://u:p@h/d",
    ),
    (
        "AUTH_SERVER_URL",
        "auth.server_url",
        "http://auth-server:8888",
    ),
    ("AUTH_SERVER_TOKEN", "auth.server_token", "s"),
    (
        "METRICS_SERVICE_URL",
        "metrics.service_url",
        "http://metrics-service:8890",
    ),
    (
        "ALLOWED_HOSTS",
        "http.allowed_hosts",
        "a.example, b.example",
    ),
    (
        "GATEWAY_ADDITIONAL_SERVER_NAMES",
        "http.allowed_hosts",
        "a.example b.example",
    ),
    (
        "ALLOWED_ORIGINS",
        "http.allowed_origins",
        "https://a.example",
    ),
    ("PUBLIC_URL", "http.public_url", "https://a.example/base"),
    (
        "GATEWAY_PUBLIC_URL",
        "http.gateway_public_url",
        "https://a.example",
    ),
    ("OIDC_ISSUER", "oidc.issuer", "https://idp.example"),
    ("OIDC_INTERNAL_URL", "oidc.internal_url", "http://idp:8080"),
    ("OIDC_CLIENT_ID", "oidc.client_id", "web"),
    ("OIDC_CLIENT_SECRET", "oidc.client_secret", "s"),
    ("OIDC_AUDIENCE", "oidc.audience", "mcp"),
    ("OIDC_GROUPS_CLAIM", "oidc.groups_claim", "roles"),
    ("OIDC_JWKS_FILE", "oidc.jwks_file", "/keys.json"),
    ("OIDC_ALLOW_HTTP", "oidc.allow_http", "on"),
    ("TRUST_PROXY_HEADERS", "http.trust_proxy_headers", "True"),
    (
        "TRUSTED_PROXIES",
        "http.trusted_proxies",
        "10.0.0.0/8,::1/128",
    ),
    ("ADMIN_USER", "auth.admin_user", "root"),
    ("ADMIN_PASSWORD", "auth.admin_password", "s"),
    ("SECRET_KEY", "auth.secret_key", "s"),
    ("LOG_LEVEL", "log.level", "WARNING"),
    ("LOG_FORMAT", "log.format", "JSON"),
    ("LOG_FILE", "log.file", "/x.log"),
    ("SESSION_MAX_AGE_SECONDS", "auth.session_max", "28800"),
    ("MAX_TOKENS_PER_USER_PER_HOUR", "auth.tokens_per_hour", "7"),
    (
        "MCP_PROXY_MAX_BODY_BYTES",
        "gateway.limits.message_bytes",
        "2097152",
    ),
    ("MCP__GATEWAY__ACCESS_LOG", "gateway.access_log", "off"),
    ("MCP__GATEWAY__DEFAULT_HOST", "gateway.default_host", "h"),
    (
        "MCP__GATEWAY__TIMEOUTS__CALL_TOTAL",
        "gateway.timeouts.call_total",
        "5m",
    ),
    (
        "MCP__AUTH__EXTERNAL_CACHE_TTL",
        "auth.external_cache_ttl",
        "0",
    ),
    (
        "MCP__NETWORK__BLOCKED_PORTS",
        "network.blocked_ports",
        "22,25",
    ),
    ("MCP__DATA_DIR", "data_dir", "/data"),
];

#[test]
fn every_name_of_the_table_arrives_at_its_key_and_empty_means_not_set() {
    for (name, key, value) in TABLE {
        let loaded = Given::parts(REGISTRY).env(name, *value).load();
        assert_eq!(
            loaded.origin(key),
            Some(&Origin::Env((*name).to_owned())),
            "{name}"
        );
        let unset = Given::parts(REGISTRY).env(name, "").load();
        assert!(!matches!(unset.origin(key), Some(Origin::Env(_))), "{name}");
    }
    for named in NAMED {
        let names = [named.names, &[]].concat();
        let tested = |name: &&&str| TABLE.iter().any(|(known, ..)| known == *name);
        let left: Vec<_> = names.iter().filter(|name| !tested(name)).collect();
        let elsewhere = [
            "SSL_KEYFILE_PASSWORD",
            "REGISTRY_API_TOKEN_FILE",
            "GATEWAY_TOKEN_FILE",
        ];
        assert!(left.iter().all(|name| elsewhere.contains(name)), "{left:?}");
    }
}

#[test]
fn values_arrive_in_their_types() {
    let config = TABLE
        .iter()
        .filter(|(name, ..)| {
            ![
                "GATEWAY_TOKEN",
                "GATEWAY_ADDITIONAL_SERVER_NAMES",
                "MCP__DATA_DIR",
            ]
            .contains(name)
        })
        .filter(|(name, ..)| !name.ends_with("_BIND"))
        .fold(Given::parts(REGISTRY), |given, (name, _, value)| {
            given.env(name, *value)
        })
        .load()
        .config;
    assert_eq!(config.catalog.poll_interval.get().as_secs(), 31);
    assert_eq!(config.gateway.timeouts.call_total.get().as_secs(), 300);
    assert_eq!(config.gateway.limits.message_bytes.bytes(), 2 << 20);
    assert_eq!(config.http.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.network.blocked_ports, [22, 25]);
    assert_eq!(config.auth.admin_password.unwrap().expose(), "s");
    assert_eq!(config.auth.tokens_per_hour, 7);
    assert!(config.http.trust_proxy_headers && config.tls.dev && !config.gateway.access_log);
    assert_eq!(config.log.format, crate::config::log::LogFormat::Json);
}

#[test]
fn booleans_are_the_words_that_people_write() {
    for (words, expected) in [
        (["true", "1", "yes", "on", "TRUE", "Yes"], true),
        (["false", "0", "no", "off", "False", "OFF"], false),
    ] {
        for word in words {
            let config = Given::parts(FULL)
                .env("TRUST_PROXY_HEADERS", word)
                .load()
                .config;
            assert_eq!(config.http.trust_proxy_headers, expected, "{word}");
        }
    }
}

#[test]
fn every_mistake_is_listed_at_once_with_value_origin_and_remedy() {
    let (_folder, path) = written(
        "admin_pasword = \"hunter2\"\n\
         [gateway]\nhttp_bind = \"localhost\"\naccess_log = 7\nlimits = 3\n\
         [gateway.timeouts]\nheader = \"soon\"\n\
         [auth]\nadmin_password = 12345\n\
         [nonsense]\nx = 1\n",
    );
    let given = Given::parts(FULL)
        .file(&path)
        .env("POLL_INTERVAL", "never")
        .env("TRUSTED_PROXIES", "10.0.0.0/8,everyone")
        .env("LOG_FORMAT", "xml")
        .env("MCP__NETWORK__BLOCKED_PORTS", "22,http")
        .env("MCP__AUTH__TOKENS_PER_HOUR", "-1")
        .env("MCP__GATEWAY__WORKRES", "2")
        .env("PUBLIC_URL", "example.com")
        .env("SSL_ENABLED", "maybe")
        .flag("log.level", "--log-level", "loud");
    let mut text = String::new();
    for mistake in given.errors() {
        writeln!(text, "{mistake}").unwrap();
    }
    let text = text.replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(text, @r#"
    MCP__GATEWAY__WORKRES (environment MCP__GATEWAY__WORKRES): there is no such setting
        did you mean MCP__GATEWAY__WORKERS (gateway.workers)?
    admin_pasword (file FILE): there is no such setting
        did you mean auth.admin_password?
    auth.admin_password = "***" (file FILE): must be a text
        correct it, or remove it
    auth.tokens_per_hour = -1 (environment MCP__AUTH__TOKENS_PER_HOUR): must be a whole number from 0 to 4294967295
        correct it, or remove it for the default 100
    catalog.poll_interval = "never" (environment POLL_INTERVAL): must be a duration such as 30, "500ms", "30s", "5m" or "2h"
        correct it, or remove it for the default "30s"
    gateway.access_log = 7 (file FILE): must be true or false (also 1, 0, yes, no, on, off)
        correct it, or remove it for the default true
    gateway.http_bind = "localhost" (file FILE): must be an IP address and port such as 127.0.0.1:8080 or [::]:443, or "off"
        correct it, or remove it for the default "127.0.0.1:8080"
    gateway.limits (file FILE): is a section, not a value
        write [gateway.limits] and its keys below it
    gateway.timeouts.header = "soon" (file FILE): must be a duration such as 30, "500ms", "30s", "5m" or "2h"
        correct it, or remove it for the default "15s"
    http.public_url = "example.com" (environment PUBLIC_URL): must be a URL
        correct it, or remove it
    http.trusted_proxies = ["10.0.0.0/8", "everyone"] (environment TRUSTED_PROXIES): must be a list of address ranges
        correct it, or remove it for the default ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
    log.format = "xml" (environment LOG_FORMAT): must be one of auto, text, json
        correct it, or remove it for the default "auto"
    log.level = "loud" (flag --log-level): is not a log level
        write error, warning, info, debug or trace, or directives such as info,mcp::gateway=debug
    network.blocked_ports = [22, "http"] (environment MCP__NETWORK__BLOCKED_PORTS): must be a whole number from 0 to 65535
        correct it, or remove it for the default []
    nonsense (file FILE): there is no such setting
        remove it; `mcp config show` lists every setting
    tls.enabled = "maybe" (environment SSL_ENABLED): must be true, false or auto
        correct it, or remove it for the default false
    "#);
}

#[test]
fn a_mistake_never_shows_a_secret() {
    let (_folder, path) = written(
        "[auth]\nadmin_password = { hunter2 = \"hunter2\" }\nadmin_pass = \"hunter2\"\n\
         [catalog]\nregistry_api_url = \"http://u:hunter2@registry/api/servers\"\n",
    );
    let given = Given::parts(GATEWAY)
        .file(&path)
        .env("MCP__CATALOG__TOKENN", "hunter2");
    let errors = load(&given.0).unwrap_err();
    assert_eq!(errors.0.len(), 4, "{errors}");
    assert!(!errors.to_string().contains("hunter2"), "{errors}");
    assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
}

#[test]
fn a_broken_file_names_the_line_without_quoting_it() {
    let (_folder, path) = written("[auth]\nadmin_password = \"hunter2\n");
    let error = Given::parts(FULL).file(&path).error();
    assert!(
        error.contains("line 2 is not TOML") && !error.contains("hunter2"),
        "{error}"
    );
    let missing = path.with_extension("none");
    let error = Given::parts(FULL).file(&missing).error();
    assert!(error.contains("mcp.none: there is no such file"), "{error}");
    assert!(error.contains("flag --config"), "{error}");
}

#[test]
fn the_shipped_defaults_are_a_valid_settings_file() {
    let (_folder, path) = written(crate::config::DEFAULTS);
    let loaded = Given::parts(FULL).file(&path).load();
    assert!(loaded.config.auth.admin_password.is_none());
}

#[test]
fn data_dir_is_state_directory_else_home_else_an_error() {
    let both = Given::parts(FULL)
        .env("STATE_DIRECTORY", "/var/lib/mcp:/var/lib/other")
        .load();
    assert_eq!(both.config.data_dir, Path::new("/var/lib/mcp"));
    let error = Given::parts(FULL).without_home().error();
    assert!(error.contains("set DATA_DIR to a directory"), "{error}");
    let set = Given::parts(FULL)
        .without_home()
        .env("DATA_DIR", "/data")
        .load();
    assert_eq!(set.config.data_dir, Path::new("/data"));
}

#[test]
fn secrets_come_from_files_that_a_variable_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from a file\r\n").unwrap();
    let text = path.display().to_string();
    for key in SECRETS.iter().filter(|key| **key != "catalog.token") {
        let name = preferred(key);
        let given = Given::parts(GATEWAY)
            .env("SSL_DEV", "1")
            .env(&format!("{name}_FILE"), &text);
        let loaded = given.load();
        let origin = loaded.origin(key).unwrap().to_string();
        assert_eq!(origin, format!("file {text} named by {name}_FILE"));
        assert!(!loaded.show().contains("from a file"));
    }
    let loaded = Given::parts(FULL).env("ADMIN_PASSWORD_FILE", &text).load();
    assert_eq!(
        loaded.config.auth.admin_password.unwrap().expose(),
        "from a file"
    );
    let generic = Given::parts(FULL)
        .env("MCP__AUTH__ADMIN_PASSWORD_FILE", &text)
        .load();
    assert_eq!(
        generic.config.auth.admin_password.unwrap().expose(),
        "from a file"
    );
}

#[test]
fn a_secret_file_that_is_missing_or_empty_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let given = || Given::parts(FULL).env("SECRET_KEY_FILE", path.display().to_string());
    let error = given().error();
    assert!(
        error.contains("there is no such file") && error.contains("SECRET_KEY_FILE"),
        "{error}"
    );
    std::fs::write(&path, "\n").unwrap();
    assert!(given().error().contains("the file is empty"));
    // A setting that is no secret has no file form.
    let loaded = Given::parts(FULL)
        .env("ADMIN_USER_FILE", path.display().to_string())
        .load();
    assert_eq!(loaded.config.auth.admin_user, "admin");
}

#[test]
fn secrets_come_from_the_credentials_directory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ADMIN_PASSWORD"), "sealed\n").unwrap();
    std::fs::write(folder.path().join("UNRELATED"), "x").unwrap();
    let given =
        || Given::parts(FULL).env("CREDENTIALS_DIRECTORY", folder.path().display().to_string());
    let loaded = given().load();
    assert_eq!(
        loaded.config.auth.admin_password.as_ref().unwrap().expose(),
        "sealed"
    );
    assert!(
        loaded
            .origin("auth.admin_password")
            .unwrap()
            .to_string()
            .starts_with("credential ")
    );
    let error = given().env("ADMIN_PASSWORD", "also").error();
    assert!(error.contains("environment ADMIN_PASSWORD"), "{error}");
    assert!(
        error.contains("is set a second time by credential"),
        "{error}"
    );
}

#[test]
fn two_sources_of_a_secret_or_two_values_of_a_setting_are_errors() {
    let token = "abcdefghijklmnopqrstuvwx";
    let both = |alias| {
        Given::parts(FULL)
            .env("REGISTRY_API_TOKEN", token)
            .env("GATEWAY_TOKEN", alias)
    };
    let error = both("ABCDEFGHIJKLMNOPQRSTUVWX").error();
    assert!(
        error.contains("REGISTRY_API_TOKEN") && error.contains("GATEWAY_TOKEN"),
        "{error}"
    );
    assert_eq!(both(token).load().config.catalog.tokens().len(), 1);
    let (_folder, path) = written(token);
    let file = path.display().to_string();
    let error = Given::parts(FULL)
        .env("SECRET_KEY", token)
        .env("SECRET_KEY_FILE", file)
        .error();
    assert!(error.contains("a second time by file"), "{error}");
    let hosts = |other| {
        Given::parts(FULL)
            .env("ALLOWED_HOSTS", "a.example")
            .env("GATEWAY_ADDITIONAL_SERVER_NAMES", other)
    };
    assert!(hosts("b.example").error().contains("remove one of the two"));
    assert_eq!(
        hosts("a.example").load().config.http.allowed_hosts,
        ["a.example"]
    );
}

#[test]
fn a_gateway_starts_before_its_token_file_is_there_and_a_registry_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway-token");
    let given =
        |parts| Given::parts(parts).env("REGISTRY_API_TOKEN_FILE", path.display().to_string());
    let early = given(GATEWAY).env("GATEWAY_HTTP_BIND", "0.0.0.0:80").load();
    assert!(early.config.catalog.token.is_none());
    assert_eq!(
        early.config.catalog.token_file.as_deref(),
        Some(path.as_path())
    );
    assert!(
        early.warnings[0].contains("it is read once it is"),
        "{:?}",
        early.warnings
    );
    assert!(given(REGISTRY).error().contains("there is no such file"));

    std::fs::write(&path, "abcdefghijklmnopqrstuvwx\n").unwrap();
    for parts in [GATEWAY, REGISTRY] {
        let config = given(parts).load().config;
        assert_eq!(
            config.catalog.token.unwrap().expose(),
            "abcdefghijklmnopqrstuvwx"
        );
    }
    let error = given(GATEWAY).env("REGISTRY_API_TOKEN", "other").error();
    assert!(
        error.contains("a second time by environment REGISTRY_API_TOKEN"),
        "{error}"
    );
}

#[test]
fn tokens_are_a_comma_list() {
    let list = "abcdefghijklmnopqrstuvwx, ABCDEFGHIJKLMNOPQRSTUVWX,";
    let config = Given::parts(FULL)
        .env("REGISTRY_API_TOKEN", list)
        .load()
        .config;
    let tokens: Vec<String> = config
        .catalog
        .tokens()
        .iter()
        .map(|token| token.expose().clone())
        .collect();
    assert_eq!(
        tokens,
        ["abcdefghijklmnopqrstuvwx", "ABCDEFGHIJKLMNOPQRSTUVWX"]
    );
}

#[test]
fn settings_of_the_earlier_system_are_named_in_one_warning() {
    let loaded = Given::parts(REGISTRY)
        .env("KEYCLOAK_CLIENT_SECRET", "hunter2")
        .env("REGISTRY_URL", "http://localhost")
        .env("MCP_SERVER1_AUTH_TOKEN", "hunter2")
        .env("PATH", "/bin")
        .env("KEYCLOAK_URL", "")
        .load();
    assert_eq!(
        loaded.warnings,
        [
            "the environment holds settings of the earlier system that this version does not use: \
          KEYCLOAK_CLIENT_SECRET, MCP_SERVER1_AUTH_TOKEN, REGISTRY_URL (use PUBLIC_URL)"
        ]
    );
}

#[test]
fn what_is_set_in_vain_is_named_in_one_warning() {
    let loaded = Given::parts(REGISTRY)
        .env("METRICS_SERVICE_URL", "http://metrics-service:8890")
        .env("AUTH_SERVER_URL", "http://auth-server:8888")
        .load();
    assert_eq!(
        loaded.warnings,
        [
            "set, but without effect in this version: METRICS_SERVICE_URL",
            "AUTH_SERVER_URL is accepted and not needed: the registry decides in process",
        ]
    );
}

#[test]
fn show_lists_every_key_with_its_source_and_hides_secrets() {
    let loaded = Given::parts(FULL)
        .env("ADMIN_PASSWORD", "hunter2")
        .env("DATABASE_URL", "postgres://u:hunter2@h/d")
        .env("POLL_INTERVAL", "5")
        .load();
    let text = loaded.show();
    for line in [
        "data_dir = \"/home/somebody/mcp-gateway\"  # default, from $HOME",
        "admin_password = \"***\"  # environment ADMIN_PASSWORD",
        "# secret_key is not set",
        "poll_interval = \"5\"  # environment POLL_INTERVAL",
        "connections = 10000  # default",
        "[gateway.limits]",
        "dev_names = []  # default",
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "{line:?} is missing in\n{text}"
        );
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
    let table: toml::Table = toml::from_str(&text).expect("is TOML again");
    assert_eq!(table["catalog"]["poll_interval"].as_str(), Some("5"));
    for key in &loaded.keys {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("\n{name} ="))
                || text.contains(&format!("# {name} is"))
                || text.starts_with(&format!("{name} =")),
            "{key}"
        );
    }
}

#[test]
fn check_says_sound_or_lists_everything() {
    let sound = check(&load(&Given::parts(FULL).env("BIND_HOST", "0.0.0.0").0)).unwrap();
    assert!(sound.starts_with("the configuration is sound\n"), "{sound}");
    assert!(sound.contains("warning: the environment holds"), "{sound}");
    let given = Given::parts(FULL)
        .env("POLL_INTERVAL", "x")
        .env("LOG_FORMAT", "y");
    let list = check(&load(&given.0)).unwrap_err();
    assert!(
        list.starts_with("the configuration has 2 mistakes\n"),
        "{list}"
    );
}

#[test]
fn keycloak_as_existing_settings_name_it_is_an_identity_provider() {
    let given = || {
        Given::parts(REGISTRY)
            .env("AUTH_PROVIDER", "keycloak")
            .env("KEYCLOAK_URL", "http://keycloak:8080")
            .env("KEYCLOAK_EXTERNAL_URL", "http://localhost:8080/")
            .env("KEYCLOAK_CLIENT_SECRET", "hunter2")
            .env("OIDC_ALLOW_HTTP", "true")
    };
    let loaded = given().env("KEYCLOAK_ADMIN", "admin").load();
    let oidc = &loaded.config.oidc;
    assert_eq!(
        oidc.issuer.as_deref(),
        Some("http://localhost:8080/realms/mcp-gateway")
    );
    assert_eq!(
        oidc.internal_url.as_ref().map(url::Url::as_str),
        Some("http://keycloak:8080/realms/mcp-gateway")
    );
    assert_eq!(oidc.client_id.as_deref(), Some("mcp-gateway-web"));
    assert_eq!(oidc.clients, ["mcp-gateway-m2m"]);
    assert_eq!(oidc.provider, "keycloak");
    assert!(oidc.client_secret.is_some());
    assert_eq!(
        loaded.warnings,
        [
            "the environment holds settings of the earlier system that this version does not use: \
          KEYCLOAK_ADMIN"
        ]
    );
    for (name, value) in [("KEYCLOAK_ENABLED", "false"), ("AUTH_PROVIDER", "cognito")] {
        let mut off = given();
        off.0.env.retain(|(known, _)| known != name);
        let off = off.env(name, value).load();
        assert_eq!(off.config.oidc.issuer, None, "{name}");
        assert_eq!(off.config.oidc.provider, "oidc");
    }
    let own = given().env("OIDC_ISSUER", "https://idp.example").load();
    assert_eq!(
        own.config.oidc.issuer.as_deref(),
        Some("https://idp.example")
    );
    assert_eq!(own.config.oidc.client_id, None);
    let named = given()
        .env("KEYCLOAK_REALM", "other")
        .env("KEYCLOAK_CLIENT_ID", "web")
        .env("OIDC_CLIENT_ID", "mine")
        .load();
    assert!(named.config.oidc.issuer.unwrap().ends_with("/realms/other"));
    assert_eq!(named.config.oidc.client_id.as_deref(), Some("mine"));
}

#[test]
fn a_provider_that_cannot_be_trusted_is_refused_with_the_remedy() {
    let given = |name: &str, value: &str| {
        Given::parts(REGISTRY)
            .env("OIDC_ISSUER", "https://idp.example")
            .env("OIDC_CLIENT_ID", "web")
            .env(name, value)
    };
    for (name, value, problem) in [
        (
            "OIDC_INTERNAL_URL",
            "http://keycloak:8080",
            "OIDC_ALLOW_HTTP=true",
        ),
        (
            "OIDC_INTERNAL_URL",
            "ftp://keycloak",
            "not an http or https URL",
        ),
        (
            "OIDC_INTERNAL_URL",
            "https://u:p@idp.example",
            "user name or password",
        ),
        ("OIDC_INTERNAL_URL", "https://idp.example/?x=1", "a query"),
        (
            "MCP__OIDC__PROVIDER",
            "Key/cloak",
            "not a name for addresses",
        ),
        ("MCP__OIDC__SCOPES", "profile", "lacks openid"),
        ("MCP__OIDC__REFRESH", "0", "longer than nothing"),
    ] {
        let error = given(name, value).error();
        assert!(error.contains(problem), "{name}: {error}");
    }
    for issuer in [
        "idp.example",
        "http://idp.example",
        "https://idp.example/#x",
    ] {
        let error = Given::parts(REGISTRY).env("OIDC_ISSUER", issuer).error();
        assert!(error.contains("OIDC_ISSUER"), "{error}");
    }
    for issuer in [
        "http://localhost:8080/realms/x",
        "http://127.0.0.1:1",
        "http://[::1]:1",
    ] {
        let loaded = Given::parts(REGISTRY).env("OIDC_ISSUER", issuer).load();
        assert_eq!(loaded.config.oidc.issuer.as_deref(), Some(issuer));
        assert!(loaded.warnings[0].contains("none of its tokens counts"));
    }
    let alone = Given::parts(REGISTRY).env("OIDC_CLIENT_ID", "web").load();
    assert!(alone.warnings[0].contains("while OIDC_ISSUER is not: OIDC_CLIENT_ID"));
}
