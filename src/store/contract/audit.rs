//! The audit log: changes, uses of servers, and finding both.

use super::fixture::{Fixture, NOW};
use crate::domain::audit::{AccessEvent, Decision};
use crate::domain::time::Timestamp;
use crate::store::{AccessBatch, AuditEntry, AuditFilter, Bump, Mark, Place, Store};

super::on_each_database!(
    a_change_is_kept_with_all_that_is_told,
    changes_are_found_by_each_filter,
    a_repeated_batch_counts_once,
    uses_are_kept_whole_and_odd_texts_pass,
    uses_are_found_by_each_filter,
    pages_of_uses_neither_skip_nor_repeat,
    old_uses_and_too_many_are_forgotten,
);

fn entry(actor: &str, action: &str, server: &str, second: i64) -> AuditEntry {
    AuditEntry {
        at: NOW.plus_seconds(second),
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: format!("{server} (public)"),
        request_id: format!("r-{actor}-{second}"),
        server: server.to_owned(),
        source: "192.0.2.7".to_owned(),
        auth_method: "token".to_owned(),
        changed: vec!["headers".to_owned(), "tags".to_owned()],
        before: "0a".to_owned(),
        after: "0b".to_owned(),
    }
}

async fn append(store: &dyn Store, entry: &AuditEntry) {
    let mut transaction = store.begin().await.unwrap();
    transaction.audit().append(entry).await.unwrap();
    transaction.commit(Bump::No).await.unwrap();
}

async fn found(store: &dyn Store, filter: &AuditFilter) -> Vec<AuditEntry> {
    let mut reading = store.read().await.unwrap();
    let found = reading.audit().search(filter, Place::START, 100).await;
    let found = found.unwrap().into_iter();
    found.map(|stored| stored.entry).collect()
}

async fn a_change_is_kept_with_all_that_is_told(fixture: &Fixture) {
    let store = fixture.open().await;
    let entry = entry("ada", "server.update", "/time", 0);
    append(&*store, &entry).await;
    assert_eq!(found(&*store, &AuditFilter::default()).await, [entry]);
}

async fn changes_are_found_by_each_filter(fixture: &Fixture) {
    let store = fixture.open().await;
    let wanted = entry("ada", "server.update", "/time", 10);
    let others = [
        entry("bob", "server.update", "/time", 10),
        entry("ada", "server.update", "/other", 9),
        entry("ada", "server.create", "/time", 11),
    ];
    for one in others.iter().chain([&wanted]) {
        append(&*store, one).await;
    }
    let text = str::to_owned;
    let whole = AuditFilter {
        user: text("ada"),
        server: text("/time"),
        action: text("server.update"),
        request_id: text("r-ada-10"),
        since: Some(NOW.plus_seconds(10)),
        until: Some(NOW.plus_seconds(11)),
        decision: Some(Decision::Allow),
        tool: String::new(),
    };
    assert_eq!(found(&*store, &whole).await, std::slice::from_ref(&wanted));
    let none = AuditFilter::default;
    for (filter, count) in [
        (
            AuditFilter {
                user: text("ada"),
                ..none()
            },
            3,
        ),
        (
            AuditFilter {
                server: text("/time"),
                ..none()
            },
            3,
        ),
        (
            AuditFilter {
                action: text("server.create"),
                ..none()
            },
            1,
        ),
        (
            AuditFilter {
                request_id: text("r-bob-10"),
                ..none()
            },
            1,
        ),
        (
            AuditFilter {
                since: whole.since,
                ..none()
            },
            3,
        ),
        (
            AuditFilter {
                until: Some(NOW.plus_seconds(10)),
                ..none()
            },
            1,
        ),
        (
            AuditFilter {
                tool: text("now"),
                ..none()
            },
            0,
        ),
        (
            AuditFilter {
                decision: Some(Decision::Deny),
                ..none()
            },
            0,
        ),
        (none(), 4),
    ] {
        assert_eq!(found(&*store, &filter).await.len(), count, "{filter:?}");
    }
    let order: Vec<String> = found(&*store, &none())
        .await
        .into_iter()
        .map(|one| one.request_id)
        .collect();
    assert_eq!(order, ["r-ada-11", "r-ada-10", "r-bob-10", "r-ada-9"]);
}

fn event(user: &str, tool: &str, second: i64) -> AccessEvent {
    AccessEvent {
        at: NOW.plus_seconds(second),
        request_id: format!("r-{user}-{second}"),
        user: user.to_owned(),
        auth_method: "token".to_owned(),
        key: String::new(),
        client: "192.0.2.7".to_owned(),
        server: "/time".to_owned(),
        method: "tools/call".to_owned(),
        tool: tool.to_owned(),
        decision: Decision::Allow,
        reason: String::new(),
        status: 200,
        duration_us: 1_234,
        count: 1,
        arguments: Some(serde_json::json!({"zone": ["UTC", null]})),
    }
}

fn batch(run: &str, sequence: u64, events: Vec<AccessEvent>) -> AccessBatch {
    let run = run.to_owned();
    AccessBatch {
        gateway: "gw-1".to_owned(),
        mark: Some(Mark { run, sequence }),
        events,
    }
}

async fn uses(store: &dyn Store, filter: &AuditFilter) -> Vec<AccessEvent> {
    let found = store.access().search(filter, Place::START, 100).await;
    let found = found.unwrap().into_iter();
    found.map(|stored| stored.event).collect()
}

