use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::samples::{headers, snapshot};

fn reading(body: &Value, current: Option<&Snapshot>) -> Reading {
    read(
        parse(body.to_string().as_bytes()).unwrap().entries,
        "localhost",
        current,
    )
    .unwrap()
}

fn bases(body: &Value) -> Vec<(String, String)> {
    reading(body, None)
        .routes
        .values()
        .map(|route| (route.path.to_string(), route.endpoints.base.to_string()))
        .collect()
}

#[test]
fn the_map_the_list_and_the_short_form_mean_the_same() {
    let expected = vec![("/fininfo".to_owned(), "http://localhost:8001/".to_owned())];
    let full = json!({"enabled": true, "proxy_pass_url": "http://localhost:8001/"});
    let short = json!({"enabled": true, "port": 8001, "protocol": "http"});
    for body in [
        json!({"fininfo": short}),
        json!({"/fininfo": short}),
        json!({"/fininfo/": short}),
        json!({"/fininfo/": full}),
        json!({"fininfo": {"enabled": true, "port": "8001", "name": "fininfo"}}),
        json!({"servers": [{"path": "/fininfo/", "is_enabled": true, "proxy_pass_url": "http://localhost:8001"}]}),
        json!([{"path": "/fininfo", "enabled": true, "port": 8001}]),
        json!({"fininfo": {"enabled": true, "proxy_pass_url": "", "host": null, "port": 8001}}),
        json!({"fininfo": {"enabled": true, "mcp_endpoint": "http://localhost:8001/"}}),
    ] {
        assert_eq!(bases(&body), expected, "{body}");
    }
    let at_host = json!({"x": {"enabled": true, "port": 443, "protocol": "HTTPS", "host": "::1"}});
    assert_eq!(
        bases(&at_host),
        [("/x".to_owned(), "https://[::1]/".to_owned())]
    );
    let named = json!({"servers": {"enabled": true, "port": 1}});
    assert_eq!(
        bases(&named),
        [("/servers".to_owned(), "http://localhost:1/".to_owned())]
    );
}

#[test]
fn only_what_says_enabled_is_routed() {
    for info in [
        json!({"port": 8001}),
        json!({"enabled": false, "port": 8001}),
        json!({"enabled": null, "port": 8001}),
        json!({"is_enabled": false, "port": 8001}),
        json!({"enabled": false, "is_enabled": true, "port": 8001}),
        json!({"enabled": true, "supported_transports": ["stdio"]}),
    ] {
        let reading = reading(&json!({"x": info}), None);
        assert!(
            reading.routes.is_empty() && reading.skipped.is_empty(),
            "{info}"
        );
    }
}

#[test]
fn everything_that_a_route_has_is_read() {
    let info = json!({
        "enabled": true, "proxy_pass_url": "https://h:2/x", "mcp_endpoint": "https://h:2/m",
        "sse_endpoint": "https://h:2/s", "public": true, "passthrough": true,
        "forward_authorization": true, "timeout": 5, "tls": {"insecure": true, "ca": "PEM"},
        "headers": [{"X-A": "1"}, {"name": "X-B", "value": "2"}],
    });
    let reading = reading(&json!({"x": info}), None);
    let route = &reading.routes["/x"];
    assert_eq!(route.endpoints.mcp.as_str(), "https://h:2/m");
    assert_eq!(route.endpoints.sse.as_str(), "https://h:2/s");
    assert!(route.public && route.passthrough && route.forward_authorization);
    assert_eq!(route.timeout, Some(Duration::from_secs(5)));
    assert_eq!(
        route.tls,
        UpstreamTls {
            ca: Some("PEM".into()),
            insecure: true
        }
    );
    assert_eq!(route.headers, headers(&[("X-A", "1"), ("X-B", "2")]));
}

