use std::time::Duration;

use futures_util::{Stream, StreamExt};
use proptest::prelude::*;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::Publisher;
use crate::catalog::samples::{access, route, snapshot};
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;

fn codec() -> Codec {
    Codec::new(Secret::new("a-gateway-token-of-good-length".to_owned()))
}

fn full(message: Message) -> Arc<Snapshot> {
    match message {
        Message::Full(snapshot) | Message::Delta(snapshot) => snapshot,
        other => panic!("no snapshot: {other:?}"),
    }
}

fn rich() -> Snapshot {
    let mut rich = snapshot(
        "c1",
        7,
        [
            route("/plain", "http://h:1/"),
            route("/rich", "https://h:2/mcp"),
        ],
    );
    let route = Arc::make_mut(rich.routes.get_mut("/rich").unwrap());
    route.public = true;
    route.passthrough = true;
    route.forward_authorization = true;
    route.timeout = Some(Duration::from_millis(1500));
    route.tls.insecure = true;
    route.tls.ca = Some("-----BEGIN CERTIFICATE-----\n".into());
    route.headers = crate::catalog::samples::headers(&[
        ("X-Key", "s3cr\u{e9}t-value"),
        ("Authorization", "Bearer up"),
    ]);
    rich.access = Some(Arc::new(access(9)));
    rich
}

#[test]
fn everything_of_a_snapshot_comes_back() {
    let codec = codec();
    let line = codec.full(&rich()).unwrap();
    assert_eq!(*full(codec.read(&line, None).unwrap()), rich());
    assert!(line.ends_with(b"\n"));
    assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
    let position = Position::of(&rich());
    let line = codec.heartbeat(&position).unwrap();
    assert_eq!(
        codec.read(&line, None).unwrap(),
        Message::Heartbeat(position)
    );
}

#[test]
fn secrets_do_not_travel_in_the_open() {
    let line = codec().full(&rich()).unwrap();
    let text = std::str::from_utf8(&line).unwrap();
    for secret in ["s3cr", "Bearer up", "a-gateway-token"] {
        assert!(!text.contains(secret));
    }
    let again = codec().full(&rich()).unwrap();
    assert_ne!(line, again, "each line has its own salt");
}

#[test]
fn sealed_values_open_only_at_their_place() {
    let codec = codec();
    let keys = LineKeys::fresh(&codec.token).unwrap();
    let sealed = keys
        .seal(&["header", "c1", "/a", "X-Key"], b"value")
        .unwrap();
    assert!(keys.open(&["header", "c1", "/a", "X-Key"], &sealed).is_ok());
    for place in [
        ["header", "c1", "/a", "X-Kez"],
        ["header", "c1", "/b", "X-Key"],
        ["header", "c2", "/a", "X-Key"],
        ["header", "c1/", "a", "X-Key"],
    ] {
        assert!(matches!(keys.open(&place, &sealed), Err(Error::Sealed)));
    }
    for sealed in ["", "AAAA", "not base64"] {
        assert!(matches!(keys.open(&["header"], sealed), Err(Error::Sealed)));
    }
}

#[test]
fn any_changed_byte_and_any_cut_is_refused() {
    let codec = codec();
    let line = codec
        .full(&snapshot("c1", 7, [route("/a", "http://h:1/")]))
        .unwrap();
    let line = line.trim_ascii_end();
    for at in 0..line.len() {
        let mut changed = line.to_vec();
        changed[at] ^= 1;
        assert!(codec.read(&changed, None).is_err(), "byte {at}");
        assert!(codec.read(&line[..at], None).is_err(), "cut at {at}");
    }
    let other = Codec::new(Secret::new("another-token".to_owned()));
    assert!(matches!(other.read(line, None), Err(Error::Mac)));
    assert!(codec.read(line, None).is_ok());
}

#[test]
fn foreign_text_is_refused_with_a_reason() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "<html></html>",
        "{\"format\":1}",
        "{\"format\":\"1\"}",
        "\u{0}",
        "{\"mac\":\"é",
    ] {
        let error = codec().read(text.as_bytes(), None).unwrap_err();
        assert!(
            matches!(error.reason(), "malformed" | "mac"),
            "{text}: {error}"
        );
    }
}

