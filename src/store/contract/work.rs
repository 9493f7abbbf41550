//! What a unit of work promises: all or nothing, in order, one state, nothing lost.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;

use super::fixture::{Fixture, NOW, path, server};
use crate::domain::ids::Revision;
use crate::domain::secret::Secret;
use crate::store::{AuditEntry, Bump, Error, OpenError, Store};

super::on_each_database!(
    the_revision_counts_commits_that_matter_and_no_others,
    a_dropped_transaction_never_happened,
    a_cancelled_statement_spoils_its_transaction,
    a_reader_sees_one_state_and_waits_for_nobody,
    a_reading_transaction_cannot_write,
    the_audit_entry_shares_the_fate_of_its_change,
    concurrent_writers_lose_nothing_and_count_densely,
    of_two_editors_of_one_version_the_second_is_refused,
    everything_survives_closing_and_opening_again,
    another_key_is_refused_at_start_and_harms_nothing,
    a_closed_store_says_so,
);

async fn revision(store: &dyn Store) -> Revision {
    store.read().await.unwrap().cluster().await.unwrap().1
}

async fn the_revision_counts_commits_that_matter_and_no_others(fixture: &Fixture) {
    let store = fixture.open().await;
    assert_eq!(revision(&*store).await, Revision(0));
    for (bump, expected) in [
        (Bump::Yes, 1),
        (Bump::No, 1),
        (Bump::Yes, 2),
        (Bump::Yes, 3),
        (Bump::No, 3),
    ] {
        let transaction = store.begin().await.unwrap();
        assert_eq!(transaction.commit(bump).await.unwrap(), Revision(expected));
        assert_eq!(revision(&*store).await, Revision(expected));
    }
    let reading = store.read().await.unwrap();
    assert_eq!(reading.commit(Bump::No).await.unwrap(), Revision(3));
}

async fn a_dropped_transaction_never_happened(fixture: &Fixture) {
    let store = fixture.open().await;
    for _ in 0..10 {
        let mut transaction = store.begin().await.unwrap();
        transaction
            .servers()
            .insert(&server("/time", 1))
            .await
            .unwrap();
        drop(transaction);
    }
    assert_eq!(
        store.read().await.unwrap().servers().list().await.unwrap(),
        []
    );
    assert_eq!(revision(&*store).await, Revision(0));
}

/// Lets a future start and drops it; whether it was dropped before it was done.
async fn start_and_drop<F: Future>(future: F) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

async fn a_cancelled_statement_spoils_its_transaction(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    let mut cancelled = false;
    for number in 0..10_000 {
        // SQLite's thread may be so fast that there was nothing to cancel.
        let added = server(&format!("/n{number}"), 1);
        cancelled = start_and_drop(transaction.servers().insert(&added)).await;
        if cancelled {
            break;
        }
    }
    assert!(cancelled);
    let after = transaction.servers().list().await;
    assert!(matches!(after, Err(Error::Failed(_))), "{after:?}");
    let committed = transaction.commit(Bump::Yes).await;
    assert!(matches!(committed, Err(Error::Failed(_))), "{committed:?}");

    assert_eq!(
        store.read().await.unwrap().servers().list().await.unwrap(),
        []
    );
    assert_eq!(revision(&*store).await, Revision(0));
    let after = store.begin().await.unwrap();
    assert_eq!(after.commit(Bump::Yes).await.unwrap(), Revision(1));
}

async fn a_reader_sees_one_state_and_waits_for_nobody(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut before = store.read().await.unwrap();
    assert_eq!(before.cluster().await.unwrap().1, Revision(0));

    let mut writing = store.begin().await.unwrap();
    writing.servers().insert(&server("/time", 1)).await.unwrap();
    let mut during = store.read().await.unwrap();
    assert_eq!(during.servers().list().await.unwrap(), []);
    writing.commit(Bump::Yes).await.unwrap();

    for reading in [&mut before, &mut during] {
        assert_eq!(reading.servers().list().await.unwrap(), []);
        assert_eq!(reading.cluster().await.unwrap().1, Revision(0));
    }
    let mut after = store.read().await.unwrap();
    assert_eq!(after.servers().list().await.unwrap().len(), 1);
    assert_eq!(after.cluster().await.unwrap().1, Revision(1));
}

async fn a_reading_transaction_cannot_write(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut reading = store.read().await.unwrap();
    let inserted = reading.servers().insert(&server("/time", 1)).await;
    assert!(inserted.is_err(), "{inserted:?}");
    let bumped = store.read().await.unwrap().commit(Bump::Yes).await;
    assert!(matches!(bumped, Err(Error::Failed(_))), "{bumped:?}");
    assert_eq!(revision(&*store).await, Revision(0));
}

