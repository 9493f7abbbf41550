use serde_json::json;

use super::super::secret::Secret;
use super::super::server::UpstreamHeader;
use super::*;

const API: Context<'static> = Context {
    source: Source::Api,
    default_host: "localhost",
    existing: None,
};
const FILE: Context<'static> = Context {
    source: Source::File,
    ..API
};

/// A definition that keeps every rule, with one field written otherwise.
fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"path": "/a", "server_name": "A", "proxy_pass_url": "http://h/"});
    body[field] = value;
    body
}

fn mistakes(body: &Value, context: &Context<'_>) -> Vec<FieldError> {
    definition(body, context).err().unwrap_or_default()
}

fn pem() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::new(vec!["h".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .pem()
}

#[test]
fn what_is_left_out_gets_its_default() {
    let body = json!({"path": "/a", "server_name": "A", "proxy_pass_url": "http://h/"});
    let made = definition(&body, &API).unwrap().definition;
    let expected = json!({
        "path": "/a", "server_name": "A", "description": "", "proxy_pass_url": "http://h/",
        "supported_transports": ["streamable-http"], "transport": "auto", "mcp_endpoint": null, "sse_endpoint": null,
        "auth_type": "none", "auth_provider": null, "headers": [], "tags": [], "license": "N/A", "num_stars": 0.0,
        "is_python": false, "tool_list": [], "enabled": true, "public": false, "passthrough": false,
        "forward_authorization": false, "timeout": null, "tls": null, "metadata": {},
    });
    assert_eq!(patch::written(&made), expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of all fields")]
fn every_field_wrong_in_every_way_is_named_with_value_and_rule() {
    let long = |n: usize| Value::from("x".repeat(n));
    let table: Vec<(&str, Vec<Value>)> = vec![
        (
            "path",
            vec![
                json!(null),
                json!(1),
                json!([]),
                json!(""),
                json!("/"),
                json!("//"),
                json!("/a/../b"),
                json!("/a/."),
                json!("/%61"),
                json!("/a b"),
                json!("/а"),
                json!("/a/mcp"),
                json!("/a/SSE"),
                json!("/api/x"),
                json!("/Auth"),
                json!("/.well-known/x"),
                json!("/v0.1"),
                json!("/a?b"),
                json!("/a\\b"),
                json!("/a;b"),
                json!("/a\u{0}"),
                json!("/a/".repeat(200)),
            ],
        ),
        (
            "server_name",
            vec![
                json!(null),
                json!(1),
                json!(""),
                json!("  "),
                json!("a\nb"),
                json!("a\u{7f}"),
                long(201),
            ],
        ),
        (
            "description",
            vec![
                json!(null),
                json!(1),
                json!("a\u{0}"),
                json!("\u{1b}[31m"),
                long(4_001),
            ],
        ),
        (
            "proxy_pass_url",
            vec![
                json!(1),
                json!(""),
                json!("h"),
                json!("/x"),
                json!("ftp://h/"),
                json!("file:///etc/passwd"),
                json!("javascript:alert(1)"),
                json!("http://"),
                json!("http://h/#f"),
                json!("http://h/ x"),
                json!("http://h\\x"),
                json!("http://h/\r\nX: 1"),
                json!("http://h:99999/"),
                json!({"url": "http://h/"}),
                Value::from(format!("http://h/{}", "x".repeat(2_048))),
            ],
        ),
        (
            "mcp_endpoint",
            vec![json!(1), json!(""), json!("/mcp"), json!("ws://h/")],
        ),
        (
            "sse_endpoint",
            vec![json!(1), json!(""), json!("sse"), json!("gopher://h/")],
        ),
        (
            "transport",
            vec![
                json!(null),
                json!(1),
                json!(""),
                json!("http"),
                json!("AUTO"),
            ],
        ),
        (
            "auth_type",
            vec![json!(null), json!(1), json!(""), json!("basic")],
        ),
        (
            "auth_provider",
            vec![json!(1), json!([]), long(101), json!("a\nb")],
        ),
        (
            "license",
            vec![json!(null), json!(1), long(201), json!("a\u{0}")],
        ),
        (
            "num_stars",
            vec![json!(null), json!("5"), json!(-1), json!(1e10), json!([])],
        ),
        ("is_python", vec![json!(null), json!("true"), json!(1)]),
        ("enabled", vec![json!(null), json!("on"), json!(0)]),
        ("public", vec![json!(null), json!("false"), json!(1)]),
        ("passthrough", vec![json!(null), json!("x"), json!({})]),
        (
            "forward_authorization",
            vec![json!(null), json!("x"), json!([])],
        ),
        (
            "timeout",
            vec![
                json!(0),
                json!(-1),
                json!(86_401),
                json!(1.5),
                json!("60"),
                json!(true),
                json!(1e300),
            ],
        ),
        (
            "metadata",
            vec![
                json!(null),
                json!([]),
                json!("x"),
                json!({"k": "x".repeat(65_537)}),
            ],
        ),
        (
            "supported_transports",
            vec![
                json!(null),
                json!("sse"),
                json!([]),
                json!(["sse", "sse", "sse", "sse"]),
            ],
        ),
        (
            "tags",
            vec![
                json!(null),
                json!("a,b"),
                json!({}),
                Value::from(vec!["t"; 51]),
            ],
        ),
        ("headers", vec![json!(null), json!("X: 1"), json!(1)]),
        ("tls", vec![json!("pem"), json!(true), json!([])]),
        (
            "visibility",
            vec![json!("public"), json!("private"), json!(null)],
        ),
        ("allowed_groups", vec![json!([]), json!(["a"])]),
        ("auth_credential", vec![json!("secret")]),
        ("custom_headers", vec![json!({})]),
        ("nope", vec![json!(null), json!(1)]),
        ("Path", vec![json!("/a")]),
        ("url", vec![json!("http://h/")]),
        ("__proto__", vec![json!({})]),
    ];
    for (field, values) in table {
        for value in values {
            let errors = mistakes(&with(field, value.clone()), &API);
            let pointers: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
            assert!(
                pointers
                    .iter()
                    .all(|pointer| *pointer == format!("/{field}"))
                    && !errors.is_empty(),
                "{field} = {}: {errors:?}",
                fields::shown(&value)
            );
            let hidden = matches!(field, "headers" | "auth_credential" | "custom_headers");
            assert!(
                hidden || errors[0].value == fields::shown(&value),
                "{field}: {errors:?}"
            );
            assert!(errors[0].rule.len() > 10, "{field}: {errors:?}");
        }
    }
}

#[test]
fn mistakes_inside_lists_and_objects_are_pointed_at() {
    for (field, value, pointer) in [
        (
            "supported_transports",
            json!(["sse", "carrier-pigeon"]),
            "/supported_transports/1",
        ),
        (
            "supported_transports",
            json!([1]),
            "/supported_transports/0",
        ),
        ("tags", json!(["a", ""]), "/tags/1"),
        ("tags", json!(["a", 1]), "/tags/1"),
        ("tags", json!(["x".repeat(101)]), "/tags/0"),
        ("tls", json!({"insecure": "no"}), "/tls/insecure"),
        ("tls", json!({"ca": 1}), "/tls/ca"),
        ("tls", json!({"ca": "no pem"}), "/tls/ca"),
        (
            "tls",
            json!({"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            "/tls/ca",
        ),
        (
            "tls",
            json!({"ca": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}),
            "/tls/ca",
        ),
        ("tls", json!({"verify": false}), "/tls/verify"),
        ("headers", json!([{"X": "1"}, "X: 1"]), "/headers/1"),
        ("headers", json!([{"X": "1"}, {"x": "2"}]), "/headers/1/x"),
        ("headers", json!([{"X/Y~Z": "1\n"}]), "/headers/0/X~1Y~0Z"),
        ("headers", json!({"X": 1}), "/headers/X"),
    ] {
        let errors = mistakes(&with(field, value.clone()), &API);
        assert_eq!(errors.len(), 1, "{value}: {errors:?}");
        assert_eq!(errors[0].field, pointer);
    }
}

#[test]
fn no_header_breaks_a_request_or_forges_a_caller() {
    let values = ["a\r\nX-User: admin", "a\nb", "a\u{0}", " a", "a ", "ä", ""];
    for value in values {
        assert_eq!(
            mistakes(&with("headers", json!({"X-Key": value})), &API).len(),
            1,
            "{value:?}"
        );
    }
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Authorization",
        "X-User",
        "x_user",
        "X-USERNAME",
        "X-Scopes",
        "X_Auth_Method",
        "X-MCP-Identity",
        "X-Forwarded-For",
        "X_Forwarded_Host",
        "Forwarded",
        "X-Real-IP",
        "Mcp-Session-Id",
        "Content-Type",
        "Accept",
        "",
        "X Key",
        "X-Key:",
        "X-Kéy",
        "X-Key\r\n",
    ] {
        let errors = mistakes(&with("headers", json!({name: "v"})), &API);
        assert_eq!(errors.len(), 1, "{name}: {errors:?}");
    }
    for name in [
        "Authorization",
        "X-API-Key",
        "Cookie",
        "User-Agent",
        "X-Client-Token",
    ] {
        assert_eq!(
            mistakes(&with("headers", json!({name: "v"})), &API),
            [],
            "{name}"
        );
    }
}

#[test]
fn no_mistake_shows_a_secret() {
    let secret = "s3cr3t";
    for body in [
        with("headers", json!({"Host": secret})),
        with("headers", json!({"X": format!("{secret}\n")})),
        with("headers", json!([secret])),
        with("headers", json!(secret)),
        with("headers", json!({"X": [secret]})),
        with("proxy_pass_url", json!(format!("http://user:{secret}@h/"))),
        with("auth_credential", json!(secret)),
        with("custom_headers", json!({"X": secret})),
        with("api_key", json!(secret)),
        with("bearer_token", json!(secret)),
    ] {
        let errors = mistakes(&body, &API);
        assert!(!errors.is_empty());
        assert!(!format!("{errors:?}").contains(secret), "{errors:?}");
    }
}

#[test]
fn what_a_server_needs_is_required() {
    let fields = |body: Value| -> Vec<String> {
        mistakes(&body, &API)
            .into_iter()
            .map(|error| error.field)
            .collect()
    };
    assert_eq!(
        fields(json!({})),
        ["/server_name", "/path", "/proxy_pass_url"]
    );
    assert_eq!(
        fields(json!({"path": "/a", "server_name": "A"})),
        ["/proxy_pass_url"]
    );
    assert_eq!(
        fields(json!({"path": "/a", "server_name": "A", "proxy_pass_url": null})),
        ["/proxy_pass_url"]
    );
    let stdio = json!({"path": "/a", "server_name": "A", "supported_transports": ["stdio"]});
    assert!(definition(&stdio, &API).is_ok());
    for body in [json!([]), json!("x"), json!(null), json!(true), json!(1)] {
        assert_eq!(fields(body), [""]);
    }
}

#[test]
fn the_short_form_means_a_host_and_a_port() {
    let url = |body: Value| {
        let made = definition(&body, &API).unwrap().definition;
        (
            made.path.to_string(),
            made.proxy_pass_url.unwrap().to_string(),
        )
    };
    assert_eq!(
        url(json!({"name": "a", "port": 8001})),
        ("/a".into(), "http://localhost:8001/".into())
    );
    let full =
        json!({"name": "a", "port": 1, "host": "h.example", "protocol": "https", "enabled": true});
    assert_eq!(url(full).1, "https://h.example:1/");
    assert_eq!(
        url(json!({"name": "a", "port": 1, "host": "::1"})).1,
        "http://[::1]:1/"
    );
    assert_eq!(
        url(json!({"name": "My Server", "path": "/b", "port": 1})).0,
        "/b"
    );
    for (body, field) in [
        (json!({"name": "My Server", "port": 1}), "/name"),
        (json!({"name": "a", "port": 0}), "/port"),
        (json!({"name": "a", "port": 65_536}), "/port"),
        (json!({"name": "a", "port": "1"}), "/port"),
        (json!({"name": "a", "host": "h"}), "/port"),
        (json!({"name": "a", "port": 1, "host": "h/x"}), "/host"),
        (json!({"name": "a", "port": 1, "host": "u@h"}), "/host"),
        (json!({"name": "a", "port": 1, "host": 1}), "/host"),
        (
            json!({"name": "a", "port": 1, "protocol": "ftp"}),
            "/protocol",
        ),
        (
            json!({"name": "a", "port": 1, "proxy_pass_url": "http://h/"}),
            "/port",
        ),
        (json!({"name": 1, "port": 1, "path": "/a"}), "/name"),
    ] {
        let errors = mistakes(&body, &API);
        assert!(
            errors.iter().any(|error| error.field == field),
            "{body}: {errors:?}"
        );
    }
}

#[test]
fn good_values_are_taken_as_they_are() {
    let pem = pem();
    for (field, value) in [
        ("path", json!("team/search/")),
        ("description", json!("two\nlines\twith a tab")),
        (
            "proxy_pass_url",
            json!("https://h.example:8443/base/mcp/?x=1"),
        ),
        ("supported_transports", json!(["streamable-http", "sse"])),
        ("auth_type", json!("oauth")),
        ("auth_provider", json!(null)),
        ("timeout", json!(86_400)),
        ("timeout", json!(null)),
        ("num_stars", json!(4.5)),
        ("tls", json!({"ca": pem, "insecure": false})),
        ("tls", json!({"ca": null})),
        ("tls", json!(null)),
        ("metadata", json!({"any": [1, {"thing": null}]})),
        ("headers", json!([])),
        ("headers", json!({"X": "v"})),
    ] {
        assert_eq!(
            mistakes(&with(field, value.clone()), &API),
            [],
            "{field} = {value}"
        );
    }
}

#[test]
fn what_the_registry_keeps_itself_is_ignored_in_a_request() {
    let mut body = with("tool_list", json!("anything"));
    for field in [
        "id",
        "created_at",
        "updated_at",
        "created_by",
        "updated_by",
        "health",
        "num_tools",
        "is_enabled",
    ] {
        body[field] = json!({"not": "looked at"});
    }
    let made = definition(&body, &API).unwrap();
    assert!(made.definition.tool_list.is_empty() && made.definition.enabled);
}

#[test]
fn a_file_may_hold_more_but_nothing_that_guards_a_server() {
    let mut body = with("tool_list", json!([{"name": "t", "schema": {}}]));
    body["version"] = json!("2");
    body["is_enabled"] = json!(false);
    let made = definition(&body, &FILE).unwrap();
    assert_eq!(made.ignored, ["version"]);
    assert_eq!(made.definition.tool_list.len(), 1);
    assert!(!made.definition.enabled);
    for (field, value) in [
        ("visibility", json!("public")),
        ("allowed_groups", json!([])),
        ("tool_list", json!([{"schema": {}}])),
        ("tool_list", json!(["t"])),
        (
            "tool_list",
            json!([{"name": "t", "schema": "x".repeat(1 << 20)}]),
        ),
        ("tool_list", Value::from(vec![json!({"name": "t"}); 1_001])),
        ("is_enabled", json!("yes")),
    ] {
        assert_eq!(mistakes(&with(field, value), &FILE).len(), 1, "{field}");
    }
}

fn stored() -> ServerDefinition {
    let mut stored = definition(&with("mcp_endpoint", json!("https://mcp.example/m")), &API)
        .unwrap()
        .definition;
    let value = Secret::new("stored".to_owned());
    stored.headers = vec![UpstreamHeader {
        name: "X-Key".to_owned(),
        value,
    }];
    stored
}

#[test]
fn stars_keep_a_value_only_where_it_has_always_gone() {
    let stored = stored();
    let context = Context {
        existing: Some(&stored),
        ..API
    };
    let write = |url: &str, mcp: Value, headers: Value| {
        let body = json!({"server_name": "A", "proxy_pass_url": url, "mcp_endpoint": mcp, "headers": headers});
        definition(&body, &context).map(|made| made.definition.headers)
    };
    let stars = json!([{"x-key": "***"}]);
    let kept = write(
        "http://h/other/path",
        json!("https://mcp.example/n"),
        stars.clone(),
    )
    .unwrap();
    assert_eq!(kept[0].value.expose(), "stored");
    for (url, mcp) in [
        ("http://h:81/", json!(null)),
        ("https://h/", json!(null)),
        ("http://evil.example/", json!(null)),
        ("http://h/", json!("https://evil.example/m")),
    ] {
        let errors = write(url, mcp, stars.clone()).unwrap_err();
        assert_eq!(errors[0].field, "/headers/0/x-key");
        assert!(errors[0].rule.contains("another origin"), "{errors:?}");
    }
    assert!(
        write("http://h/", json!(null), json!({"X-Other": "***"})).is_err(),
        "nothing is stored under that name"
    );
    assert_eq!(
        write("http://evil.example/", json!(null), json!({"X-Key": "new"})).unwrap()[0]
            .value
            .expose(),
        "new"
    );
    assert!(
        definition(&with("headers", stars), &API).is_err(),
        "a new server has nothing to keep"
    );
}

#[test]
fn the_path_is_the_one_in_the_url() {
    let stored = stored();
    let context = Context {
        existing: Some(&stored),
        ..API
    };
    for path in [json!("/a"), json!("a/")] {
        assert_eq!(mistakes(&with("path", path), &context), []);
    }
    for path in [json!("/b"), json!("/A"), json!(null)] {
        assert_eq!(mistakes(&with("path", path), &context)[0].field, "/path");
    }
}

#[test]
fn a_patched_port_replaces_the_url() {
    let stored = stored();
    let context = Context {
        existing: Some(&stored),
        ..API
    };
    let body = patch::patched(&stored, &json!({"port": 80, "host": "h"}));
    let made = definition(&body, &context).unwrap().definition;
    assert_eq!(made.proxy_pass_url.unwrap().as_str(), "http://h/");
    let body = patch::patched(&stored, &json!({"headers": {"X-New": "n"}}));
    assert_eq!(
        definition(&body, &context)
            .unwrap()
            .definition
            .headers
            .len(),
        2,
        "patched by name"
    );
    let body = patch::patched(&stored, &json!({"headers": {"X-Key": null}}));
    assert_eq!(definition(&body, &context).unwrap().definition.headers, []);
}

proptest::proptest! {
    #[test]
    fn any_text_as_path_is_a_mistake_or_a_path_in_one_spelling(text in ".*") {
        match definition(&with("path", json!(text)), &API) {
            Ok(made) => {
                let path = made.definition.path;
                proptest::prop_assert_eq!(text.trim_matches('/'), path.id());
                proptest::prop_assert!(path.id().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
            Err(errors) => proptest::prop_assert!(errors.iter().all(|error| error.field == "/path")),
        }
    }

    #[test]
    fn any_value_anywhere_is_judged_without_harm(field in "[a-z_]{1,12}", value in "\\PC{0,40}", number in proptest::num::f64::ANY) {
        for value in [json!(value), json!(number), json!([value]), json!({ value: number })] {
            let _ = definition(&with(&field, value), &API);
        }
    }
}
