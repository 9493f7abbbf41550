use std::sync::Arc;

use http::{Request, Version};
use proptest::prelude::*;

use super::*;
use crate::domain::principal::Principal;

fn key(byte: u8) -> SessionKey {
    SessionKey(Secret::new([byte; KEY_BYTES]))
}

fn seals(byte: u8) -> Seals {
    Seals::new(&key(byte)).unwrap()
}

fn caller(subject: &str, method: AuthMethod) -> Principal {
    Principal {
        subject: subject.into(),
        username: subject.into(),
        scopes: std::iter::empty::<Arc<str>>().collect(),
        groups: std::iter::empty::<Arc<str>>().collect(),
        method,
        client_id: None,
        token_id: None,
        expires_at: None,
    }
}

fn at<'a>(server: &'a ServerPath, caller: &'a Principal) -> Holder<'a> {
    Holder {
        server,
        caller: Some(caller),
    }
}

fn path(path: &str) -> ServerPath {
    ServerPath::parse(path).unwrap()
}

#[test]
fn an_id_comes_back_for_its_holder_at_every_gateway_with_the_key() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let wrapped = seals(1).wrap("id.with-dots~!", at(&server, &ann)).unwrap();
    assert!(wrapped.bytes().all(|byte| byte.is_ascii_graphic()));
    let other_replica = seals(1);
    assert_eq!(
        other_replica.unwrap(&wrapped, at(&server, &ann)),
        Some("id.with-dots~!")
    );
}

#[test]
fn nobody_else_nowhere_else_and_no_other_key_takes_it() {
    let (server, other) = (path("/a"), path("/a.b"));
    let ann = caller("ann", AuthMethod::Token);
    let bob = caller("bob", AuthMethod::Token);
    let nobody = caller("ann", AuthMethod::Anonymous);
    let wrapped = seals(1).wrap("id", at(&server, &ann)).unwrap();
    let sealed = seals(1).seal("/x", "p", at(&server, &ann)).unwrap();
    let public = Holder {
        server: &server,
        caller: None,
    };
    let strangers = [
        at(&other, &ann),
        at(&server, &bob),
        at(&server, &nobody),
        public,
    ];
    for holder in strangers {
        assert_eq!(seals(1).unwrap(&wrapped, holder), None);
        assert_eq!(seals(1).open(&sealed, "p", holder), None);
    }
    assert_eq!(seals(2).unwrap(&wrapped, at(&server, &ann)), None);
    assert_eq!(seals(2).open(&sealed, "p", at(&server, &ann)), None);
    assert_eq!(seals(1).open(&sealed, "q", at(&server, &ann)), None);
    assert_eq!(
        seals(1).open(&sealed, "p", at(&server, &ann)).as_deref(),
        Some("/x")
    );
}

#[test]
fn a_changed_cut_or_unwrapped_id_is_refused() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let holder = at(&server, &ann);
    let wrapped = seals(1).wrap("identity", holder).unwrap();
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(seals(1).unwrap(&changed, holder), None, "{changed}");
        assert_eq!(seals(1).unwrap(wrapped.split_at(at).0, holder), None);
    }
    for id in ["", "identity", "1.", "1..", &format!("{wrapped}x")] {
        assert_eq!(seals(1).unwrap(id, holder), None, "{id}");
    }
}

#[test]
fn ids_that_the_specification_does_not_allow_are_not_wrapped() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let holder = at(&server, &ann);
    let longest = "x".repeat(ID_BYTES);
    let wrapped = seals(1).wrap(&longest, holder).unwrap();
    assert_eq!(seals(1).unwrap(&wrapped, holder), Some(&*longest));
    for id in ["", "a b", "a\tb", "ä", &format!("{longest}x")] {
        assert_eq!(seals(1).wrap(id, holder), None, "{id}");
    }
}

#[test]
fn random_keys_of_two_processes_differ() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let (one, two) = (Seals::random().unwrap(), Seals::random().unwrap());
    let wrapped = one.wrap("id", at(&server, &ann)).unwrap();
    assert_eq!(one.unwrap(&wrapped, at(&server, &ann)), Some("id"));
    assert_eq!(two.unwrap(&wrapped, at(&server, &ann)), None);
    assert!(!format!("{one:?}").contains("key"));
}