async fn the_audit_entry_shares_the_fate_of_its_change(fixture: &Fixture) {
    let store = fixture.open().await;
    for (at, keep) in [("/dropped", false), ("/kept", true)] {
        let mut transaction = store.begin().await.unwrap();
        transaction.servers().insert(&server(at, 1)).await.unwrap();
        let entry = AuditEntry {
            at: NOW,
            actor: "ada".to_owned(),
            action: "server.create".to_owned(),
            subject: at.to_owned(),
            request_id: "r".to_owned(),
            ..AuditEntry::default()
        };
        transaction.audit().append(&entry).await.unwrap();
        if keep {
            transaction.commit(Bump::Yes).await.unwrap();
        }
    }
    let entries = store.read().await.unwrap().audit().list(10).await.unwrap();
    let subjects: Vec<_> = entries.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(subjects, ["/kept"]);
}

/// Counts the server's version up `times` times; the revisions it was answered.
async fn count_up(store: Arc<dyn Store>, times: u64) -> Vec<u64> {
    let mut revisions = Vec::new();
    for _ in 0..times {
        let mut transaction = store.begin().await.unwrap();
        let mut found = transaction
            .servers()
            .find(&path("/n"))
            .await
            .unwrap()
            .unwrap();
        found.version += 1;
        transaction.servers().update(&found).await.unwrap();
        revisions.push(transaction.commit(Bump::Yes).await.unwrap().0);
    }
    revisions
}

async fn concurrent_writers_lose_nothing_and_count_densely(fixture: &Fixture) {
    const WRITERS: u64 = 8;
    const WRITES: u64 = 12;
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction
        .servers()
        .insert(&server("/n", 1))
        .await
        .unwrap();
    transaction.commit(Bump::Yes).await.unwrap();

    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(count_up(Arc::clone(&store), WRITES));
    }
    let answers: Vec<Vec<u64>> = writers.join_all().await;

    assert!(
        answers.iter().all(|revisions| revisions.is_sorted()),
        "a writer's went back"
    );
    let revisions: BTreeSet<u64> = answers.concat().into_iter().collect();
    assert!(
        revisions.into_iter().eq(2..2 + WRITERS * WRITES),
        "not dense"
    );
    let found = store
        .read()
        .await
        .unwrap()
        .servers()
        .find(&path("/n"))
        .await
        .unwrap();
    assert_eq!(found.unwrap().version, 1 + WRITERS * WRITES);
}

async fn of_two_editors_of_one_version_the_second_is_refused(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction
        .servers()
        .insert(&server("/n", 1))
        .await
        .unwrap();
    transaction.commit(Bump::Yes).await.unwrap();

    let mut editors = JoinSet::new();
    for editor in ["ada", "grace"] {
        let store = Arc::clone(&store);
        editors.spawn(async move {
            let mut edited = server("/n", 2);
            edited.updated_by = editor.to_owned();
            let mut transaction = store.begin().await.unwrap();
            transaction.servers().update(&edited).await?;
            transaction.commit(Bump::Yes).await?;
            Ok::<_, Error>(editor)
        });
    }
    let results = editors.join_all().await;
    let winners: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().ok())
        .collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(
        results
            .iter()
            .any(|result| matches!(result, Err(Error::Stale))),
        "{results:?}"
    );
    let found = store
        .read()
        .await
        .unwrap()
        .servers()
        .find(&path("/n"))
        .await
        .unwrap();
    assert_eq!(found.unwrap().updated_by, **winners[0]);
}

async fn everything_survives_closing_and_opening_again(fixture: &Fixture) {
    let store = fixture.open().await;
    let (cluster, _) = store.read().await.unwrap().cluster().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction
        .servers()
        .insert(&server("/time", 1))
        .await
        .unwrap();
    transaction
        .keys()
        .keep("signing", Secret::new(vec![7; 32]))
        .await
        .unwrap();
    transaction.commit(Bump::Yes).await.unwrap();
    store.close().await;
    drop(store);

    let store = fixture.open().await;
    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.cluster().await.unwrap(), (cluster, Revision(1)));
    assert_eq!(
        reading.servers().list().await.unwrap(),
        [server("/time", 1)]
    );
    let key = reading.keys().find("signing").await.unwrap();
    assert_eq!(key, Some(Secret::new(vec![7; 32])));
}

async fn another_key_is_refused_at_start_and_harms_nothing(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction
        .servers()
        .insert(&server("/time", 1))
        .await
        .unwrap();
    transaction.commit(Bump::Yes).await.unwrap();
    store.close().await;
    drop(store);

    let refused = fixture
        .try_open("somebody else's secret")
        .await
        .unwrap_err();
    assert!(matches!(refused, OpenError::OtherKey { .. }), "{refused:?}");
    let told = format!("{:#}", anyhow::Error::new(refused));
    assert!(
        told.contains("SECRET_KEY") && !told.contains("somebody"),
        "{told}"
    );

    let store = fixture.open().await;
    let listed = store.read().await.unwrap().servers().list().await.unwrap();
    assert_eq!(listed, [server("/time", 1)]);
}

async fn a_closed_store_says_so(fixture: &Fixture) {
    let store = fixture.open().await;
    store.close().await;
    assert!(matches!(
        store.begin().await.map(drop),
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(
        store.read().await.map(drop),
        Err(Error::Unavailable(_))
    ));
}
