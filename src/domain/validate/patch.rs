//! Partial changes: JSON merge patch (RFC 7396) on the form that people write.

use serde_json::{Map, Value, json};

use super::super::server::ServerDefinition;
pub use super::headers::KEPT;

/// The definition in the form that people write; header values are [`KEPT`].
pub fn written(definition: &ServerDefinition) -> Value {
    // A definition is texts, numbers and lists: turning it into JSON cannot fail.
    let mut value = serde_json::to_value(definition).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        let headers = definition
            .headers
            .iter()
            .map(|header| json!({ header.name.clone(): KEPT }));
        map.insert("headers".to_owned(), headers.collect());
    }
    value
}

/// What a body would say after the patch; to be judged like any other body.
pub fn patched(definition: &ServerDefinition, patch: &Value) -> Value {
    let mut target = written(definition);
    // Headers patched by name: the equal form as one object.
    if let (Value::Object(map), Some(Value::Object(_))) = (&mut target, patch.get("headers")) {
        let named: Map<String, Value> = definition
            .headers
            .iter()
            .map(|header| (header.name.clone(), Value::from(KEPT)))
            .collect();
        map.insert("headers".to_owned(), Value::Object(named));
    }
    // The short form says what proxy_pass_url says.
    if let (Value::Object(map), Some(_)) = (&mut target, patch.get("port")) {
        map.remove("proxy_pass_url");
    }
    merge(&mut target, patch);
    target
}

/// RFC 7396, section 2.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_as_the_examples_of_the_rfc() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut result = target.clone();
            merge(&mut result, &patch);
            assert_eq!(result, merged, "{target} patched with {patch}");
        }
    }
}
