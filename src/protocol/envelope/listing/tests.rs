use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SEEN: [&str; 3] = ["read", "r\u{e9}ad", "a\"b"];

fn cut(text: &str) -> Result<Restricted, EnvelopeError> {
    restrict(text.as_bytes(), |name| SEEN.contains(&name))
}

#[track_caller]
fn changed(text: &str) -> String {
    match cut(text).unwrap() {
        Restricted::Changed(changed) => changed,
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn only_what_may_be_seen_stays_and_keeps_its_bytes() {
    for (before, after) in [
        (
            r#"{"id":1, "result":{"tools":[ {"name":"read" , "x":1} ,{"name":"write"}, {"x":[{}], "name":"read"}], "nextCursor":"c" } }"#,
            r#"{"id":1, "result":{"tools":[ {"name":"read" , "x":1},{"x":[{}], "name":"read"}], "nextCursor":"c" } }"#,
        ),
        (
            r#"{"result":{"tools":[{"name":"write"},{"name":"read"}]}}"#,
            r#"{"result":{"tools":[{"name":"read"}]}}"#,
        ),
        (
            r#"{"result":{"tools":[{"name":"write"}]}}"#,
            r#"{"result":{"tools":[]}}"#,
        ),
        (
            r#"{"result":{"tools":[{"name":"READ"},{"name":"read "},{"name":["read"]},{},7,"read",null,[{"name":"read"}]]}}"#,
            r#"{"result":{"tools":[]}}"#,
        ),
        (
            r#"{"\u0072esult":{"too\u006cs":[{"n\u0061me":"\u0077rite"},{"name":"\u0072ead"},{"name":"a\"b"}]}}"#,
            r#"{"\u0072esult":{"too\u006cs":[{"name":"\u0072ead"},{"name":"a\"b"}]}}"#,
        ),
        (
            r#"[{"result":{"tools":[{"name":"write"}]}},{"result":{"tools":[{"name":"read"}]}},{"result":{"tools":[{"name":"x"}]}}]"#,
            r#"[{"result":{"tools":[]}},{"result":{"tools":[{"name":"read"}]}},{"result":{"tools":[]}}]"#,
        ),
    ] {
        assert_eq!(changed(before), after);
        assert!(may_hold_tools(before.as_bytes()));
    }
}

#[test]
fn hints_to_caches_become_private_where_something_was_taken_out() {
    for (before, after) in [
        (
            r#"{"result":{"ttlMs":5,"cacheScope":"public","tools":[{"name":"w"}]}}"#,
            r#"{"result":{"ttlMs":5,"cacheScope":"private","tools":[]}}"#,
        ),
        (
            r#"{"result":{"tools":[{"name":"w"}],"cacheScope" : "public" ,"ttlMs":5}}"#,
            r#"{"result":{"tools":[],"cacheScope" : "private" ,"ttlMs":5}}"#,
        ),
        (
            r#"{"result":{ "tools":[{"name":"w"}],"ttlMs":5}}"#,
            r#"{"result":{"cacheScope":"private", "tools":[],"ttlMs":5}}"#,
        ),
    ] {
        assert_eq!(changed(before), after);
    }
}

#[test]
fn look_alikes_elsewhere_are_not_lists() {
    for text in [
        r#"{"params":{"tools":[{"name":"write"}]}}"#,
        r#"{"tools":[{"name":"write"}]}"#,
        r#"{"result":{"structuredContent":{"tools":[{"name":"write"}]},"content":[{"result":{"tools":[{"name":"w"}]}}]}}"#,
        r#"{"result":{"capabilities":{"tools":{"listChanged":true}}}}"#,
        r#"{"result":{"tools":{"name":"write"}}}"#,
        r#"{"result":[{"tools":[{"name":"write"}]}]}"#,
        r#"{"error":{"data":{"result":{"tools":[{"name":"write"}]}}}}"#,
        r#"{"result":{"content":[{"text":"{\"result\":{\"tools\":[{\"name\":\"write\"}]}}"}]}}"#,
        "[]",
        "7",
    ] {
        assert_eq!(cut(text), Ok(Restricted::NoList), "{text}");
    }
    let all = r#" {"result":{"tools":[ {"name":"read"},{"name":"r\u00e9ad"} ]}} "#;
    assert_eq!(cut(all), Ok(Restricted::Untouched));
    assert_eq!(cut(r#"{"result":{"tools":[]}}"#), Ok(Restricted::Untouched));
}

#[test]
fn what_clients_may_read_differently_is_refused() {
    for text in [
        r#"{"result":{},"result":{"tools":[{"name":"write"}]}}"#,
        r#"{"result":{"tools":[],"tools":[{"name":"write"}]}}"#,
        r#"{"result":{"tools":[],"too\u006cs":[{"name":"write"}]}}"#,
        r#"{"result":{"tools":[{"name":"read","name":"write"}]}}"#,
        r#"{"Result":{"tools":[{"name":"write"}]}}"#,
        r#"{"result":{"Tools":[{"name":"write"}]}}"#,
        "{\"result\":{\"tool\u{17f}\":[{\"name\":\"write\"}]}}",
        r#"{"result":{"tools":[{"name":"read","NAME":"write"}]}}"#,
        r#"{"result":{"tools":[{"name":"read"}]}"#,
        r#"{"result":{"tools":[{"name":"write"}]}}{"a":1}"#,
        r#"{'result':{"tools":[]}}"#,
        "",
    ] {
        assert!(cut(text).is_err(), "{text}");
        assert!(text.len() < 20 || may_hold_tools(text.as_bytes()), "{text}");
    }
    let deep = format!(
        r#"{{"result":{{"tools":{}{}}}}}"#,
        "[".repeat(70),
        "]".repeat(70)
    );
    assert!(matches!(
        restrict(deep.as_bytes(), |_| true),
        Err(EnvelopeError::Depth { .. })
    ));
}

#[test]
fn texts_that_servers_cut_inside_a_letter_are_read() {
    let text = r#"{"result":{"tools":[{"name":"read","description":"\ud83d"},{"name":"\ud83dread"},{"name":"\udc00\ud83d\ude00"}]}}"#;
    assert_eq!(
        changed(text),
        r#"{"result":{"tools":[{"name":"read","description":"\ud83d"}]}}"#
    );
}

#[test]
fn the_quick_look_sees_every_spelling() {
    for text in [
        &b"\"tools\""[..],
        b"\"TOOLS\":",
        b"\"\\u0074ools\"",
        b"\"tool\xc5\xbf\"",
        b"t\0o\0o\0l\0s\0",
        b"\xff\xfe",
    ] {
        assert!(may_hold_tools(text), "{text:?}");
    }
    for text in [
        &b""[..],
        b"tool",
        b"{\"result\":{\"content\":[{\"text\":\"the tools are \\n t\"}]}}",
        b"{\"method\":\"tools/call\"}",
    ] {
        assert!(!may_hold_tools(text), "{text:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-z\\\\\"\u{e9}\n]{0,6}".prop_map(Value::from),
        Just(json!("read")),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![
            Just("result".to_owned()),
            Just("tools".to_owned()),
            Just("name".to_owned()),
            Just("cacheScope".to_owned()),
            Just("x".to_owned()),
        ];
        let listed = prop_oneof![
            Just(json!({"name": "read"})),
            Just(json!({"name": "write", "tools": []})),
            inner.clone(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            prop::collection::vec(listed, 0..4)
                .prop_map(|tools| json!({"result": {"tools": tools}})),
        ]
    })
}

/// The same on a document.
fn model(document: &mut Value) {
    match document {
        Value::Array(messages) => messages.iter_mut().for_each(model_message),
        other => model_message(other),
    }
}

fn model_message(message: &mut Value) {
    let Some(Value::Object(result)) = message.get_mut("result") else {
        return;
    };
    let Some(Value::Array(tools)) = result.get_mut("tools") else {
        return;
    };
    let before = tools.len();
    tools.retain(|tool| {
        tool.is_object()
            && tool["name"]
                .as_str()
                .is_some_and(|name| SEEN.contains(&name))
    });
    let is_changed = tools.len() < before;
    if is_changed && result.contains_key("cacheScope") {
        result.insert("cacheScope".to_owned(), json!("private"));
    }
}

proptest! {
    #[test]
    fn agrees_with_a_document(document in any_json(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let mut expected = document.clone();
        model(&mut expected);
        match cut(&text).unwrap() {
            Restricted::Changed(changed) => {
                prop_assert_ne!(&expected, &document);
                prop_assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), expected);
                prop_assert!(may_hold_tools(text.as_bytes()));
            }
            _ => prop_assert_eq!(expected, document),
        }
    }

    #[test]
    fn never_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = may_hold_tools(&text);
        let _ = restrict(&text, |_| true);
    }
}
