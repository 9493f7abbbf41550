use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn parse(body: &str) -> Result<Envelope<'_>, EnvelopeError> {
    Envelope::parse(body.as_bytes())
}

fn refusal(body: &str) -> EnvelopeError {
    parse(body).expect_err(body)
}

#[test]
fn reads_a_tool_call() {
    let body = r#" {"jsonrpc":"2.0","id":"a\"1","method":"tools/call","params":{"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28","x":[{}]},"arguments":{"name":"no","name":"no"},
        "name":"get_weather"}} "#;
    let envelope = parse(body).unwrap();
    let message = envelope.single().unwrap();
    assert_eq!(message.kind, Kind::Request);
    assert_eq!(message.method, "tools/call");
    assert_eq!(message.id, Some(r#""a\"1""#));
    assert_eq!(message.target.as_deref(), Some("get_weather"));
    assert_eq!(message.version.as_deref(), Some("2026-07-28"));
    assert!(
        matches!(message.target, Some(Cow::Borrowed(_))),
        "nothing was copied"
    );
    assert_eq!(envelope.id(), message.id);
}

#[test]
fn target_is_the_field_that_the_method_acts_on() {
    let all = r#""params":{"name":"n","uri":"u","taskId":"t"}"#;
    for (method, target) in [
        ("tools/call", Some("n")),
        ("prompts/get", Some("n")),
        ("resources/read", Some("u")),
        ("tasks/get", Some("t")),
        ("tasks/cancel", Some("t")),
        ("tools/list", None),
        ("Tools/Call", None),
    ] {
        for body in [
            format!(r#"{{"id":1,"method":"{method}",{all}}}"#),
            format!(r#"{{{all},"method":"{method}","id":1}}"#),
        ] {
            assert_eq!(
                parse(&body).unwrap().single().unwrap().target.as_deref(),
                target,
                "{body}"
            );
        }
    }
}

#[test]
fn tells_requests_notifications_and_responses_apart() {
    for (body, kind) in [
        (r#"{"method":"m","id":null}"#, Kind::Request),
        (r#"{"method":"m","id":-1.5e1,"params":null}"#, Kind::Request),
        (r#"{"method":"m"}"#, Kind::Notification),
        (r#"{"id":1,"result":{"method":1}}"#, Kind::Response),
        (r#"{"error":{"code":1,"message":""}}"#, Kind::Response),
    ] {
        assert_eq!(parse(body).unwrap().messages()[0].kind, kind, "{body}");
    }
    for body in [
        "{}",
        r#"{"id":1}"#,
        r#"{"id":1,"method":"m","result":1}"#,
        r#"{"method":"m","error":1}"#,
    ] {
        assert_eq!(refusal(body), EnvelopeError::Shape, "{body}");
    }
}

#[test]
fn reads_every_message_of_a_batch() {
    let body = r#"[{"id":1,"method":"tools/call","params":{"name":"a"}}, {"method":"n"},{"id":2,"result":{}}]"#;
    let envelope = parse(body).unwrap();
    assert!(envelope.is_batch());
    assert_eq!(envelope.single(), None);
    assert_eq!(envelope.id(), None);
    let kinds: Vec<_> = envelope
        .messages()
        .iter()
        .map(|message| message.kind)
        .collect();
    assert_eq!(kinds, [Kind::Request, Kind::Notification, Kind::Response]);
    assert_eq!(envelope.messages()[0].target.as_deref(), Some("a"));
}

#[test]
fn refuses_batches_that_are_empty_too_long_or_hold_no_objects() {
    assert_eq!(refusal("[]"), EnvelopeError::EmptyBatch);
    assert_eq!(refusal(r#"[{"method":"m"},1]"#), EnvelopeError::NotAnObject);
    assert_eq!(refusal(r#"[[{"method":"m"}]]"#), EnvelopeError::NotAnObject);
    let long = format!("[{}]", vec![r#"{"method":"m"}"#; MAX_BATCH + 1].join(","));
    assert_eq!(refusal(&long), EnvelopeError::BatchSize);
    for body in ["1", "null", "\"x\"", "true"] {
        assert_eq!(refusal(body), EnvelopeError::NotAnObject, "{body}");
    }
}

#[test]
fn refuses_repeated_keys_however_they_are_written() {
    let escaped = "m\\u0065thod";
    for (body, object) in [
        (r#"{"method":"a","method":"b"}"#.to_owned(), "the message"),
        (
            format!(r#"{{"method":"a","{escaped}":"b"}}"#),
            "the message",
        ),
        (
            format!(r#"{{"{escaped}":"b","method":"a"}}"#),
            "the message",
        ),
        (r#"{"method":"a","x":1,"x":1}"#.to_owned(), "the message"),
        (
            r#"{"method":"a","params":{"name":"a","n\u0061me":"b"}}"#.to_owned(),
            "`params`",
        ),
        (
            r#"{"method":"a","params":{"q":1,"q":2}}"#.to_owned(),
            "`params`",
        ),
        (
            r#"{"method":"a","params":{},"params":{}}"#.to_owned(),
            "the message",
        ),
        (
            r#"{"method":"a","params":{"_meta":{"x":1,"x":2}}}"#.to_owned(),
            "`params._meta`",
        ),
        (
            r#"[{"method":"a"},{"method":"a","method":"a"}]"#.to_owned(),
            "the message",
        ),
    ] {
        assert_eq!(
            refusal(&body),
            EnvelopeError::Duplicate { object },
            "{body}"
        );
    }
}

#[test]
fn refuses_repeated_keys_among_many() {
    let keys = |count: usize, last: &str| {
        let keys: Vec<_> = (0..count).map(|at| format!(r#""k{at}":{at}"#)).collect();
        format!(
            r#"{{"method":"m","params":{{{},"{last}":0}}}}"#,
            keys.join(",")
        )
    };
    assert!(parse(&keys(5_000, "last")).is_ok());
    assert_eq!(
        refusal(&keys(5_000, "k7")),
        EnvelopeError::Duplicate { object: "`params`" }
    );
    assert_eq!(
        refusal(&keys(30, "k\\u0032")),
        EnvelopeError::Duplicate { object: "`params`" }
    );
    assert_eq!(
        refusal(&keys(MAX_KEYS, "last")),
        EnvelopeError::Keys { object: "`params`" }
    );
}

#[test]
fn repeated_keys_where_nothing_is_decided_pass() {
    assert!(parse(r#"{"method":"m","params":{"arguments":{"a":1,"a":2}}}"#).is_ok());
}

#[test]
fn refuses_keys_that_differ_only_in_case_where_they_would_decide() {
    for body in [
        r#"{"method":"tools/list","Method":"tools/call"}"#,
        r#"{"method":"m","PARAMS":{}}"#,
        r#"{"method":"m","param\u017f":{}}"#,
        r#"{"method":"m","params":{"_META":{}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"params":{"NAME":"b"},"id":1,"method":"tools/call"}"#,
        r#"{"id":1,"method":"tasks/get","params":{"tas\u212aid":"b"}}"#,
        r#"{"method":"m","params":{"_meta":{"io.modelcontextprotocol/PROTOCOLversion":"x"}}}"#,
    ] {
        assert!(
            matches!(refusal(body), EnvelopeError::LookAlike { .. }),
            "{body}"
        );
    }
    for body in [
        r#"{"id":1,"method":"tools/list","params":{"Name":"b","URI":1}}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"a","URI":1,"names":2,"nàme":3}}"#,
    ] {
        assert!(parse(body).is_ok(), "{body}");
    }
}

#[test]
fn refuses_decisive_fields_of_the_wrong_type() {
    for (body, field) in [
        (r#"{"method":1}"#, "method"),
        (r#"{"method":"m","id":{}}"#, "id"),
        (r#"{"method":"m","id":true}"#, "id"),
        (r#"{"method":"m","params":[]}"#, "`params`"),
        (r#"{"method":"m","params":"x"}"#, "`params`"),
        (r#"{"method":"m","params":{"_meta":[1]}}"#, "`params._meta`"),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":["a"]}}"#,
            "params.name",
        ),
        (
            r#"{"id":1,"method":"resources/read","params":{"uri":null}}"#,
            "params.uri",
        ),
    ] {
        assert!(
            matches!(refusal(body), EnvelopeError::Type { field: found, .. } if found == field),
            "{body}: {:?}",
            refusal(body)
        );
    }
    assert!(parse(r#"{"id":1,"method":"logging/x","params":{"name":5}}"#).is_ok());
}

#[test]
fn nesting_has_the_same_limit_everywhere() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let limit = MAX_DEPTH as usize;
    for (before, after, around) in [
        (r#"{"method":"m","x":"#, "}", 1),
        (r#"{"method":"m","params":{"arguments":"#, "}}", 2),
        (r#"{"method":"m","params":{"_meta":{"x":"#, "}}}", 3),
        (r#"[{"method":"m","params":{"_meta":{"x":"#, "}}}]", 4),
    ] {
        let body = |levels| format!("{before}{}{after}", nested(levels));
        assert!(parse(&body(limit - around)).is_ok(), "{before}");
        assert!(
            matches!(
                refusal(&body(limit - around + 1)),
                EnvelopeError::Depth { .. }
            ),
            "{before}"
        );
    }
    assert!(matches!(
        refusal(&"[".repeat(1_000_000)),
        EnvelopeError::NotAnObject | EnvelopeError::Depth { .. }
    ));
    let deep = r#"{"a":"#.repeat(1_000_000);
    assert!(matches!(refusal(&deep), EnvelopeError::Depth { .. }));
}

#[test]
fn refuses_what_is_not_json() {
    for body in [
        "",
        " ",
        "{",
        "{\"method\"",
        r#"{"method":}"#,
        r#"{"method":"m",}"#,
        r#"{"method":"m"} x"#,
        r#"{"method":"m"}{}"#,
        r#"{method:"m"}"#,
        "{'method':'m'}",
        r#"{"method":"m","x":01}"#,
        r#"{"method":"m","x":1.}"#,
        r#"{"method":"m","x":+1}"#,
        r#"{"method":"m","x":1e}"#,
        r#"{"method":"m","x":.5}"#,
        r#"{"method":"m","x":NaN}"#,
        r#"{"method":"m","x":truee}"#,
        r#"{"method":"m","x":"\x"}"#,
        r#"{"method":"m","x":"\u12g4"}"#,
        r#"{"method":"m","x":"\ud800"}"#,
        r#"{"method":"m","x":"\udc00"}"#,
        r#"{"method":"m","x":"\ud800\u0041"}"#,
        "{\"method\":\"m\n\"}",
        "{\"method\":\"m\u{0}\"}",
        r#"{"method":"m","x":[1,]}"#,
        r#"{"method":"m","x":[1 2]}"#,
        r#"{"method":"m","x":[}"#,
        r#"{"method":"m","x":1e999}"#,
        r#"{"method":"m" "x":1}"#,
        "\u{feff}{\"method\":\"m\"}",
        r#"{"method":"m","x":{"a" 1}}"#,
        r#"{"method":"m","x":"#,
        "// x\n{\"method\":\"m\"}",
    ] {
        assert!(
            matches!(refusal(body), EnvelopeError::Syntax { .. }),
            "{body}: {:?}",
            refusal(body)
        );
        assert_eq!(refusal(body).code(), -32_700);
    }
    let huge = format!(r#"{{"method":"m","x":{}}}"#, "9".repeat(400));
    assert!(matches!(
        refusal(&huge),
        EnvelopeError::Syntax {
            rule: "number out of range",
            ..
        }
    ));
}

#[test]
fn refuses_bytes_that_are_not_utf8() {
    let body = b"{\"method\":\"m\",\"x\":\"\xc0\xaf\"}";
    assert_eq!(
        Envelope::parse(body),
        Err(EnvelopeError::Encoding { at: 19 })
    );
    assert!(
        Envelope::parse(b"{\"method\":\"\xed\xa0\x80\"}").is_err(),
        "a surrogate in UTF-8"
    );
}

#[test]
fn unescapes_before_comparing() {
    let body =
        r#"{"id":1,"method":"tools\/c\u0061ll","params":{"name":"\ud83d\ude00\"\\\b\f\n\r\tz"}}"#;
    let envelope = parse(body).unwrap();
    let message = envelope.single().unwrap();
    assert_eq!(message.method, "tools/call");
    assert_eq!(message.target.as_deref(), Some("😀\"\\\u{8}\u{c}\n\r\tz"));
}

#[test]
fn ids_are_strings_numbers_or_null() {
    for id in ["1", "-0.5E+7", "\"a\"", "null"] {
        assert!(is_id(id), "{id}");
    }
    for id in [
        "", " 1", "1 ", "[1]", "{}", "true", "1 2", "\"a", "nul", "\"a\"b",
    ] {
        assert!(!is_id(id), "{id}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "name", "uri", "taskId", "_meta", "method", "Name", "params"
        ])
        .prop_map(String::from),
        any::<String>(),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    let method = prop::sample::select(vec![
        "tools/call",
        "prompts/get",
        "resources/read",
        "tasks/get",
        "ping",
    ]);
    let params = prop::collection::vec((key(), value()), 0..6)
        .prop_map(|fields| Value::Object(Map::from_iter(fields)));
    (
        method,
        any::<Option<u32>>(),
        prop::option::of(params),
        value(),
    )
        .prop_map(|(method, id, params, extra)| {
            let mut message = json!({"jsonrpc": "2.0", "method": method, "extra": extra});
            if let Some(id) = id {
                message["id"] = json!(id);
            }
            if let Some(params) = params {
                message["params"] = params;
            }
            message
        })
}

/// Writes a value in another of its spellings: any character may stand as an escape, blanks anywhere between.
fn spelled(value: &Value, seed: u64) -> String {
    let mut state = seed | 1;
    let mut out = String::new();
    let mut inside = false;
    let plain = value.to_string();
    let mut chars = plain.chars();
    while let Some(letter) = chars.next() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let roll = state >> 60;
        match letter {
            '"' => inside = !inside,
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
                continue;
            }
            letter if inside && roll < 3 => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
                continue;
            }
            ':' | ',' if !inside && roll < 4 => out.push_str(" \n"),
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// What a document says, read the slow way.
fn agrees(envelope: &Envelope<'_>, document: &Value) {
    let documents = document
        .as_array()
        .map_or_else(|| vec![document], |all| all.iter().collect());
    assert_eq!(envelope.messages().len(), documents.len());
    for (message, document) in envelope.messages().iter().zip(documents) {
        assert_eq!(
            message.method,
            document["method"].as_str().unwrap_or_default()
        );
        assert_eq!(
            message
                .id
                .map(|raw| serde_json::from_str::<Value>(raw).unwrap())
                .as_ref(),
            document.get("id")
        );
        let field = match &*message.method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            method if method.starts_with("tasks/") => "taskId",
            _ => "none of them",
        };
        assert_eq!(
            message.target.as_deref(),
            document["params"][field].as_str()
        );
        let version = &document["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(message.version.as_deref(), version.as_str());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_what_a_document_parser_reads(written in message(), seed: u64) {
        let body = spelled(&written, seed);
        // Numbers may lose a digit on the way, so the text is what counts.
        let document = serde_json::from_str::<Value>(&body).unwrap();
        match parse(&body) {
            Ok(envelope) => agrees(&envelope, &document),
            Err(error) => prop_assert!(
                matches!(error, EnvelopeError::Type { .. } | EnvelopeError::LookAlike { .. }),
                "{}: {}", error, body
            ),
        }
    }

    #[test]
    fn accepts_nothing_that_a_document_parser_refuses(
        document in message(),
        seed: u64,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
    ) {
        let mut body = spelled(&document, seed).into_bytes();
        for (at, byte, edit) in edits {
            if body.is_empty() {
                break;
            }
            let at = at.index(body.len());
            match edit {
                0 => body[at] = b"{}[]\",:\\u0 1e.-\n\x00\xff"[byte as usize % 18],
                1 => drop(body.remove(at)),
                _ => body.truncate(at + 1),
            }
        }
        let document = serde_json::from_slice::<Value>(&body);
        match (Envelope::parse(&body), document) {
            (Ok(envelope), Ok(document)) => agrees(&envelope, &document),
            (Ok(_), Err(error)) => prop_assert!(false, "{error}: {}", String::from_utf8_lossy(&body)),
            (Err(EnvelopeError::Syntax { .. } | EnvelopeError::Encoding { .. }), Ok(_)) => {
                prop_assert!(false, "refused as no JSON: {}", String::from_utf8_lossy(&body));
            }
            (Err(_), _) => {}
        }
    }

    #[test]
    fn survives_any_bytes(body: Vec<u8>, text in "[\\[\\]{}\",:\\\\a0-9. u-]{0,80}") {
        for body in [&body[..], text.as_bytes()] {
            let accepted = Envelope::parse(body).is_ok();
            prop_assert!(!accepted || serde_json::from_slice::<Value>(body).is_ok());
        }
    }

    #[test]
    fn refuses_any_key_repeated_where_decisions_are_made(
        mut document in message(),
        place in 0usize..3,
        key in key(),
        at in any::<prop::sample::Index>(),
        seed: u64,
    ) {
        let path = ["", "/params", "/params/_meta"][place];
        if place > 0 {
            document["params"] = json!({"name": "a", "uri": "b", "taskId": "c", "_meta": {}});
        }
        let object = document.pointer_mut(path).unwrap().as_object_mut().unwrap();
        object.entry(key).or_insert(Value::Null);
        let key = object.keys().nth(at.index(object.len())).unwrap().clone();
        object.insert(MARK.to_owned(), object[&key].clone());
        // Exactly one of the two spellings may hold escapes, so a comparison of bytes would miss the pair.
        let mark = Value::from(MARK).to_string();
        let body = document.to_string().replace(&mark, &spelled(&Value::from(key), seed));
        prop_assert!(serde_json::from_str::<Value>(&body).is_ok(), "{}", body);
        let refused = refusal(&body);
        prop_assert!(
            matches!(
                refused,
                EnvelopeError::Duplicate { .. } | EnvelopeError::LookAlike { .. } | EnvelopeError::Type { .. }
            ),
            "{}: {}", refused, body
        );
    }
}

/// A key that stands for a repeated one until the body is written.
const MARK: &str = "zz-stands-for-another";
