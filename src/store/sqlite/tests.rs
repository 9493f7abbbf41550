//! What only a file can suffer: damage, lost logs, kills, full disks.

mod crash;
mod damage;
mod power;
mod room;
mod upgrade;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SqliteStore;
use crate::domain::ids::Revision;
use crate::domain::time::Clock;
use crate::store::contract::fixture::{NOW, SECRET, server};
use crate::store::seal::Sealer;
use crate::store::{Bump, Error, OpenError, Store, StoredServer};

async fn open(dir: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(
        dir,
        Sealer::from_secret(SECRET).unwrap(),
        &Clock::manual(NOW),
    )
    .await
}

/// Adds `/n{revision}` and answers its revision.
async fn add_one(store: &dyn Store) -> Result<Revision, Error> {
    let mut transaction = store.begin().await?;
    let next = transaction.cluster().await?.1.0 + 1;
    transaction
        .servers()
        .insert(&server(&format!("/n{next}"), 1))
        .await?;
    transaction.commit(Bump::Yes).await
}

async fn add(store: &dyn Store, count: usize) {
    for _ in 0..count {
        add_one(store).await.unwrap();
    }
}

async fn contents(store: &dyn Store) -> Result<(Revision, Vec<StoredServer>), Error> {
    let mut reading = store.read().await?;
    Ok((reading.cluster().await?.1, reading.servers().list().await?))
}

/// Every acknowledged write is there, whole, and none is there twice or in part.
async fn assert_whole(store: &dyn Store, acknowledged: u64) {
    let (revision, servers) = contents(store).await.unwrap();
    assert!(
        revision.0 >= acknowledged,
        "{revision} after {acknowledged} was acknowledged"
    );
    let mut expected: Vec<_> = (1..=revision.0)
        .map(|number| server(&format!("/n{number}"), 1))
        .collect();
    expected.sort_by(|one, two| one.definition.path.cmp(&two.definition.path));
    assert_eq!(servers, expected);
}

/// What a power cut at this moment would leave: the same files, byte for byte.
fn image(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        // The shared index is rebuilt from the log, as after a restart of the machine.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

fn database(dir: &Path) -> PathBuf {
    dir.join("state.db")
}

/// A closed database with some servers in it.
async fn filled(count: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, count).await;
    store.close().await;
    dir
}

#[tokio::test]
async fn nobody_else_can_change_it_so_nobody_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 1).await;
    assert!(!store.is_shared());
    let woken = tokio::time::timeout(Duration::ZERO, store.changed_elsewhere()).await;
    assert!(woken.is_err());
}
