use super::*;

fn fields(written: &[(&str, &str)]) -> FieldList {
    written.iter().copied().collect()
}

fn vias(fields: &FieldList) -> Vec<&str> {
    fields.all(Name::Via).filter_map(visible).collect()
}

#[test]
fn finds_all_values_of_a_name_in_order() {
    let mut fields = fields(&[("via", "a"), ("Host", "h"), ("VIA", "b")]);
    assert_eq!(vias(&fields), ["a", "b"]);
    assert_eq!(fields.get_str(Name::Via), Some("a"));
    assert!(fields.repeats(Name::Via) && !fields.repeats(Name::Host));
    fields.set("Via", b"c");
    assert_eq!(vias(&fields), ["c"]);
    assert!(!fields.repeats(Name::Via));
    fields.remove(Name::Via);
    assert_eq!((fields.len(), fields.get(Name::Via)), (1, None));
    assert!(!fields.has(Name::Via));
}

#[test]
fn a_family_repeats_where_one_of_its_names_does() {
    let mut fields = fields(&[("mcp-param-a", "1"), ("mcp-param-b", "2")]);
    assert!(fields.has(Name::Mcp) && !fields.repeats(Name::Mcp));
    fields.push(b"Mcp-Param-A", b"1");
    assert!(fields.repeats(Name::Mcp));
}

#[test]
fn what_came_stays_where_it_is() {
    let came = Bytes::from_static(b"Host: h\r\nX-A: 1\r\n");
    let mut fields = FieldList::of(came.clone(), 3);
    fields.note(Name::Host, &came[0..4], &came[6..7]);
    fields.note(Name::Other, &came[9..12], &came[14..15]);
    fields.note(Name::Other, b"elsewhere", b"too");
    let all: Vec<_> = fields
        .iter()
        .map(|(_, name, value)| (name, value))
        .collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"Host", b"h"), (b"X-A", b"1"), (b"elsewhere", b"too")];
    assert_eq!(all, expected);
    assert_eq!(fields.added, b"elsewheretoo");
    assert_eq!(fields.bytes(), 21);
}

#[test]
fn lines_are_written_as_they_came_or_anew() {
    let came = Bytes::from_static(b"Host: h\r\nX-A: 1\r\nX-B:2\r\nX-C: 3 \r\nX-D: 4\r\nX-E: 5\r\n");
    let at = |text: &[u8]| {
        let start = came
            .windows(text.len())
            .position(|part| part == text)
            .unwrap();
        came.slice(start..start + text.len())
    };
    let mut fields = FieldList::of(came.clone(), 7);
    for (name, value) in [
        ("Host", "h"),
        ("X-A", "1"),
        ("X-B", "2"),
        ("X-C", "3"),
        ("X-D", "4"),
        ("X-E", "5"),
    ] {
        let spelling = at(name.as_bytes());
        let value = at(value.as_bytes());
        fields.note(Name::of(&spelling), &spelling, &value);
    }
    fields.push(b"x-f", b"6");
    let written = |unwanted: &[u8]| {
        let mut text = Vec::new();
        fields.write(&mut text, |_, spelling| spelling != unwanted);
        String::from_utf8(text).unwrap()
    };
    let (behind, rest) = (
        "X-B: 2\r\nX-C: 3\r\nX-D: 4\r\nX-E: 5\r\nx-f: 6\r\n",
        "X-A: 1\r\n",
    );
    assert_eq!(written(b""), format!("Host: h\r\n{rest}{behind}"));
    assert_eq!(written(b"Host"), format!("{rest}{behind}"));
    assert_eq!(written(b"X-A"), format!("Host: h\r\n{behind}"));
    let without = behind.replace("X-D: 4\r\n", "");
    assert_eq!(written(b"X-D"), format!("Host: h\r\n{rest}{without}"));
}

#[test]
fn only_visible_text_is_text() {
    let fields = fields(&[("host", "h\u{e9}"), ("via", "a b\tc")]);
    assert_eq!(fields.get_str(Name::Host), None);
    assert_eq!(fields.get_str(Name::Via), Some("a b\tc"));
}

#[test]
fn a_map_and_a_list_hold_the_same() {
    let before = fields(&[
        ("via", "a"),
        ("host", "h"),
        ("via", "b"),
        ("x-a", "1"),
        ("cookie", "c"),
    ]);
    let map = HeaderMap::from(&before);
    let vias: Vec<_> = map.get_all("via").iter().collect();
    assert_eq!(vias, ["a", "b"]);
    assert!(map.get("cookie").unwrap().is_sensitive());
    let after = FieldList::from(&map);
    assert_eq!(after.len(), 5);
    assert_eq!(after.all(Name::Via).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(after.get_str(Name::Host), Some("h"));
}
