use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::catalog::samples;
use crate::domain::policy::{Names, Policy, Rules, ScopeRules, ServerRule};
use crate::gateway::origin::Origins;
use crate::gateway::table::Table;

#[test]
fn other_alphabets_and_encodings_are_not_read() {
    let head = |name, value| FieldList::from_iter([(name, value)]);
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "text/event-stream;Charset=\"UTF-8\"; x=y",
        "application/json;",
    ] {
        let head = head("content-type", kind);
        assert_eq!(check(StatusCode::OK, &head), Ok(()), "{kind}");
        assert_eq!(
            check(StatusCode::PARTIAL_CONTENT, &head),
            Err(Error::Encoded)
        );
    }
    for kind in [
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; a=b;charset = \"iso-8859-1\"",
        "application/json; charset",
    ] {
        let head = head("content-type", kind);
        assert_eq!(check(StatusCode::OK, &head), Err(Error::Encoded), "{kind}");
    }
    for (encoding, passes) in [
        ("identity", true),
        ("gzip", false),
        ("", false),
        ("br", false),
    ] {
        let head = head("content-encoding", encoding);
        assert_eq!(check(StatusCode::OK, &head).is_ok(), passes, "{encoding}");
    }
}

/// A caller who may list tools and call `read`.
fn view(limit: usize) -> View {
    let snapshot = samples::snapshot("c", 1, [samples::route("/team/a", "http://h:81/mcp")]);
    let table = Table::compile(Arc::new(snapshot), None, &Origins::for_tests());
    let named = |names: &[&str]| Names::Only(names.iter().map(ToString::to_string).collect());
    let rule = ServerRule {
        servers: Names::All,
        methods: named(&["tools/list", "tools/call"]),
        tools: named(&["read"]),
    };
    let scope = ScopeRules {
        servers: vec![rule],
        ..ScopeRules::default()
    };
    let mut rules = Rules::default();
    rules.scopes.insert("reader".to_owned(), scope);
    let mut caller = crate::domain::policy::anonymous();
    caller.scopes = BTreeSet::from(["reader".into()]);
    let access = Access {
        policy: Policy::new(rules),
        ..Access::clone(table.access().unwrap())
    };
    let route = Arc::clone(table.find("/team/a").unwrap().0);
    View::new(&Arc::new(access), &route, &Arc::new(caller), limit)
}

/// All that passes of a stream that comes in these parts.
fn passed<'p>(limit: usize, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<String, Error> {
    let mut events = Events::new(view(limit));
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&events.pass(part)?);
        events.failure().map_or(Ok(()), Err)?;
    }
    all.extend_from_slice(&events.finish());
    assert!(events.is_over());
    Ok(String::from_utf8(all).unwrap())
}

const CAME: &str = ": hello\n\nid: 1\nevent: message\ndata: {\"result\":{\"tools\":[{\"name\":\"write\"},{\"name\":\"read\"}],\"nextCursor\":\"c\"}}\n\nretry: 5\n\n: ping\r\n\r\ndata: {\"result\":\rdata:{\"tools\":[{\"name\":\"\\u0077rite\"}]}}\rid: 2\r\rdata: {\"result\":{\"tools\":[{\"name\":\"read\"}]}}\n\n:\n:\ndata: [{\"result\":{\"tools\":[{\"name\":\"x\"}]}},{\"result\":{\"content\":[{\"text\":\"tools\\\"\"}]}}]\r\n\r\ndata: {\"method\":\"notifications/x\",\"params\":{\"tools\":[{\"name\":\"write\"}]}}\n\n";
const PASSES: &str = ": hello\n\nid: 1\nevent: message\ndata: {\"result\":{\"tools\":[{\"name\":\"read\"}],\"nextCursor\":\"c\"}}\n\nretry: 5\n\n: ping\r\n\r\ndata: {\"result\":\ndata: {\"tools\":[]}}\nid: 2\r\rdata: {\"result\":{\"tools\":[{\"name\":\"read\"}]}}\n\n:\n:\ndata: [{\"result\":{\"tools\":[]}},{\"result\":{\"content\":[{\"text\":\"tools\\\"\"}]}}]\n\r\ndata: {\"method\":\"notifications/x\",\"params\":{\"tools\":[{\"name\":\"write\"}]}}\n\n";

