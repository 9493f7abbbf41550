//! Definitions in files: taken over once, then the database wins.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{Builder, GATEWAY_TOKEN};

const CURRENTTIME: &str = r#"{"path": "/currenttime/", "server_name": "Current Time",
    "proxy_pass_url": "http://127.0.0.1:8000/", "tags": ["time"], "num_tools": 1, "license": "MIT",
    "tool_list": [{"name": "current_time_by_timezone", "parsed_description": {"main": "m"}, "schema": {}}]}"#;
const FININFO: &str =
    r#"{"path": "/fininfo", "server_name": "Fin", "proxy_pass_url": "http://127.0.0.1:8001/sse"}"#;

async fn servers(app: &TestApp) -> Value {
    app.get("/api/servers")
        .bearer(GATEWAY_TOKEN)
        .send()
        .await
        .json()
}

fn two_files(builder: Builder) -> Builder {
    builder
        .file("currenttime.json", CURRENTTIME)
        .file("team/fininfo.json", FININFO)
}

#[tokio::test]
async fn files_are_imported_before_the_first_snapshot() {
    let app = two_files(TestApp::builder()).start().await;
    let servers = servers(&app).await;
    assert_eq!(servers["/currenttime"]["created_by"], "import");
    assert_eq!(servers["/currenttime"]["num_tools"], 1);
    assert_eq!(servers["/currenttime"]["enabled"], true);
    let paths: Vec<String> = app
        .applied
        .last()
        .routes
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, ["/currenttime", "/fininfo"]);
}

#[tokio::test]
async fn the_database_wins_over_files_and_what_was_removed_stays_removed() {
    let app = two_files(TestApp::builder()).start().await;
    let token = app.token().await;
    app.call(Method::PATCH, "/api/servers/fininfo")
        .bearer(&token)
        .json(&json!({"description": "edited"}))
        .send()
        .await;
    app.call(Method::DELETE, "/api/servers/currenttime")
        .bearer(&token)
        .send()
        .await;
    let folder = app.folder.path().join("servers");
    let changed = FININFO.replace("\"Fin\"", "\"Changed in the file\"");
    std::fs::write(folder.join("team/fininfo.json"), &changed).unwrap();
    std::fs::write(folder.join("renamed.json"), CURRENTTIME).unwrap();
    std::fs::write(folder.join("new.json"), r#"{"name": "new", "port": 1}"#).unwrap();
    let app = app.restart(|_| {}).await;
    let servers = servers(&app).await;
    assert_eq!(servers["/fininfo"]["server_name"], "Fin");
    assert_eq!(servers["/fininfo"]["description"], "edited");
    assert!(
        servers.get("/currenttime").is_none(),
        "a removed server stays removed"
    );
    assert_eq!(servers["/new"]["server_name"], "new");
    assert_eq!(
        std::fs::read_to_string(folder.join("team/fininfo.json")).unwrap(),
        changed,
        "nothing is written back"
    );
    let revision = app.applied.last().revision;
    let app = app.restart(|_| {}).await;
    assert_eq!(
        app.applied.last().revision,
        revision,
        "nothing new: no revision"
    );
}

#[tokio::test]
async fn the_state_file_says_what_is_enabled() {
    let state = r#"{"/currenttime": true, "/fininfo/": false}"#;
    let third = r#"{"path": "/third", "server_name": "T", "proxy_pass_url": "http://h/", "is_enabled": true}"#;
    let app = two_files(TestApp::builder())
        .file("server_state.json", state)
        .file("third.json", third)
        .start()
        .await;
    let servers = servers(&app).await;
    assert_eq!(servers["/currenttime"]["enabled"], true);
    assert_eq!(servers["/fininfo"]["enabled"], false);
    assert_eq!(
        servers["/third"]["enabled"], false,
        "not named there: off, as it always was"
    );
}

#[tokio::test]
async fn without_a_state_file_the_definition_says_it() {
    let off = r#"{"path": "/off", "server_name": "T", "proxy_pass_url": "http://h/", "is_enabled": false}"#;
    let app = TestApp::builder().file("off.json", off).start().await;
    assert_eq!(servers(&app).await["/off"]["enabled"], false);
}

#[tokio::test]
async fn a_bad_file_does_not_stop_the_others() {
    let app = two_files(TestApp::builder())
        .file("broken.json", "{")
        .file("list.json", "[]")
        .file("agent.json", r#"{"name": "agent", "url": "http://h/"}"#)
        .file("reserved.json", r#"{"path": "/api/x", "server_name": "X", "proxy_pass_url": "http://h/"}"#)
        .file("exposed.json", r#"{"path": "/e", "server_name": "E", "proxy_pass_url": "http://h/", "visibility": "private"}"#)
        .file("service_index_metadata.json", r#"{"metadata": {"/x": {"path": "/x", "server_name": "X"}}, "next_id": 1}"#)
        .file("newer.json", r#"{"path": "/newer", "server_name": "N", "proxy_pass_url": "http://h/", "version": "2"}"#)
        .file("notes.txt", "no definition")
        .start()
        .await;
    let servers = servers(&app).await;
    let paths: Vec<&String> = servers.as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/currenttime", "/fininfo", "/newer"]);
}

#[tokio::test]
async fn of_two_files_with_one_path_the_later_counts() {
    let app = TestApp::builder()
        .file("a.json", &FININFO.replace("Fin", "first"))
        .file("b.json", &FININFO.replace("Fin", "second"))
        .start()
        .await;
    assert_eq!(servers(&app).await["/fininfo"]["server_name"], "second");
}

#[tokio::test]
async fn a_missing_folder_is_an_empty_one() {
    let app = TestApp::start().await;
    assert_eq!(servers(&app).await, json!({}));
}
