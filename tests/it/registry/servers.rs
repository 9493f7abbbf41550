//! Definitions: added, listed, changed, removed.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_server_is_in_use_when_the_answer_is_there() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let reply = app
        .add(&token, &json!({"path": "/fininfo/", "server_name": "Fin", "proxy_pass_url": "http://localhost:8001/"}))
        .await;
    let info = reply.json();
    assert_eq!(info["id"], "fininfo");
    assert_eq!(info["path"], "/fininfo");
    assert_eq!(info["created_by"], "admin");
    assert_eq!(info["health"]["status"], "unknown");
    assert_eq!(info["num_stars"], 0);
    assert!(reply.header("etag").starts_with('"'));
    let snapshot = app.applied.last();
    let route = snapshot.routes.get("/fininfo").expect("routed");
    assert_eq!(route.endpoints.mcp.as_str(), "http://localhost:8001/mcp");
}

#[tokio::test]
async fn the_short_form_is_enough() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let info = app
        .add(
            &token,
            &json!({"name": "fininfo", "port": 8001, "enabled": true}),
        )
        .await
        .json();
    assert_eq!(info["path"], "/fininfo");
    assert_eq!(info["server_name"], "fininfo");
    assert_eq!(info["proxy_pass_url"], "http://localhost:8001/");
    assert_eq!(info["enabled"], true);
}

#[tokio::test]
async fn what_was_read_can_be_written_back() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let written = json!({
        "path": "/a", "server_name": "A", "description": "two\nlines", "proxy_pass_url": "https://h.example/x",
        "supported_transports": ["sse", "streamable-http"], "transport": "sse", "mcp_endpoint": "https://h.example/m",
        "sse_endpoint": "https://h.example/s", "auth_type": "api-key", "auth_provider": "keycloak",
        "headers": [{"Authorization": "Bearer secret"}, {"X-Key": "k"}], "tags": ["a", "b"], "license": "MIT",
        "num_stars": 4.5, "is_python": true, "enabled": false, "public": true, "passthrough": true,
        "forward_authorization": true, "timeout": 5, "tls": {"insecure": true}, "metadata": {"k": [1]},
    });
    let first = app.add(&token, &written).await;
    let info = first.json();
    assert_eq!(
        info["headers"],
        json!([{"Authorization": "***"}, {"X-Key": "***"}])
    );
    assert_eq!(info["auth_type"], "api_key");
    let back = app
        .call(Method::PUT, "/api/servers/a")
        .bearer(&token)
        .json(&info)
        .send()
        .await;
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!(back.json(), info);
    assert_eq!(
        back.header("etag"),
        first.header("etag"),
        "nothing has changed"
    );
}

#[tokio::test]
async fn lists_by_path_and_filters() {
    let app = TestApp::start().await;
    let token = app.token().await;
    for (path, tag, enabled) in [("b", "x", true), ("a", "y", false), ("c/d", "x", true)] {
        app.add(&token, &json!({"path": path, "server_name": path, "port": 1, "tags": [tag], "enabled": enabled})).await;
    }
    let keys = async |target: &str| -> Vec<String> {
        let reply = app.get(target).bearer(&token).send().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json().as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys("/api/servers").await, ["/a", "/b", "/c/d"]);
    assert_eq!(keys("/api/servers?tag=X").await, ["/b", "/c/d"]);
    assert_eq!(keys("/api/servers?enabled=false").await, ["/a"]);
    assert_eq!(keys("/api/servers?health=disabled").await, ["/a"]);
    assert_eq!(keys("/api/servers?query=C/").await, ["/c/d"]);
    let first = app.get("/api/servers?limit=2").bearer(&token).send().await;
    assert_eq!(first.json().as_object().unwrap().len(), 2);
    let link = first.header("link");
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert_eq!(keys(next).await, ["/c/d"]);
    let list = app
        .get("/api/servers?offset=1&limit=1")
        .bearer(&token)
        .send()
        .await
        .json();
    assert_eq!(list["total_count"], 3);
    assert_eq!(list["has_next"], true);
    assert_eq!(list["servers"][0]["display_name"], "b");
    assert_eq!(list["servers"][0]["is_enabled"], true);
}

#[tokio::test]
async fn refuses_parameters_it_does_not_know() {
    let app = TestApp::start().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "enabled=1",
        "health=good",
        "wait=26",
        "nope=1",
        "tag=a&tag=b",
        "shape=tree",
        "cursor=%%%",
        "cursor=Li4",
        "shape=list&cursor=YQ",
    ] {
        let reply = app
            .get(&format!("/api/servers?{query}"))
            .bearer(crate::support::app::GATEWAY_TOKEN)
            .send()
            .await;
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
    }
}