/// Signs a line as the registry would after its members were changed.
fn resigned(line: &[u8], change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Bytes {
    let codec = codec();
    let mut all: serde_json::Map<String, Value> = serde_json::from_slice(line).unwrap();
    let salt = all["salt"].as_str().unwrap().to_owned();
    all.remove("mac");
    change(&mut all);
    LineKeys::of(&codec.token, &salt)
        .unwrap()
        .sign(&Value::Object(all))
        .unwrap()
}

#[test]
fn later_minor_versions_are_understood_and_later_major_ones_refused_by_name() {
    let codec = codec();
    let line = codec.full(&rich()).unwrap();
    let more = resigned(&line, |all| {
        all.insert("hint".into(), Value::from(1));
        all["routes"]["/rich"]["colour"] = Value::from("red");
        all["routes"]["/rich"]["tls"]["pins"] = Value::from(vec!["x"]);
        all["access"]["issuers"] = Value::from(Vec::<Value>::new());
    });
    assert_eq!(*full(codec.read(&more, None).unwrap()), rich());
    let kind = resigned(&line, |all| {
        all.insert("kind".into(), Value::from("certificates"));
    });
    assert_eq!(codec.read(&kind, None).unwrap(), Message::Unknown);
    let newer = resigned(&line, |all| {
        all.insert("format".into(), Value::from(FORMAT + 1));
    });
    let error = codec.read(&newer, None).unwrap_err();
    assert!(matches!(error, Error::NewerFormat(2)));
    assert!(error.to_string().contains("upgrade"));
    assert!(matches!(
        codec.read(br#"{"format":2,"all":"new"}"#, None),
        Err(Error::NewerFormat(2))
    ));
}

#[test]
fn a_delta_fits_only_its_base() {
    let codec = codec();
    let old = snapshot(
        "c1",
        7,
        [route("/a", "http://h:1/"), route("/b", "http://h:2/")],
    );
    let new = snapshot(
        "c1",
        9,
        [route("/b", "http://h:2/"), route("/c", "http://h:3/")],
    );
    let line = codec.delta(&old, &new).unwrap();
    assert_eq!(*full(codec.read(&line, Some(&old)).unwrap()), new);
    let skipped = Snapshot {
        revision: Revision(8),
        ..old.clone()
    };
    let foreign = Snapshot {
        cluster: ClusterId("c2".into()),
        ..old
    };
    for base in [None, Some(&skipped), Some(&foreign), Some(&new)] {
        assert!(matches!(
            codec.read(&line, base),
            Err(Error::Base(Revision(7)))
        ));
    }
}

#[test]
fn unchanged_servers_and_access_keep_their_arc() {
    let codec = codec();
    let old = rich();
    let mut new = Snapshot {
        revision: Revision(8),
        ..old.clone()
    };
    Arc::make_mut(new.routes.get_mut("/plain").unwrap()).public = true;
    for line in [codec.delta(&old, &new).unwrap(), codec.full(&new).unwrap()] {
        let read = full(codec.read(&line, Some(&old)).unwrap());
        assert!(Arc::ptr_eq(&read.routes["/rich"], &old.routes["/rich"]));
        assert!(!Arc::ptr_eq(&read.routes["/plain"], &old.routes["/plain"]));
        assert!(Arc::ptr_eq(
            read.access.as_ref().unwrap(),
            old.access.as_ref().unwrap()
        ));
    }
    let delta = codec.delta(&old, &new).unwrap();
    assert!(!std::str::from_utf8(&delta).unwrap().contains("/rich"));
}

#[test]
fn what_a_delta_cannot_say_is_sent_whole() {
    let codec = codec();
    let bare = Snapshot {
        access: None,
        revision: Revision(8),
        ..rich()
    };
    assert!(matches!(
        codec.read(&codec.delta(&rich(), &bare).unwrap(), None),
        Ok(Message::Full(_))
    ));
    let foreign = Snapshot {
        cluster: ClusterId("c2".into()),
        ..rich()
    };
    assert!(matches!(
        codec.read(&codec.delta(&rich(), &foreign).unwrap(), None),
        Ok(Message::Full(_))
    ));
}

fn any_snapshot() -> impl Strategy<Value = (Vec<(u8, u8, bool)>, Option<u8>)> {
    let routes = prop::collection::vec((0_u8..6, 0_u8..3, any::<bool>()), 0..6);
    (routes, prop::option::of(0_u8..3))
}

fn built(revision: u64, (routes, access_byte): &(Vec<(u8, u8, bool)>, Option<u8>)) -> Snapshot {
    let routes = routes.iter().map(|(name, port, secret)| {
        let mut made = route(
            &format!("/s{name}"),
            &format!("http://h:{}/", 8000 + u16::from(*port)),
        );
        if *secret {
            made.headers = crate::catalog::samples::headers(&[("X-Key", &format!("v{port}"))]);
        }
        made
    });
    let mut made = snapshot("c1", revision, routes);
    made.access = access_byte.map(|byte| {
        let mut made = access(byte);
        made.trust
            .revoked
            .insert(TokenId("t".into()), Timestamp::from_unix(i64::from(byte)));
        Arc::new(made)
    });
    made
}

proptest! {
    #[test]
    fn deltas_one_after_another_make_the_same_as_the_whole(
        states in prop::collection::vec(any_snapshot(), 1..8),
    ) {
        let codec = codec();
        let mut sent = built(1, &states[0]);
        let mut held = full(codec.read(&codec.full(&sent).unwrap(), None).unwrap());
        for (index, state) in states.iter().enumerate().skip(1) {
            let next = built(1 + index as u64, state);
            let line = codec.delta(&sent, &next).unwrap();
            held = full(codec.read(&line, Some(&held)).unwrap());
            prop_assert_eq!(&*held, &next);
            sent = next;
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,200}") {
        prop_assert!(codec().read(text.as_bytes(), None).is_err());
    }
}

const HEARTBEAT: Duration = Duration::from_secs(5);
const COALESCE: Duration = Duration::from_millis(20);

fn watch_of(
    publisher: &Publisher,
    stop: &CancellationToken,
) -> impl Stream<Item = Bytes> + Unpin + use<> {
    let token = Secret::new("a-gateway-token-of-good-length".to_owned());
    Box::pin(watch_stream(
        publisher.subscribe(),
        token,
        HEARTBEAT,
        COALESCE,
        stop.clone(),
    ))
}

fn numbered(revision: u64) -> Arc<Snapshot> {
    let names = (0..revision).map(|number| route(&format!("/s{number}"), "http://h:1/"));
    Arc::new(snapshot("c1", revision, names))
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_a_thousand_changes_becomes_few_deltas_that_end_at_the_same() {
    let publisher = Publisher::new(Vec::new());
    publisher.publish(numbered(1));
    let stop = CancellationToken::new();
    let mut lines = watch_of(&publisher, &stop);
    let codec = codec();
    let mut held = full(codec.read(&lines.next().await.unwrap(), None).unwrap());
    let started = tokio::time::Instant::now();
    let changes = async {
        for revision in 2..=1001 {
            publisher.publish(numbered(revision));
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    };
    let reading = async {
        let mut count = 0;
        while held.revision < Revision(1001) {
            let line = lines.next().await.unwrap();
            let Message::Delta(next) = codec.read(&line, Some(&held)).unwrap() else {
                panic!("no delta")
            };
            held = next;
            count += 1;
        }
        count
    };
    let (count, ()) = tokio::join!(reading, changes);
    let windows = started.elapsed().as_millis() / COALESCE.as_millis();
    assert!(count <= windows + 2, "{count} deltas in {windows} windows");
    assert_eq!(*held, *numbered(1001));
}

#[tokio::test(start_paused = true)]
async fn a_single_change_is_told_within_the_window() {
    let publisher = Publisher::new(Vec::new());
    publisher.publish(numbered(1));
    let stop = CancellationToken::new();
    let mut lines = watch_of(&publisher, &stop);
    lines.next().await.unwrap();
    let started = tokio::time::Instant::now();
    publisher.publish(numbered(2));
    lines.next().await.unwrap();
    assert!(started.elapsed() <= COALESCE + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_heartbeats_before_and_after_the_first_snapshot() {
    let publisher = Publisher::new(Vec::new());
    let stop = CancellationToken::new();
    let mut lines = watch_of(&publisher, &stop);
    let started = tokio::time::Instant::now();
    assert_eq!(lines.next().await.unwrap(), "\n");
    assert_eq!(started.elapsed(), HEARTBEAT);
    publisher.publish(numbered(1));
    let codec = codec();
    assert!(matches!(
        codec.read(&lines.next().await.unwrap(), None),
        Ok(Message::Full(_))
    ));
    for _ in 0..3 {
        let position = Position::of(&numbered(1));
        assert_eq!(
            codec.read(&lines.next().await.unwrap(), None).unwrap(),
            Message::Heartbeat(position)
        );
    }
    stop.cancel();
    assert_eq!(lines.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_with_its_publisher() {
    let publisher = Publisher::new(Vec::new());
    let stop = CancellationToken::new();
    let mut lines = watch_of(&publisher, &stop);
    drop(publisher);
    assert_eq!(lines.next().await, None);
}
