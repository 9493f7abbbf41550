use super::*;
use crate::gateway::account::RequestIds;

fn answered(fields: &[(&str, &[u8])]) -> Result<Option<Arc<Principal>>, &'static str> {
    identity(&fields.iter().copied().collect())
}

#[test]
fn the_answers_fields_are_the_identity() {
    let caller = answered(&[
        ("x-user", b"ann%40example.org"),
        ("x-username", b"Ann%20%C3%84"),
        ("x-scopes", b"a/read  b%20c a/read"),
        ("x-client-id", b"cli"),
        ("x-groups", b"mcp-registry-admin"),
    ]);
    let caller = caller.unwrap().unwrap();
    assert_eq!(&*caller.subject, "ann@example.org");
    assert_eq!(&*caller.username, "Ann \u{c4}");
    let scopes: Vec<&str> = caller.scopes.iter().map(|scope| &**scope).collect();
    assert_eq!(scopes, ["a/read", "b c"]);
    assert_eq!(caller.client_id.as_deref(), Some("cli"));
    assert_eq!(caller.method, AuthMethod::External);
    assert!(caller.groups.is_empty());
}

#[test]
fn one_name_is_enough_and_none_is_nobody() {
    for fields in [[("x-user", &b"ann"[..])], [("x-username", &b"ann"[..])]] {
        let caller = answered(&fields).unwrap().unwrap();
        assert_eq!((&*caller.subject, &*caller.username), ("ann", "ann"));
        assert!(caller.scopes.is_empty());
    }
    assert_eq!(answered(&[]).unwrap(), None);
    assert_eq!(answered(&[("x-user", b" ")]).unwrap(), None);
}

#[test]
fn doubtful_identities_are_none() {
    let long = vec![b'a'; 513];
    for fields in [
        &[("x-user", &b"ann"[..]), ("x-user", b"bob")][..],
        &[("x-user", b"ann"), ("x-scopes", b"a"), ("x-scopes", b"b")],
        &[("x-user", b"ann%0d%0aX-Scopes: root")],
        &[("x-user", b"ann%00")],
        &[("x-user", b"\xff")],
        &[("x-user", b"%ff")],
        &[("x-user", &long)],
        &[("x-user", b"ann"), ("x-scopes", b"a%0ab")],
        &[("x-user", b"ann"), ("x-client-id", b"%1b[2J")],
    ] {
        assert!(answered(fields).is_err(), "{fields:?}");
    }
}

#[test]
fn a_message_becomes_one_line_of_the_same_meaning() {
    let field = as_field(b"{\r\n\t\"a\": \"\x7f\xc3\xa4\"}\n").unwrap();
    assert_eq!(field.as_bytes(), b"{  \t\"a\": \"\\u007f\xc3\xa4\"} ");
    let before: serde_json::Value = serde_json::from_slice(b"{\"a\": \"\x7f\xc3\xa4\"}").unwrap();
    let after: serde_json::Value = serde_json::from_slice(field.as_bytes()).unwrap();
    assert_eq!(before, after);
    assert!(as_field(&vec![b' '; MAX_BODY_BYTES]).is_ok());
    let longer = as_field(&vec![b' '; MAX_BODY_BYTES + 1]);
    assert_eq!(longer.unwrap_err(), Reason::BodyTooLarge);
}

#[test]
fn a_verdict_is_for_one_credential_address_method_and_tools() {
    let ids = RequestIds::new(1);
    let key = |credential: Option<&str>, url: &str, method: &Method, message: Option<&str>| {
        let envelope = message.map(|text| Envelope::parse(text.as_bytes()).unwrap());
        let question = Question {
            credential: credential.map(|text| ("authorization", text.as_bytes())),
            url: HeaderValue::try_from(url).unwrap(),
            method,
            message: envelope
                .as_ref()
                .map(|envelope| (HeaderValue::from_static("{}"), envelope)),
            request_id: ids.next(),
        };
        question.key()
    };
    let call = |tool: &str, id: u8| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":{id}}}}}}}"#
        )
    };
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let (a, b, post) = (call("a", 1), call("b", 1), Method::POST);
    let batch = |all: &[&str]| format!("[{}]", all.join(","));
    let keys = [
        key(Some("t"), "http://h/s", &post, Some(&a)),
        key(None, "http://h/s", &post, Some(&a)),
        key(Some("u"), "http://h/s", &post, Some(&a)),
        key(Some("t"), "http://h/x", &post, Some(&a)),
        key(Some("t"), "http://h/s", &Method::DELETE, Some(&a)),
        key(Some("t"), "http://h/s", &post, None),
        key(Some("t"), "http://h/s", &post, Some(&b)),
        key(Some("t"), "http://h/s", &post, Some(list)),
        key(Some("t"), "http://h/s", &post, Some(&batch(&[&a, &b]))),
        key(Some("t"), "http://h/s", &post, Some(&batch(&[&b, &a]))),
    ];
    let different: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    let again = key(Some("t"), "http://h/s", &post, Some(&call("a", 2)));
    assert_eq!(again, keys[0], "id and arguments make no other question");
}

#[test]
fn only_a_plain_and_short_challenge_is_passed_on() {
    let of = |values: &[&[u8]]| {
        let fields = values.iter().map(|value| ("www-authenticate", value));
        challenge(&fields.collect()).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(of(&[]), None);
    assert_eq!(
        of(&[b"Bearer realm=\"x\""]).as_deref(),
        Some("Bearer realm=\"x\"")
    );
    assert_eq!(of(&[b"Bearer", b"Basic"]).as_deref(), Some("Bearer, Basic"));
    assert_eq!(of(&[b"Bearer \xff"]), None);
    assert_eq!(of(&[&[b'a'; 2_000]]), None);
}
