use proptest::prelude::*;

use super::*;
use crate::catalog::samples;
use crate::gateway::origin::Origins;
use crate::gateway::table::Table;

/// The server `/team/a` with its SSE endpoint at `sse`.
fn table(sse: &str) -> Table {
    let snapshot = samples::snapshot("c", 1, [samples::route("/team/a", sse)]);
    Table::compile(Arc::new(snapshot), None, &Origins::for_tests())
}

fn route(table: &Table) -> Arc<CompiledRoute> {
    Arc::clone(table.find("/team/a").unwrap().0)
}

fn stream(table: &Table, public_path: &str) -> Rewrite {
    let route = route(table);
    let seals = Arc::clone(table.seals().unwrap());
    let search = Search::new(&route, &route.sse.path, seals, None, public_path.into());
    Rewrite::new(route, search)
}

/// All that passes of these parts, or why it ended.
fn passed(rewrite: &mut Rewrite, parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&rewrite.pass(Bytes::copy_from_slice(part))?);
    }
    Ok(all)
}

/// The stream with each token of ours replaced by what it leads to.
fn opened(table: &Table, stream: &[u8]) -> String {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let Some((before, rest)) = text.split_once("message?") else {
        return text;
    };
    let end = rest.find(['\n', '\r']).unwrap();
    let (query, after) = rest.split_at(end);
    let target = message_target(Some(query), table.seals().unwrap(), &route(table), None);
    format!("{before}message?<{}>{after}", target.unwrap())
}

fn resolved(sse: &str, endpoint: &str) -> Result<String, Error> {
    resolve(&Url::parse(sse).unwrap(), endpoint.as_bytes())
}

#[test]
fn every_form_of_url_leads_where_a_direct_client_would_go() {
    let sse = "http://h:81/base/sse?key=1";
    for (endpoint, target) in [
        ("/messages/?session_id=1", "/messages/?session_id=1"),
        ("/messages/", "/messages/"),
        ("messages?sessionId=2", "/base/messages?sessionId=2"),
        ("./messages", "/base/messages"),
        ("../messages", "/messages"),
        ("?x=3", "/base/sse?x=3"),
        ("", "/base/sse?key=1"),
        ("http://h:81/elsewhere?y=%20", "/elsewhere?y=%20"),
        ("HTTP://H:81/elsewhere#part", "/elsewhere"),
        ("//h:81/elsewhere", "/elsewhere"),
        ("/ä b", "/%C3%A4%20b"),
    ] {
        assert_eq!(resolved(sse, endpoint).unwrap(), target, "{endpoint}");
    }
    assert_eq!(resolved("https://h/sse", "https://h:443/m").unwrap(), "/m");
}

#[test]
fn other_origins_and_other_things_are_no_message_urls() {
    for endpoint in [
        "http://h/messages",
        "https://h:81/messages",
        "http://evil/messages",
        "//evil:81/x",
        "\\\\evil\\x",
        "http://u:p@h:81/messages",
        "javascript:alert(1)",
        "data:text/plain,x",
    ] {
        let error = resolved("http://h:81/sse", endpoint).unwrap_err();
        assert!(matches!(error, Error::OtherOrigin { .. }), "{endpoint}");
    }
    for endpoint in [
        "http://",
        "/a\nb",
        "/a\tb",
        "/\0",
        &"/x".repeat(TARGET_BYTES),
    ] {
        let error = resolved("http://h:81/sse", endpoint).unwrap_err();
        assert!(matches!(error, Error::Malformed), "{endpoint}");
    }
    let not_text = resolve(&Url::parse("http://h/sse").unwrap(), b"/\xff");
    assert!(matches!(not_text, Err(Error::Malformed)));
}

#[test]
fn the_event_names_our_url_and_the_rest_is_untouched() {
    let table = table("http://h/sse");
    let before = ": hello\n\nid: 1\nevent: other\ndata: endpoint\n\n";
    let event = "id: 2\r\nevent: endpoint\r\ndata: messages?x=1\r\nretry: 5\r\n\r\n";
    let after = "event: message\r\ndata: {}\r\n\r\n: ping\n\ndata: half";
    let whole = format!("{before}{event}{after}");
    let mut rewrite = stream(&table, "/public");
    let passed = passed(&mut rewrite, &[whole.as_bytes()]).unwrap();
    assert_eq!(
        opened(&table, &passed),
        format!(
            "{before}id: 2\r\nevent: endpoint\r\ndata: /public/team/a/message?</messages?x=1>\nretry: 5\r\n\r\n{after}"
        )
    );
}

