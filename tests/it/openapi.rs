//! The committed description of the API is the one that the handlers give.

use std::path::Path;

#[test]
fn the_committed_description_is_the_one_of_the_handlers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let described = mcp::registry::api::openapi().to_pretty_json().unwrap();
    assert!(
        committed.trim() == described.trim(),
        "web/openapi.json is not what the handlers say; write it anew: cargo run -- openapi > web/openapi.json"
    );
}

#[test]
fn every_operation_has_an_id_a_tag_and_a_description() {
    let description = serde_json::to_value(mcp::registry::api::openapi()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        assert!(!path.contains('*'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(seen.insert(id.to_owned()), "{id} is given twice");
            assert!(
                operation["tags"][0].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
        }
    }
    assert!(seen.len() >= 15, "{seen:?}");
}
