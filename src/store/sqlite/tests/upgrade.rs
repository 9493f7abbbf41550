//! Schemas of other versions, interrupted migrations, and copies made while work goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::migrate::{Migration, MigrationType};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};

use super::super::prepare::{migrate, migrations};
use super::super::{Access, options};
use super::{add, add_one, assert_whole, contents, database, filled, image, open};
use crate::store::{Error, OpenError, Store as _};

async fn connect(dir: &std::path::Path) -> SqliteConnection {
    options(&database(dir), Access::Write)
        .connect()
        .await
        .unwrap()
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = $1";
    let count: i64 = sqlx::query_scalar(sql)
        .bind(name)
        .fetch_one(connection)
        .await
        .unwrap();
    count > 0
}

fn with_next(sql: &'static str) -> Vec<Migration> {
    let mut all = migrations();
    let sql = sql.into_sql_str();
    let number = all.iter().map(|one| one.version).max().unwrap() + 1;
    all.push(Migration::new(
        number,
        "next".into(),
        MigrationType::Simple,
        sql,
        false,
    ));
    all
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let dir = filled(2).await;
    let mut connection = connect(dir.path()).await;
    let newer = with_next("CREATE TABLE later (a)");
    migrate(&mut connection, &database(dir.path()), newer)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(database(dir.path())).unwrap();

    let refused = open(dir.path()).await.map(drop).unwrap_err();
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
    let told = format!("{:#}", anyhow::Error::new(refused));
    assert!(
        told.contains("newer version") && told.contains("backup"),
        "{told}"
    );
    assert!(
        std::fs::read(database(dir.path())).unwrap() == before,
        "was changed"
    );
}

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_the_old_schema_in_use() {
    let dir = filled(2).await;
    let mut connection = connect(dir.path()).await;
    let broken = with_next("CREATE TABLE later (a); INSERT INTO nowhere VALUES (1)");
    migrate(&mut connection, &database(dir.path()), broken)
        .await
        .unwrap_err();
    connection.close().await.unwrap();

    let store = open(dir.path()).await.unwrap();
    add(&store, 1).await;
    assert_whole(&store, 3).await;
    store.close().await;

    let mut connection = connect(dir.path()).await;
    assert!(!has_table(&mut connection, "later").await);
    let mended = with_next("CREATE TABLE later (a)");
    migrate(&mut connection, &database(dir.path()), mended)
        .await
        .unwrap();
    assert!(has_table(&mut connection, "later").await);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_migration_leaves_the_old_schema_in_use() {
    let dir = filled(2).await;
    let mut connection = connect(dir.path()).await;
    for sql in ["BEGIN", "CREATE TABLE later (a)", "DROP TABLE servers"] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    // More than the cache holds, so that pages of the open transaction reach the log.
    sqlx::query("PRAGMA cache_spill = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
                INSERT INTO later SELECT randomblob(2000) FROM n";
    sqlx::query(fill).execute(&mut connection).await.unwrap();
    let killed = image(dir.path());
    let log = std::fs::metadata(killed.path().join("state.db-wal")).unwrap();
    assert!(log.len() > 0, "nothing of the migration was on the disk");

    assert_whole(&open(killed.path()).await.unwrap(), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_state_of_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()).await.unwrap());
    add(&*store, 5).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    writers.spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                add_one(&*store).await.unwrap();
            }
        }
    });
    for number in 0..5 {
        let target = copies.path().join(format!("{number}/state.db"));
        std::fs::create_dir(target.parent().unwrap()).unwrap();
        let before = contents(&*store).await.unwrap().0;
        store.backup(&target).await.unwrap();
        let copy = open(target.parent().unwrap()).await.unwrap();
        assert_whole(&copy, before.0).await;
    }
    stop.store(true, Ordering::Relaxed);
    writers.join_all().await;
}

#[tokio::test]
async fn a_backup_never_overwrites_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    let target = dir.path().join("precious");
    std::fs::write(&target, b"mine").unwrap();
    let refused = store.backup(&target).await;
    assert!(matches!(refused, Err(Error::Failed(_))), "{refused:?}");
    assert_eq!(std::fs::read(&target).unwrap(), b"mine");
}
