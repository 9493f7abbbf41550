//! What only a server can do: go away in the middle, announce changes, queue writers of others.

mod link;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::task::JoinSet;

use self::link::Link;
use super::connection::{Work, classify};
use super::prepare::{migrate, migrations};
use super::{Access, PostgresStore};
use crate::config::store::StoreConfig;
use crate::domain::ids::Revision;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;
use crate::store::contract::fixture::{Fixture, NOW, SECRET, path, server};
use crate::store::sql::Connection as _;
use crate::store::{Bump, Error, OpenError, Sealer, Store};

/// Well under [`super::PERIODIC_WAKE`], well over what a loaded machine needs.
const SOON: Duration = Duration::from_secs(4);

async fn open(url: &str) -> PostgresStore {
    let sealer = Sealer::from_secret(SECRET).unwrap();
    PostgresStore::open(url, 4, sealer, &Clock::manual(NOW))
        .await
        .unwrap()
}

async fn add(store: &dyn Store, at: &str) -> Result<Revision, Error> {
    let mut transaction = store.begin().await?;
    transaction.servers().insert(&server(at, 1)).await?;
    transaction.commit(Bump::Yes).await
}

async fn paths(store: &dyn Store) -> Vec<String> {
    let listed = store.read().await.unwrap().servers().list().await.unwrap();
    listed
        .iter()
        .map(|server| server.definition.path.to_string())
        .collect()
}

async fn backend(work: &mut Work) -> i64 {
    let rows = work
        .fetch("SELECT pg_backend_pid()::bigint", vec![])
        .await
        .unwrap();
    rows.into_iter()
        .next()
        .unwrap()
        .reader("backend")
        .int("pid")
        .unwrap()
}