#[tokio::test]
async fn one_server_is_found_by_plain_and_by_encoded_slashes() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(
        &token,
        &json!({"path": "/team/search", "server_name": "S", "port": 1}),
    )
    .await;
    for id in [
        "team/search",
        "team%2Fsearch",
        "team%2fsearch/",
        "team/search/",
    ] {
        let reply = app
            .get(&format!("/api/servers/{id}"))
            .bearer(&token)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{id}: {reply:?}");
        assert_eq!(reply.json()["id"], "team/search");
    }
    for id in [
        "team",
        "Team/search",
        "team/../team/search",
        "team%2F..%2Fsearch",
        "%2e%2e",
        "a%00b",
        "%ff",
    ] {
        let reply = app
            .get(&format!("/api/servers/{id}"))
            .bearer(&token)
            .send()
            .await;
        assert!(
            reply.status == 404 || reply.status == 400,
            "{id}: {reply:?}"
        );
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn a_path_is_taken_once() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let body = json!({"path": "/a", "server_name": "A", "port": 1});
    app.add(&token, &body).await;
    let again = app
        .call(Method::POST, "/api/servers")
        .bearer(&token)
        .json(&body)
        .send()
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(again.header("content-type"), "application/problem+json");
    assert_eq!(again.json()["instance"], again.header("x-request-id"));
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(
        &token,
        &json!({"path": "/a", "server_name": "A", "port": 1, "tags": ["t"], "description": "d",
        "headers": {"X-Key": "secret"}}),
    )
    .await;
    let patch = async |body: serde_json::Value| {
        app.call(Method::PATCH, "/api/servers/a")
            .bearer(&token)
            .body("application/merge-patch+json", body.to_string())
            .send()
            .await
    };
    let reply = patch(json!({"enabled": false, "description": null})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["enabled"], false);
    assert_eq!(reply.json()["description"], "");
    assert_eq!(reply.json()["tags"], json!(["t"]));
    assert!(app.applied.last().routes.is_empty(), "disabled: not routed");
    assert_eq!(patch(json!({"enabled": true})).await.status, 200);
    let header = app.applied.last().routes["/a"].headers[0].clone();
    assert_eq!(header.value.expose(), "secret", "kept through patches");
    let moved = patch(json!({"proxy_pass_url": "http://elsewhere.example/"})).await;
    assert_eq!(moved.status, 422);
    assert!(
        moved.errors()[0].starts_with("/headers/0/X-Key: must be written again"),
        "{moved:?}"
    );
    assert_eq!(
        patch(json!({"proxy_pass_url": "http://elsewhere.example/", "headers": []}))
            .await
            .status,
        200
    );
    assert_eq!(patch(json!({"path": "/b"})).await.status, 422);
    assert_eq!(
        patch(json!({"headers": {"X-New": "n"}})).await.json()["headers"],
        json!([{"X-New": "***"}])
    );
}

#[tokio::test]
async fn concurrent_edits_lose_nothing() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let first = app
        .add(
            &token,
            &json!({"path": "/a", "server_name": "A", "port": 1}),
        )
        .await;
    let etag = first.header("etag").to_owned();
    let edit = |name: &str| {
        app.call(Method::PATCH, "/api/servers/a")
            .bearer(&token)
            .header("if-match", &etag)
            .json(&json!({"server_name": name}))
    };
    let (one, two) = tokio::join!(edit("one").send(), edit("two").send());
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let gone = app
        .call(Method::DELETE, "/api/servers/a")
        .bearer(&token)
        .header("if-match", &etag)
        .send()
        .await;
    assert_eq!(gone.status, 412);
    assert_eq!(
        app.call(Method::DELETE, "/api/servers/a")
            .bearer(&token)
            .send()
            .await
            .status,
        204
    );
    assert_eq!(
        app.call(Method::DELETE, "/api/servers/a")
            .bearer(&token)
            .send()
            .await
            .status,
        404
    );
    assert!(app.applied.last().routes.is_empty());
}