async fn a_repeated_batch_counts_once(fixture: &Fixture) {
    let store = fixture.open().await;
    for (run, sequence, new) in [
        ("a", 1, true),
        ("a", 1, false),
        ("a", 2, true),
        ("a", 1, false),
        ("b", 1, true),
    ] {
        let batch = batch(run, sequence, vec![event("ada", "now", 0)]);
        let kept = store.access().keep(&batch, NOW).await.unwrap();
        assert_eq!(kept, new, "{run} {sequence}");
    }
    let other = AccessBatch {
        gateway: "gw-2".to_owned(),
        ..batch("a", 1, vec![event("ada", "now", 0)])
    };
    assert!(store.access().keep(&other, NOW).await.unwrap());
    assert_eq!(uses(&*store, &AuditFilter::default()).await.len(), 4);
}

async fn uses_are_kept_whole_and_odd_texts_pass(fixture: &Fixture) {
    let store = fixture.open().await;
    let usual = event("ada", "now", 2);
    let odd = event("\u{202e}a\0da\u{1b}", &"é".repeat(1_000), 1);
    let both = batch("a", 1, vec![usual.clone(), odd]);
    assert!(store.access().keep(&both, NOW).await.unwrap());
    let found = uses(&*store, &AuditFilter::default()).await;
    assert_eq!(found[0], usual);
    assert_eq!(found[1].user, "\u{202e}a\u{fffd}da\u{1b}");
    assert_eq!(
        found[1].tool,
        "é".repeat(512),
        "cut off between two letters"
    );
}

async fn uses_are_found_by_each_filter(fixture: &Fixture) {
    let store = fixture.open().await;
    let denied = AccessEvent {
        decision: Decision::Deny,
        reason: "forbidden".to_owned(),
        status: 403,
        ..event("bob", "then", 5)
    };
    let events = vec![event("ada", "now", 4), denied, event("ada", "then", 6)];
    let kept = store.access().keep(&batch("a", 1, events), NOW).await;
    assert!(kept.unwrap());
    let text = str::to_owned;
    let none = AuditFilter::default;
    for (filter, seconds) in [
        (
            AuditFilter {
                user: text("ada"),
                ..none()
            },
            &[6, 4][..],
        ),
        (
            AuditFilter {
                tool: text("then"),
                ..none()
            },
            &[6, 5],
        ),
        (
            AuditFilter {
                decision: Some(Decision::Deny),
                ..none()
            },
            &[5],
        ),
        (
            AuditFilter {
                server: text("/time"),
                ..none()
            },
            &[6, 5, 4],
        ),
        (
            AuditFilter {
                server: text("/other"),
                ..none()
            },
            &[],
        ),
        (
            AuditFilter {
                request_id: text("r-bob-5"),
                ..none()
            },
            &[5],
        ),
        (
            AuditFilter {
                since: Some(NOW.plus_seconds(5)),
                ..none()
            },
            &[6, 5],
        ),
        (
            AuditFilter {
                until: Some(NOW.plus_seconds(5)),
                ..none()
            },
            &[4],
        ),
        (
            AuditFilter {
                action: text("server.create"),
                ..none()
            },
            &[],
        ),
    ] {
        let found: Vec<i64> = uses(&*store, &filter)
            .await
            .iter()
            .map(|event| event.at.unix() - NOW.unix())
            .collect();
        assert_eq!(found, seconds, "{filter:?}");
    }
}

async fn pages_of_uses_neither_skip_nor_repeat(fixture: &Fixture) {
    let store = fixture.open().await;
    // Several within a second, and some that came late.
    let seconds = [3, 3, 3, 1, 5, 3, 4];
    for (number, second) in (1..).zip(seconds) {
        let events = vec![event(&format!("u{number}"), "now", second)];
        let kept = store.access().keep(&batch("a", number, events), NOW).await;
        assert!(kept.unwrap());
    }
    let (mut place, mut users) = (Place::START, Vec::new());
    loop {
        let log = store.access();
        let page = log.search(&AuditFilter::default(), place, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        place = Place {
            at: last.event.at,
            id: last.id,
        };
        users.extend(page.into_iter().map(|stored| stored.event.user));
    }
    assert_eq!(users, ["u5", "u7", "u6", "u3", "u2", "u1", "u4"]);
}

async fn old_uses_and_too_many_are_forgotten(fixture: &Fixture) {
    let store = fixture.open().await;
    let log = store.access();
    let events = (0..10).map(|second| event("ada", "now", second)).collect();
    assert!(log.keep(&batch("a", 1, events), NOW).await.unwrap());
    let everything = Timestamp::from_unix(i64::MAX);
    let plenty = u64::MAX;
    assert_eq!(log.purge(NOW.plus_seconds(4), plenty).await.unwrap(), 4);
    assert_eq!(log.purge(NOW.plus_seconds(4), plenty).await.unwrap(), 0);
    assert_eq!(uses(&*store, &AuditFilter::default()).await.len(), 6);
    // An event takes more than two hundred bytes: a thousand hold no six of them.
    assert_eq!(log.purge(NOW, 1_000_000).await.unwrap(), 0);
    assert_eq!(log.purge(NOW, 1_000).await.unwrap(), 6);
    let again = batch("a", 2, vec![event("ada", "now", 0)]);
    assert!(log.keep(&again, NOW).await.unwrap());
    assert_eq!(log.purge(NOW, 1_000).await.unwrap(), 0, "the size is exact");
    assert_eq!(log.purge(everything, plenty).await.unwrap(), 1);
}
