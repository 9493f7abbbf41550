use proptest::prelude::*;

use super::*;

fn events(stream: &[u8]) -> (Vec<Event>, Bytes) {
    let mut parser = Parser::new(1 << 20);
    parser.push(stream);
    let mut events = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        events.push(event);
    }
    (events, parser.into_rest())
}

#[test]
fn reads_fields_whatever_ends_the_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = [
            "event: message",
            "id:7",
            "data: {\"a\":1,",
            "data:\"b\":2}",
            ": note",
            "",
            "",
        ]
        .join(end);
        let (events, rest) = events(stream.as_bytes());
        assert_eq!(events.len(), 1, "{end:?}");
        assert_eq!(events[0].name(), Some(&b"message"[..]));
        assert_eq!(events[0].id(), Some(&b"7"[..]));
        assert_eq!(events[0].data().unwrap(), &b"{\"a\":1,\n\"b\":2}"[..]);
        assert!(rest.is_empty());
    }
}

#[test]
fn hands_out_an_event_before_the_line_feed_after_its_last_carriage_return() {
    let mut parser = Parser::new(100);
    parser.push(b"data: 1\r\n\r");
    let first = parser.next_event().unwrap().unwrap();
    assert_eq!(first.raw(), &b"data: 1\r\n\r"[..]);
    parser.push(b"\ndata: 2\r\n\r\n");
    let second = parser.next_event().unwrap().unwrap();
    assert_eq!(second.raw(), &b"\ndata: 2\r\n\r\n"[..]);
    assert_eq!(second.data().unwrap(), &b"2"[..]);
    assert_eq!(second.with_data("3").raw(), &b"\ndata: 3\n\r\n"[..]);
    assert_eq!(parser.next_event().unwrap(), None);
}

#[test]
fn comments_have_no_data_and_keep_their_bytes() {
    let (events, _) = events(b": keep-alive\n\nretry: 3000\nid\n\n");
    assert_eq!(events[0].data(), None);
    assert_eq!(events[0].raw(), &b": keep-alive\n\n"[..]);
    assert_eq!(events[1].data(), None);
    assert_eq!(events[1].id(), Some(&b""[..]));
}

#[test]
fn byte_order_mark_is_no_part_of_the_first_field() {
    let (events, _) = events(b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n");
    assert_eq!(events[0].data().unwrap(), &b"1"[..]);
    assert_eq!(events[1].data(), None);
}

#[test]
fn replaced_data_leaves_the_other_lines_as_they_are() {
    let (events, _) = events(b"id: 1\r\ndata: old\r\n: c\r\ndata: older\r\nretry: 9\r\n\r\n");
    let changed = events[0].with_data("new\nest");
    assert_eq!(
        changed.raw(),
        &b"id: 1\r\ndata: new\ndata: est\n: c\r\nretry: 9\r\n\r\n"[..]
    );
    assert_eq!(changed.data().unwrap(), &b"new\nest"[..]);
}

#[test]
fn endless_line_is_refused_at_the_limit() {
    let mut parser = Parser::new(64);
    for _ in 0..8 {
        assert_eq!(parser.next_event(), Ok(None));
        parser.push(b"data:xxx");
    }
    assert_eq!(parser.next_event(), Ok(None));
    parser.push(b"y");
    assert_eq!(parser.next_event(), Err(TooLong { limit: 64 }));
}

#[test]
fn printed_names_cannot_start_another_field() {
    let printed = print(
        Some("a\ndata: forged"),
        Some("1\r\n\r\ndata: forged"),
        "x\r\ny\rz",
    );
    let (events, rest) = events(&printed);
    assert!(rest.is_empty());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data().unwrap(), &b"x\ny\nz"[..]);
    assert_eq!(events[0].name(), Some(&b"adata: forged"[..]));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"data: x"[..]),
        Just(&b"data"[..]),
        Just(&b"id:1"[..]),
        Just(&b": c"[..]),
        Just(&b"\xff\x00"[..]),
        Just(&b"\xef\xbb\xbf"[..]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_bytes_put_together_are_the_stream(stream in stream(), cuts in prop::collection::vec(1usize..9, 1..20)) {
        let mut parser = Parser::new(1 << 20);
        let (mut out, mut read) = (Vec::new(), Vec::new());
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            parser.push(now);
            while let Some(event) = parser.next_event().unwrap() {
                out.extend_from_slice(event.raw());
                read.extend(event.data().map(Cow::into_owned));
            }
        }
        out.extend_from_slice(&parser.into_rest());
        prop_assert_eq!(&out, &stream);
        let whole: Vec<_> = events(&stream).0.iter().filter_map(|event| event.data().map(Cow::into_owned)).collect();
        prop_assert_eq!(read, whole, "where the stream is cut makes no difference");
    }

    #[test]
    fn printed_data_reads_back(data in "[^\r]{0,60}") {
        let printed = print(Some("message"), None, &data);
        let (events, rest) = events(&printed);
        prop_assert!(rest.is_empty());
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(events[0].data().unwrap(), data.as_bytes());
    }
}