#[test]
fn nothing_is_held_but_the_unfinished_first_event() {
    let table = table("http://h/sse");
    let mut rewrite = stream(&table, "");
    let mut pass = |part: &'static str| rewrite.pass(Bytes::from_static(part.as_bytes())).unwrap();
    assert_eq!(pass(": ping\n\n"), ": ping\n\n");
    assert_eq!(pass("event: endpoint\nda"), "");
    assert!(pass("ta: /m\n\n").starts_with(b"event: endpoint\ndata: /team/a/message?s="));
    for part in [
        "d",
        "ata: 1\n",
        "\n",
        "event: endpo",
        "event: endpoints\n\n",
    ] {
        assert_eq!(pass(part), part);
    }
}

#[test]
fn an_endpoint_without_data_is_none() {
    let table = table("http://h/sse");
    let mut rewrite = stream(&table, "");
    let parts: [&[u8]; 2] = [b"event: endpoint\n\n", b"event: endpoint\ndata: /m\n\n"];
    let passed = passed(&mut rewrite, &parts).unwrap();
    assert_eq!(
        opened(&table, &passed),
        "event: endpoint\n\nevent: endpoint\ndata: /team/a/message?</m>\n\n"
    );
}

#[test]
fn a_second_endpoint_event_ends_the_stream_before_it_is_whole() {
    let first = "event: endpoint\ndata: /m\n\n";
    for (second, ends) in [
        ("event: endpoint\ndata: /b/mcp\n\n", true),
        ("data: /b/mcp\r\nevent:endpoint\r\n\r\n", true),
        ("data: /b/mcp\revent: endpoint\r\r", true),
        ("data: event: endpoint\n\n", false),
        (
            ": event: endpoint\nevent: endpoint2\nevent:  endpoint\n\n",
            false,
        ),
    ] {
        let table = table("http://h/sse");
        let whole = format!("{first}{second}");
        for cut in 1..whole.len() {
            let mut rewrite = stream(&table, "");
            let (head, tail) = whole.as_bytes().split_at(cut);
            let passed = passed(&mut rewrite, &[head, tail]);
            if ends {
                assert!(matches!(passed, Err(Error::Repeated)), "{second} {cut}");
            } else {
                assert!(passed.unwrap().ends_with(second.as_bytes()));
            }
        }
    }
}

#[test]
fn a_first_event_without_end_is_cut_off() {
    let table = table("http://h/sse");
    let mut rewrite = stream(&table, "");
    let long = [b'x'; 1024];
    let held = (0..100).find(|_| rewrite.pass(Bytes::copy_from_slice(&long)).is_err());
    assert_eq!(held, Some(EVENT_BYTES / long.len()));
}

#[test]
fn a_token_leads_nowhere_once_the_server_is_another() {
    let before = table("http://h/sse");
    let passed = passed(
        &mut stream(&before, ""),
        &[b"event: endpoint\ndata: /m\n\n"],
    );
    let passed = String::from_utf8(passed.unwrap()).unwrap();
    let query = passed.split(['?', '\n']).nth(2);
    let target = |table: &Table| message_target(query, table.seals().unwrap(), &route(table), None);
    assert_eq!(target(&before).unwrap(), "/m");
    assert_eq!(target(&table("http://h/sse")).unwrap(), "/m");
    assert_eq!(target(&table("http://other/sse")), None);
}

proptest! {
    #[test]
    fn cuts_never_change_what_passes(
        cuts in proptest::collection::vec(0_usize..400, 0..12),
        end in "\n|\r\n|\r",
        comments in 0_usize..3,
    ) {
        let table = table("http://h/deep/sse");
        let lines = |lines: &[&str]| lines.join(&end) + &end + &end;
        let before = lines(&[": one"]).repeat(comments);
        let event = ["id: 7", "event: endpoint", "data: m?x=ä&y=1"];
        let after = lines(&["event: message", "data: {}"]) + &lines(&[": ping"]) + "data: half";
        let whole = format!("{before}{}{after}", lines(&event));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts
            .windows(2)
            .map(|pair| &whole.as_bytes()[pair[0]..pair[1]])
            .collect();
        let mut rewrite = stream(&table, "");
        let passed = passed(&mut rewrite, &parts).unwrap();
        let line = "data: /team/a/message?</deep/m?x=%C3%A4&y=1>\n";
        let expected = format!("{before}id: 7{end}event: endpoint{end}{line}{end}{after}");
        prop_assert_eq!(opened(&table, &passed), expected);
    }
}