/// Ends server processes and waits until they are gone.
async fn terminate(pool: &PgPool, backends: &[i64]) {
    for backend in backends {
        let sql = "SELECT pg_terminate_backend($1::int, 5000)";
        let ended: bool = sqlx::query_scalar(sql)
            .bind(backend)
            .fetch_one(pool)
            .await
            .unwrap();
        assert!(ended);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_the_other_replica_at_once() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (one, other) = (open(fixture.url()).await, open(fixture.url()).await);
    for round in 0..5 {
        let revision = add(&one, &format!("/s{round}")).await.unwrap();
        tokio::time::timeout(SOON, other.changed_elsewhere())
            .await
            .unwrap();
        let seen = other.read().await.unwrap().cluster().await.unwrap().1;
        assert_eq!(seen, revision);
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_between_opening_and_waiting_is_not_missed() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (one, other) = (open(fixture.url()).await, open(fixture.url()).await);
    add(&one, "/early").await.unwrap();
    // No wait was begun before; it is answered all the same.
    tokio::time::timeout(SOON, other.changed_elsewhere())
        .await
        .unwrap();
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_commits_and_those_without_a_revision_wake_nobody() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (one, other) = (open(fixture.url()).await, open(fixture.url()).await);
    add(&one, "/own").await.unwrap();
    other.begin().await.unwrap().commit(Bump::No).await.unwrap();
    add(&other, "/heard").await.unwrap();
    // The one notification that counts comes after those that must not: it is the first answer.
    tokio::time::timeout(SOON, one.listener.heard())
        .await
        .unwrap();
    assert_eq!(paths(&one).await, ["/heard", "/own"]);
    let another = tokio::time::timeout(Duration::ZERO, one.listener.heard()).await;
    assert!(another.is_err(), "woken once more");
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_listening_connection_is_made_again_and_counts_as_a_change() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (one, other) = (open(fixture.url()).await, open(fixture.url()).await);
    let sql = "SELECT pid::bigint FROM pg_stat_activity WHERE query = 'LISTEN \"' || $1 || '\"'";
    let listening: Vec<i64> = sqlx::query_scalar(sql)
        .bind(&*one.channel.name)
        .fetch_all(&one.pool)
        .await
        .unwrap();
    assert_eq!(listening.len(), 2);
    terminate(&one.pool, &listening).await;
    tokio::time::timeout(SOON, other.changed_elsewhere())
        .await
        .unwrap();

    add(&one, "/later").await.unwrap();
    tokio::time::timeout(SOON, other.changed_elsewhere())
        .await
        .unwrap();
    assert_eq!(paths(&other).await, ["/later"]);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_replicas_form_one_queue() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let replicas = [
        Arc::new(open(fixture.url()).await),
        Arc::new(open(fixture.url()).await),
    ];
    add(&*replicas[0], "/n").await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let store = Arc::clone(&replicas[writer % 2]);
        writers.spawn(async move {
            let mut revisions = Vec::new();
            for _ in 0..10 {
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
        });
    }
    let revisions: BTreeSet<u64> = writers.join_all().await.concat().into_iter().collect();
    assert!(revisions.into_iter().eq(2..62), "not dense");
    let found = replicas[0]
        .read()
        .await
        .unwrap()
        .servers()
        .find(&path("/n"))
        .await
        .unwrap();
    assert_eq!(found.unwrap().version, 61);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_that_the_server_ended_are_replaced() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (store, admin) = (open(fixture.url()).await, open(fixture.url()).await);
    let mut works = Vec::new();
    let mut backends = Vec::new();
    for _ in 0..4 {
        let mut work = Work::begin(&store.pool, &store.channel, Access::Read)
            .await
            .unwrap();
        backends.push(backend(&mut work).await);
        works.push(work);
    }
    drop(works);
    terminate(&admin.pool, &backends).await;
    for number in 0..4 {
        add(&store, &format!("/s{number}")).await.unwrap();
    }
    assert_eq!(paths(&store).await.len(), 4);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_connection_ended_is_gone_and_says_so() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let (store, admin) = (open(fixture.url()).await, open(fixture.url()).await);
    let mut work = Work::begin(&store.pool, &store.channel, Access::Write)
        .await
        .unwrap();
    let ended = backend(&mut work).await;
    terminate(&admin.pool, &[ended]).await;
    let failed = work
        .execute("UPDATE cluster SET revision = 99", vec![])
        .await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert!(matches!(
        work.commit(None, None).await,
        Err(Error::Failed(_))
    ));

    // The same, found only by the commit.
    let mut work = Work::begin(&store.pool, &store.channel, Access::Write)
        .await
        .unwrap();
    work.execute("UPDATE cluster SET revision = 99", vec![])
        .await
        .unwrap();
    let ended = backend(&mut work).await;
    terminate(&admin.pool, &[ended]).await;
    let committed = work.commit(None, None).await;
    let Err(Error::Unavailable(cause)) = committed else {
        panic!("{committed:?}")
    };
    assert!(
        format!("{cause:#}").contains("nothing was committed"),
        "{cause:#}"
    );

    assert_eq!(add(&store, "/after").await.unwrap(), Revision(1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_asked_for_and_never_repeated() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let link = Link::to(fixture.url()).await;
    let store = open(link.url()).await;
    add(&store, "/before").await.unwrap();
    link.lose_answer_to("COMMIT");
    assert_eq!(add(&store, "/lost").await.unwrap(), Revision(2));
    assert_eq!(link.answers_lost(), 1);
    assert_eq!(paths(&store).await, ["/before", "/lost"]);
    assert_eq!(add(&store, "/after").await.unwrap(), Revision(3));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_whose_answer_was_lost_is_tried_again() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let link = Link::to(fixture.url()).await;
    let store = open(link.url()).await;
    link.lose_answer_to("BEGIN ISOLATION");
    assert_eq!(add(&store, "/s").await.unwrap(), Revision(1));
    assert_eq!(link.answers_lost(), 1);
    fixture.clean().await;
}

/// Adds a server, again as long as it is not there; the revision where it was acknowledged.
async fn insist(store: &dyn Store, at: &str) -> Option<Revision> {
    for _ in 0..100 {
        match add(store, at).await {
            Ok(revision) => return Some(revision),
            Err(Error::Unavailable(_)) if is_stored(store, at).await => return None,
            Err(Error::Unavailable(_)) => {}
            Err(error) => panic!("{at}: {error:?}"),
        }
    }
    panic!("{at}: never available");
}

/// Whether a server is there; backends of readers are ended like all others.
async fn is_stored(store: &dyn Store, at: &str) -> bool {
    let look = async || store.read().await?.servers().find(&path(at)).await;
    for _ in 0..100 {
        match look().await {
            Ok(found) => return found.is_some(),
            Err(Error::Unavailable(_)) => {}
            Err(error) => panic!("{at}: {error:?}"),
        }
    }
    panic!("{at}: never readable");
}

/// Ends every backend that is at work in the schema.
async fn end_those_at_work(pool: &PgPool, schema: &str) -> usize {
    let sql = "SELECT DISTINCT l.pid::bigint FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
               WHERE c.relnamespace = $1::text::regnamespace AND l.pid <> pg_backend_pid()";
    let backends: Vec<i64> = sqlx::query_scalar(sql)
        .bind(schema)
        .fetch_all(pool)
        .await
        .unwrap();
    for backend in &backends {
        let sql = "SELECT pg_terminate_backend($1::int)";
        sqlx::query(sql).bind(backend).execute(pool).await.unwrap();
    }
    backends.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_ended_at_any_moment_lose_no_write_and_repeat_none() {
    const WRITERS: usize = 3;
    const WRITES: usize = 40;
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let store = Arc::new(open(fixture.url()).await);
    let admin = PgPool::connect(fixture.url()).await.unwrap();
    let (done, mut steps) = tokio::sync::mpsc::channel(1);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, done) = (Arc::clone(&store), done.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0..WRITES {
                acknowledged.extend(insist(&*store, &format!("/w{writer}.{number}")).await);
                done.send(()).await.unwrap();
            }
            acknowledged
        });
    }
    drop(done);
    let mut ended = 0;
    while steps.recv().await.is_some() {
        ended += end_those_at_work(&admin, fixture.schema()).await;
    }
    let acknowledged = writers.join_all().await.concat();

    assert!(ended > 10, "only {ended} backends were ended");
    let distinct: BTreeSet<_> = acknowledged.iter().collect();
    assert_eq!(
        distinct.len(),
        acknowledged.len(),
        "a revision was answered twice"
    );
    assert_eq!(paths(&*store).await.len(), WRITERS * WRITES);
    let (_, revision) = store.read().await.unwrap().cluster().await.unwrap();
    assert_eq!(
        revision,
        Revision((WRITERS * WRITES) as u64),
        "a write was applied twice"
    );
    admin.close().await;
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_failures_are_told_apart() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let store = open(fixture.url()).await;
    let raised = async |code: &str| {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let query = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        classify(query.execute(&store.pool).await.unwrap_err())
    };
    assert!(matches!(raised("53100").await, Error::Full(_)));
    for code in [
        "40001", "40P01", "53300", "57P01", "57P03", "55P03", "57014", "08006", "25006",
    ] {
        let error = raised(code).await;
        assert!(matches!(error, Error::Unavailable(_)), "{code}: {error:?}");
    }
    for code in ["58030", "42P01", "XX001", "22021"] {
        let error = raised(code).await;
        assert!(matches!(error, Error::Failed(_)), "{code}: {error:?}");
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_together_agree_on_one_cluster() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let mut starts = JoinSet::new();
    for _ in 0..4 {
        let url = fixture.url().to_owned();
        starts.spawn(async move { open(&url).await });
    }
    let mut clusters = BTreeSet::new();
    for store in starts.join_all().await {
        clusters.insert(store.read().await.unwrap().cluster().await.unwrap());
    }
    assert_eq!(clusters.len(), 1, "{clusters:?}");
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_that_are_newer_or_half_made_are_refused() {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::{Migration, MigrationType};

    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let store = open(fixture.url()).await;
    add(&store, "/s").await.unwrap();
    let with = |sql: &'static str| {
        let kind = MigrationType::Simple;
        let mut all = migrations();
        let number = all.iter().map(|one| one.version).max().unwrap() + 1;
        let next = Migration::new(number, "next".into(), kind, sql.into_sql_str(), false);
        all.push(next);
        all
    };
    let mut connection = store.pool.acquire().await.unwrap().detach();
    let broken = with("CREATE TABLE later (a INT); INSERT INTO nowhere VALUES (1)");
    migrate(&mut connection, broken).await.unwrap_err();
    drop(connection);
    assert_eq!(paths(&open(fixture.url()).await).await, ["/s"]);

    let mut connection = store.pool.acquire().await.unwrap().detach();
    migrate(&mut connection, with("CREATE TABLE later (a INT)"))
        .await
        .unwrap();
    let refused = fixture.try_open(SECRET).await.map(drop).unwrap_err();
    assert!(
        matches!(
            refused,
            OpenError::Store {
                source: Error::NewerSchema,
                ..
            }
        ),
        "{refused:?}"
    );
    fixture.clean().await;
}

#[tokio::test]
async fn addresses_are_shown_without_their_password() {
    let dir = tempfile::tempdir().unwrap();
    let refused = async |url: &str| {
        let config = StoreConfig {
            database_url: Some(Secret::new(url.to_owned())),
            connections: 2,
        };
        let sealer = Sealer::from_secret(SECRET).unwrap();
        let opened = crate::store::open(&config, dir.path(), sealer, &Clock::manual(NOW)).await;
        format!("{:#}", anyhow::Error::new(opened.map(drop).unwrap_err()))
    };
    for url in [
        "mysql://root:hunter2@db/x",
        "hunter2",
        "postgres://u:hunter2@h:port/db",
        "postgres://u:hunter2@h/db?sslmode=nonsense",
    ] {
        let told = refused(url).await;
        assert!(
            told.contains("DATABASE_URL") && !told.contains("hunter2"),
            "{told}"
        );
    }
}