#[test]
fn a_stream_cut_at_every_byte_passes_the_same() {
    assert_eq!(passed(4_096, [CAME.as_bytes()]).unwrap(), PASSES);
    assert_eq!(passed(4_096, CAME.as_bytes().chunks(1)).unwrap(), PASSES);
    for at in 0..CAME.len() {
        let (start, end) = CAME.as_bytes().split_at(at);
        assert_eq!(passed(4_096, [start, end]).unwrap(), PASSES, "{at}");
    }
}

#[test]
fn an_event_that_cannot_be_held_or_read_ends_the_stream() {
    let long = format!("data: {}\n\n", "x".repeat(5_000));
    assert_eq!(
        passed(4_096, long.as_bytes().chunks(100)),
        Err(Error::TooLarge { limit: 4_096 })
    );
    for unreadable in [
        "data: {\"result\":{\"tools\":[],\"tools\":[{\"name\":\"write\"}]}}\n\n",
        "data: {\"result\":{\"Tools\":[{\"name\":\"write\"}]}}\n\n",
        "data: {\"result\":{\"tools\":[{\"name\":\"write\"}]}\n\n",
    ] {
        let mut events = Events::new(view(4_096));
        let failed = events.pass(unreadable.as_bytes());
        assert!(matches!(failed, Err(Error::Unreadable(_))), "{unreadable}");
        assert!(events.is_over() && events.finish().is_empty());
    }
}

#[test]
fn an_event_without_an_end_passes_only_where_it_lists_nothing() {
    assert_eq!(
        passed(99, [&b"data: {}\nid: 1"[..]]).unwrap(),
        "data: {}\nid: 1"
    );
    let list = b"data: {\"result\":{\"tools\":[{\"name\":\"write\"}]}}\n";
    assert_eq!(passed(99, [&list[..]]).unwrap(), "");
}

#[test]
fn comments_and_whole_events_never_wait() {
    let mut events = Events::new(view(4_096));
    for whole in [
        ":\n",
        ": ping\r",
        "\n: pong\n",
        "data: 1\n\n",
        "\n",
        ":a\n:b\n",
    ] {
        let passed = events.pass(whole.as_bytes()).unwrap();
        assert_eq!(passed, whole.as_bytes(), "{whole:?}");
    }
}

proptest! {
    #[test]
    fn what_lists_nothing_hidden_passes_as_it_came(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("data: {\"result\":{\"tools\":[{\"name\":\"read\"}]}}"),
                Just("data: {\"result\":{}}"),
                Just("id: 7"), Just(": c"), Just("event: message"), Just("retry: 1"),
                Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("\r\n\r\n"),
            ],
            0..40,
        ),
        sizes in prop::collection::vec(1..30_usize, 1..20),
    ) {
        let came: String = pieces.concat();
        // Lines that ran together are not JSON; what is said of them stands elsewhere.
        prop_assume!(!came.contains("}data") && !came.contains("}id") && !came.contains("}:")
            && !came.contains("}event") && !came.contains("}retry"));
        let mut rest = came.as_bytes();
        let mut parts = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at((*size).min(rest.len()));
            parts.push(part);
            rest = after;
        }
        match (passed(1 << 16, parts), passed(1 << 16, [came.as_bytes()])) {
            (Ok(parted), Ok(whole)) => {
                let mut parser = crate::protocol::sse::Parser::new(1 << 16);
                parser.push(came.as_bytes());
                let mut complete = 0;
                while let Some(event) = parser.next_event().unwrap() {
                    complete += event.raw().len();
                }
                // An end that is no whole event may go on or stay, as it came; a line feed behind a
                // carriage return belongs to either side.
                for passed in [parted, whole] {
                    prop_assert!(came.starts_with(&passed), "{:?} {:?}", came, passed);
                    prop_assert!(passed.len() + 1 >= complete, "{:?} {:?}", came, passed);
                }
            }
            (parted, whole) => prop_assert_eq!(parted, whole),
        }
    }
}