fn head(method: &str, fields: &[(&str, &str)]) -> RequestHead {
    let mut request = Request::builder().method(method).version(Version::HTTP_11);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    RequestHead::from_parts(request.body(()).unwrap().into_parts().0)
}

#[test]
fn an_event_id_goes_on_with_a_session_only() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let (seals, holder) = (seals(1), at(&server, &ann));
    let wrapped = seals.wrap("id", holder).unwrap();
    let with = [
        ("mcp-session-id", wrapped.as_str()),
        ("last-event-id", "e7"),
    ];
    let mut resuming = head("GET", &with);
    assert_eq!(take(&seals, &mut resuming, holder, Place::Mcp), Ok(()));
    assert_eq!(resuming.field_str(Name::McpSessionId), Some("id"));
    assert_eq!(resuming.field_str(Name::LastEventId), Some("e7"));

    let mut alone = head("GET", &with[1..]);
    assert_eq!(
        take(&seals, &mut alone, holder, Place::Mcp),
        Err(Reason::SessionNotFound)
    );
    for (method, place) in [
        ("POST", Place::Mcp),
        ("GET", Place::Sse),
        ("GET", Place::Below),
    ] {
        let mut alone = head(method, &with[1..]);
        assert_eq!(take(&seals, &mut alone, holder, place), Ok(()));
        assert_eq!(alone.field(Name::LastEventId), None);
    }
}

#[test]
fn revisions_without_sessions_have_neither_id() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let fields = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-session-id", "stray"),
        ("last-event-id", "e7"),
    ];
    let mut modern = head("POST", &fields);
    assert_eq!(
        take(&seals(1), &mut modern, at(&server, &ann), Place::Mcp),
        Ok(())
    );
    assert_eq!(modern.fields().len(), 1);
    let mut legacy = head("POST", &fields[1..]);
    assert_eq!(
        take(&seals(1), &mut legacy, at(&server, &ann), Place::Mcp),
        Err(Reason::SessionNotFound)
    );
}

#[test]
fn an_answer_with_several_or_odd_ids_is_refused() {
    let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
    let holder = at(&server, &ann);
    let mut none = FieldList::default();
    assert_eq!(hand_out(&seals(1), &mut none, holder), Ok(()));
    assert!(none.is_empty());
    for ids in [&["a", "b"][..], &["a b"], &[""], &["\u{e4}"]] {
        let mut fields: FieldList = ids.iter().map(|id| ("mcp-session-id", id)).collect();
        assert_eq!(
            hand_out(&seals(1), &mut fields, holder),
            Err(Reason::UpstreamProtocol),
            "{ids:?}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_wrapped_or_sealed_comes_back(id in "[!-~]{1,64}", text in "\\PC{0,64}", subject in "\\PC{0,16}") {
        let (server, ann) = (path("/a/b"), caller(&subject, AuthMethod::Token));
        let (seals, holder) = (seals(3), at(&server, &ann));
        let wrapped = seals.wrap(&id, holder).unwrap();
        prop_assert_eq!(seals.unwrap(&wrapped, holder), Some(&*id));
        let sealed = seals.seal(&text, "p", holder).unwrap();
        prop_assert_eq!(seals.open(&sealed, "p", holder), Some(text));
    }

    #[test]
    fn no_garbage_opens(garbage in "\\PC{0,80}", token in "[A-Za-z0-9_-]{0,120}") {
        let (server, ann) = (path("/a"), caller("ann", AuthMethod::Token));
        let (seals, holder) = (seals(3), at(&server, &ann));
        prop_assert_eq!(seals.unwrap(&garbage, holder), None);
        let marked = format!("{MARK}{token}.x");
        prop_assert_eq!(seals.unwrap(&marked, holder), None);
        prop_assert_eq!(seals.open(&garbage, "p", holder), None);
        prop_assert_eq!(seals.open(&token, "p", holder), None);
    }
}