#[tokio::test]
async fn an_unchanged_list_is_304_and_wakes_when_it_changes() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let first = app.get("/api/servers").bearer(&token).send().await;
    let etag = first.header("etag").to_owned();
    let same = app
        .get("/api/servers")
        .bearer(&token)
        .header("if-none-match", &etag)
        .send()
        .await;
    assert_eq!(same.status, 304);
    assert_eq!(same.header("etag"), etag);
    let held = app
        .get("/api/servers?wait=20")
        .bearer(&token)
        .header("if-none-match", &etag)
        .send();
    let body = json!({"path": "/a", "server_name": "A", "port": 1});
    let change = app.add(&token, &body);
    let (held, _) = tokio::join!(held, change);
    assert_eq!(held.status, 200);
    assert!(held.json().get("/a").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_held_request_ends_with_its_time_and_so_many_are_held() {
    let app = TestApp::start().await;
    let etag = app
        .get("/api/servers")
        .bearer(crate::support::app::GATEWAY_TOKEN)
        .send()
        .await
        .header("etag")
        .to_owned();
    let held = || {
        app.get("/api/servers?wait=20")
            .bearer(crate::support::app::GATEWAY_TOKEN)
            .header("if-none-match", &etag)
            .send()
    };
    let replies = futures_util::future::join_all((0..5).map(|_| held())).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [304, 304, 304, 304, 503]);
}

#[tokio::test]
async fn a_stopping_registry_lets_go_of_held_requests() {
    let app = TestApp::start().await;
    let etag = app
        .get("/api/servers")
        .bearer(crate::support::app::GATEWAY_TOKEN)
        .send()
        .await
        .header("etag")
        .to_owned();
    let held = app
        .get("/api/servers?wait=25")
        .bearer(crate::support::app::GATEWAY_TOKEN)
        .header("if-none-match", &etag)
        .send();
    let (held, ()) = tokio::join!(held, async { app.stop.cancel() });
    assert_eq!(held.status, 304);
}

#[tokio::test]
async fn everything_survives_a_restart_and_the_revision_only_grows() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(
        &token,
        &json!({"path": "/a", "server_name": "A", "port": 1, "headers": {"X-Key": "secret"}}),
    )
    .await;
    app.add(
        &token,
        &json!({"path": "/b", "server_name": "B", "port": 2}),
    )
    .await;
    let before = app.applied.last();
    assert!(app.applied.revisions().is_sorted());
    let app = app.restart(|_| {}).await;
    let after = app.applied.last();
    assert_eq!(*after, *before);
    assert_eq!(after.routes["/a"].headers[0].value.expose(), "secret");
    assert_eq!(
        app.get("/api/servers/a").bearer(&token).send().await.status,
        200,
        "tokens too"
    );
}

#[tokio::test]
async fn unchanged_routes_keep_their_arc() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(
        &token,
        &json!({"path": "/a", "server_name": "A", "port": 1}),
    )
    .await;
    let before = app.applied.last();
    app.call(Method::PATCH, "/api/servers/a")
        .bearer(&token)
        .json(&json!({"description": "new"}))
        .send()
        .await;
    app.add(
        &token,
        &json!({"path": "/b", "server_name": "B", "port": 2}),
    )
    .await;
    let after = app.applied.last();
    assert!(std::sync::Arc::ptr_eq(
        &before.routes["/a"],
        &after.routes["/a"]
    ));
}

#[tokio::test]
async fn addresses_that_are_never_dialled_cannot_be_registered() {
    let app = TestApp::start().await;
    let token = app.token().await;
    for url in [
        "http://169.254.169.254/latest/",
        "http://0xa9fea9fe/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.1.1]/",
        "http://metadata.google.internal/",
        "http://0.0.0.0:8000/",
        "http://mail.example:25/",
    ] {
        let body = json!({"path": "/a", "server_name": "A", "proxy_pass_url": url});
        let reply = app
            .call(Method::POST, "/api/servers")
            .bearer(&token)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 422, "{url}");
        assert!(
            reply.errors()[0]
                .starts_with("/proxy_pass_url: must be an address that may be dialled"),
            "{url}: {reply:?}"
        );
    }
    assert!(app.applied.last().routes.is_empty());
    let body = json!({"path": "/a", "server_name": "A", "proxy_pass_url": "http://10.0.0.1/"});
    app.add(&token, &body).await;
    let moved = json!({"mcp_endpoint": "http://169.254.169.254/mcp"});
    let reply = app
        .call(Method::PATCH, "/api/servers/a")
        .bearer(&token)
        .json(&moved)
        .send()
        .await;
    assert_eq!(reply.status, 422, "{reply:?}");
}
