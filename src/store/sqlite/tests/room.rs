//! No room on the disk: writes are refused as such, reads go on, room makes it well again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{add, add_one, assert_whole, contents, open};
use crate::store::{Error, Store as _};

#[tokio::test]
async fn a_full_database_refuses_writes_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    add(&store, 3).await;
    let mut writer = store.writer.lock().await;
    let connection = writer.as_mut().unwrap();
    // The next page is one too many, on this connection.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(connection)
        .await
        .unwrap();
    drop(writer);

    let mut added = 3;
    let refused = loop {
        match add_one(&store).await {
            Ok(_) => added += 1,
            Err(error) => break error,
        }
        assert!(added < 1_000, "never full");
    };
    assert!(matches!(refused, Error::Full(_)), "{refused:?}");
    assert_whole(&store, added).await;
    // The connection in doubt is gone, and with it the limit.
    assert_eq!(add_one(&store).await.unwrap().0, added + 1);
    assert_whole(&store, added + 1).await;
}

/// A file system of a few hundred KiB, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs"])
            .arg(at)
            .output();
        mounted
            .is_ok_and(|done| done.status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the store's threads may close their files a moment later.
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers_with_room() {
    let dir = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(dir.path()) else {
        let line = "SKIPPED: a full disk; this user may not mount a small file system\n";
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
        return;
    };
    let store = open(&small.0).await.unwrap();
    add(&store, 3).await;
    let ballast = small.0.join("ballast");
    fill(&ballast);

    let mut acknowledged = 3;
    for _ in 0..200 {
        match add_one(&store).await {
            Ok(revision) => acknowledged = revision.0,
            Err(error) => assert!(matches!(error, Error::Full(_)), "{error:?}"),
        }
    }
    let refused = add_one(&store).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert_eq!(contents(&store).await.unwrap().0.0, acknowledged);
    assert_whole(&store, acknowledged).await;

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(add_one(&store).await.unwrap().0, acknowledged + 1);
    assert_whole(&store, acknowledged + 1).await;
    store.close().await;
    drop(store);
    assert_whole(&open(&small.0).await.unwrap(), acknowledged + 1).await;
}

/// Writes until nothing more goes in.
fn fill(path: &Path) {
    use std::io::Write as _;

    let mut file = std::fs::File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