#[test]
fn what_cannot_be_understood_is_skipped_by_name_and_stays_as_it_was() {
    let good = json!({"enabled": true, "port": 1});
    for (name, info, field) in [
        ("/x", json!({"enabled": true}), "proxy_pass_url"),
        ("/x", json!({"enabled": "true", "port": 1}), "enabled"),
        ("/x", json!({"enabled": true, "port": 0}), "port"),
        ("/x", json!({"enabled": true, "port": 70000}), "port"),
        ("/x", json!({"enabled": true, "port": -1}), "port"),
        (
            "/x",
            json!({"enabled": true, "port": 1, "host": "h/../x"}),
            "host",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "host": "u:p@h"}),
            "host",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "protocol": "gopher"}),
            "protocol",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "protocol": 7}),
            "protocol",
        ),
        (
            "/x",
            json!({"enabled": true, "proxy_pass_url": "ftp://h/"}),
            "proxy_pass_url",
        ),
        (
            "/x",
            json!({"enabled": true, "proxy_pass_url": 1, "port": 1}),
            "proxy_pass_url",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "public": "no"}),
            "public",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "timeout": -1}),
            "timeout",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "tls": true}),
            "tls",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "headers": "X: 1"}),
            "headers",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "headers": {"a b": "1"}}),
            "headers",
        ),
        (
            "/x",
            json!({"enabled": true, "port": 1, "headers": {"X": "1\r\nY: 2"}}),
            "headers",
        ),
        ("/x", json!("http://h:1/"), "object"),
        ("../x", good.clone(), "path"),
        ("/api/x", good.clone(), "path"),
        ("", good.clone(), "path"),
    ] {
        let before = reading(&json!({"x": {"enabled": true, "port": 9}}), None);
        let current = Snapshot {
            routes: before.routes,
            ..snapshot("c", 1, [])
        };
        let after = reading(&json!({name: info, "/good": good}), Some(&current));
        let why = &after.skipped[name];
        assert!(why.contains(field), "{info}: {why}");
        assert!(after.routes.contains_key("/good"), "{info}");
        if name == "/x" {
            assert!(
                Arc::ptr_eq(&after.routes["/x"], &current.routes["/x"]),
                "{info}"
            );
        }
    }
    let twice = reading(&json!({"/x": {"enabled": false}, "x": good}), None);
    assert!(twice.routes.is_empty());
    assert_eq!(twice.skipped["x"], "path: is there twice");
}

#[test]
fn a_list_without_any_sense_is_refused_as_a_whole() {
    for body in [
        json!({"detail": "x"}),
        json!({"/x": {"enabled": true}}),
        json!([1, 2]),
        json!({"servers": ["a"]}),
    ] {
        let entries = parse(body.to_string().as_bytes()).unwrap().entries;
        assert!(
            matches!(read(entries, "localhost", None), Err(Trouble::Malformed)),
            "{body}"
        );
    }
    assert!(reading(&json!({}), None).routes.is_empty());
}

#[test]
fn hidden_values_stay_what_they_were_at_the_same_origin_and_are_never_sent_as_stars() {
    let info = |url: &str, value: &str| json!({"x": {"enabled": true, "proxy_pass_url": url, "headers": {"x-key": value}}});
    let first = reading(&info("http://h:1/", "real"), None);
    let current = Snapshot {
        routes: first.routes,
        ..snapshot("c", 1, [])
    };
    let same = reading(&info("http://h:1/other", "***"), Some(&current));
    assert_eq!(same.routes["/x"].headers, headers(&[("x-key", "real")]));
    let moved = reading(&info("http://h:2/", "***"), Some(&current));
    assert_eq!(moved.routes["/x"].headers, []);
    let unknown = reading(&info("http://h:1/", "***"), None);
    assert_eq!(unknown.routes["/x"].headers, []);
}

#[test]
fn next_pages_lie_on_the_same_origin() {
    let here = Url::parse("https://h/api/servers?limit=2").unwrap();
    let next = |header: &str| next_link(&here, header).map(|url| url.to_string());
    assert_eq!(
        next("</api/servers?cursor=b>; rel=\"next\"").as_deref(),
        Some("https://h/api/servers?cursor=b")
    );
    assert_eq!(
        next("<?c=a>; rel=\"prev\", <?c=b>; title=x; rel=next").as_deref(),
        Some("https://h/api/servers?c=b")
    );
    for none in [
        "",
        "x",
        "<https://evil/>; rel=next",
        "<http://h/api>; rel=next",
        "</a>; rel=last",
        "<::>; rel=next",
    ] {
        assert!(
            next(none).is_none_or(|url| url.starts_with("https://h/")),
            "{none}"
        );
    }
    assert_eq!(next("<https://evil/>; rel=next"), None);
    assert_eq!(
        at_offset(&here, 4).as_str(),
        "https://h/api/servers?limit=2&offset=4"
    );
}

proptest! {
    #[test]
    fn no_list_makes_the_reader_panic(body in ".{0,200}", name in ".{0,12}", value in ".{0,12}") {
        let _ = parse(body.as_bytes());
        let info = json!({
            "enabled": true, "port": value, "host": value, "protocol": value,
            "proxy_pass_url": value, "headers": {name.clone(): value},
        });
        let body = json!({name: info});
        let page = parse(body.to_string().as_bytes()).unwrap();
        let routes = read(page.entries, &value, None).map(|reading| reading.routes.len());
        prop_assert!(routes.unwrap_or_default() <= 1);
    }
}
