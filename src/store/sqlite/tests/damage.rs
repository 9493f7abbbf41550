//! A file that is not whole stops the start with a reason; it never becomes an empty registry.

use std::path::Path;

use super::{add, assert_whole, contents, database, filled, image, open};
use crate::store::{Error, OpenError, Store as _};

async fn refusal(dir: &Path) -> OpenError {
    open(dir).await.map(drop).unwrap_err()
}

fn assert_told(error: OpenError, words: &[&str]) {
    let told = format!("{:#}", anyhow::Error::new(error));
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told:?}");
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let second = refusal(dir.path()).await;
    assert!(
        matches!(
            &second,
            OpenError::Store {
                source: Error::InUse,
                ..
            }
        ),
        "{second:?}"
    );
    assert_told(second, &["state.db", "another process", "DATA_DIR"]);
    add(&first, 1).await;
    first.close().await;
    drop(first);
    assert_whole(&open(dir.path()).await.unwrap(), 1).await;
}

#[tokio::test]
async fn a_store_dropped_without_closing_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=5 {
        let store = open(dir.path()).await.unwrap();
        add(&store, 1).await;
        drop(store);
        assert_whole(&open(dir.path()).await.unwrap(), round).await;
    }
}

#[tokio::test]
async fn files_that_are_no_database_are_refused() {
    let contents: [&[u8]; 4] = [b"", b"{}", &[0; 8192], b"SQLite format 3\0 and no more"];
    for content in contents {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(database(dir.path()), content).unwrap();
        let refused = refusal(dir.path()).await;
        assert!(
            matches!(refused, OpenError::Damaged { .. }),
            "{content:?}: {refused:?}"
        );
        assert_told(refused, &["state.db", "backup"]);
        assert_eq!(
            std::fs::read(database(dir.path())).unwrap(),
            content,
            "was changed"
        );
    }
}

#[tokio::test]
async fn a_database_cut_off_anywhere_is_refused() {
    let dir = filled(20).await;
    let whole = std::fs::metadata(database(dir.path())).unwrap().len();
    let mut lengths: Vec<u64> = (0..whole).step_by(4096).collect();
    lengths.extend([1, 15, 16, 99, 100, 101, 4095, 4097, whole - 4095, whole - 1]);
    for length in lengths {
        let copy = image(dir.path());
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(database(copy.path()))
            .unwrap();
        file.set_len(length).unwrap();
        let refused = refusal(copy.path()).await;
        // SQLite does not miss the end of a last page; the row in it does.
        let row = matches!(
            refused,
            OpenError::Store {
                source: Error::Corrupt { .. },
                ..
            }
        );
        let file = matches!(refused, OpenError::Damaged { .. });
        assert!(file || row, "{length} of {whole}: {refused:?}");
    }
}

#[tokio::test]
async fn overwritten_bytes_are_refused_or_harmless_and_never_served() {
    let dir = filled(12).await;
    let pristine = std::fs::read(database(dir.path())).unwrap();
    let store = open(dir.path()).await.unwrap();
    let expected = contents(&store).await.unwrap().1;
    store.close().await;
    let mut refusals = 0;
    for position in (0..pristine.len()).step_by(211) {
        let copy = image(dir.path());
        let mut bytes = pristine.clone();
        bytes[position] ^= 0x01;
        std::fs::write(database(copy.path()), bytes).unwrap();
        let Ok(store) = open(copy.path()).await else {
            refusals += 1;
            continue;
        };
        let (_, served) = contents(&store).await.unwrap();
        assert!(served == expected, "byte {position} changed what is served");
    }
    assert!(refusals > 0, "nothing was noticed at all");
}

#[tokio::test]
async fn a_lost_log_with_acknowledged_writes_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 3).await;
    let whole = image(dir.path());
    let lost = image(dir.path());
    let cut = image(dir.path());
    drop(store);

    assert_whole(&open(whole.path()).await.unwrap(), 3).await;

    std::fs::remove_file(lost.path().join("state.db-wal")).unwrap();
    let refused = refusal(lost.path()).await;
    let expected = matches!(
        refused,
        OpenError::Behind {
            stored: 0,
            seen: 3,
            ..
        }
    );
    assert!(expected, "{refused:?}");
    assert_told(
        refused,
        &["state.db-wal", "state.db.lock", "3 were acknowledged"],
    );

    let log = std::fs::OpenOptions::new()
        .write(true)
        .open(cut.path().join("state.db-wal"));
    let log = log.unwrap();
    log.set_len(log.metadata().unwrap().len() - 1).unwrap();
    let refused = refusal(cut.path()).await;
    assert!(
        matches!(
            refused,
            OpenError::Behind {
                stored: 2,
                seen: 3,
                ..
            }
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_older_copy_is_taken_only_when_the_operator_says_so() {
    let dir = filled(2).await;
    let older = std::fs::read(database(dir.path())).unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 2).await;
    store.close().await;
    drop(store);
    std::fs::write(database(dir.path()), older).unwrap();

    let refused = refusal(dir.path()).await;
    assert!(
        matches!(
            refused,
            OpenError::Behind {
                stored: 2,
                seen: 4,
                ..
            }
        ),
        "{refused:?}"
    );
    std::fs::remove_file(dir.path().join("state.db.lock")).unwrap();
    assert_whole(&open(dir.path()).await.unwrap(), 2).await;
}

#[tokio::test]
async fn a_log_without_its_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 1).await;
    let copy = image(dir.path());
    std::fs::remove_file(database(copy.path())).unwrap();
    let refused = refusal(copy.path()).await;
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    assert!(!database(copy.path()).exists(), "an empty one was made");
}

#[tokio::test]
async fn what_an_interrupted_first_start_left_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state.db.new"), b"half").unwrap();
    std::fs::write(dir.path().join("state.db.new-journal"), b"half").unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 1).await;
    assert_whole(&store, 1).await;
    assert!(!dir.path().join("state.db.new").exists());
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    use sqlx::{ConnectOptions as _, Connection as _};

    let dir = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(database(dir.path()))
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE theirs (a)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(database(dir.path())).unwrap();
    let refused = refusal(dir.path()).await;
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
    assert_eq!(
        std::fs::read(database(dir.path())).unwrap(),
        before,
        "was changed"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("a/b");
    let store = open(&data_dir).await.unwrap();
    add(&store, 1).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    for entry in std::fs::read_dir(&data_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    store.close().await;
    drop(store);

    let widened = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(database(&data_dir), widened).unwrap();
    open(&data_dir).await.unwrap();
    assert_eq!(mode(&database(&data_dir)), 0o600);
}

#[cfg(unix)]
#[tokio::test]
async fn an_unusable_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let refused = refusal(&file.join("data")).await;
    assert!(
        matches!(refused, OpenError::Directory { .. }),
        "{refused:?}"
    );
    assert_told(refused, &["data", "DATA_DIR", "Not a directory"]);
}
