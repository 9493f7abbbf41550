//! Batches that wait on disk while the registry is away: one file each, the oldest first.
//!
//! Promises: takes no more bytes than it may, and drops the oldest for the newest; a file that was
//! not written whole is never taken for a batch; what an earlier process left is sent too.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use super::{SPOOLED, dropped};

/// The folder, and what is in it.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    files: VecDeque<File>,
    bytes: u64,
    most: u64,
}

#[derive(Debug)]
struct File {
    name: String,
    bytes: u64,
}

impl Spool {
    /// With what lies there.
    pub async fn open(folder: PathBuf, most: u64) -> Self {
        let mut spool = Self {
            folder,
            files: VecDeque::new(),
            bytes: 0,
            most,
        };
        match spool.found().await {
            Ok(files) => spool.files = files.into(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(folder = %spool.folder.display(), %error,
                    "cannot read the audit events that wait for the registry");
            }
        }
        spool.bytes = spool.files.iter().map(|file| file.bytes).sum();
        spool.measure();
        spool
    }

    async fn found(&self) -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        let mut entries = fs::read_dir(&self.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.ends_with(PARTIAL) {
                fs::remove_file(entry.path()).await?;
            } else if name.ends_with(WHOLE) {
                let bytes = entry.metadata().await?.len();
                files.push(File { name, bytes });
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Keeps a batch of so many events; names sort by age. Drops the oldest where there is no room.
    pub async fn push(&mut self, name: &str, body: &[u8], events: u64) {
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if bytes > self.most {
            dropped("spool", events);
            return;
        }
        while self.bytes + bytes > self.most {
            let gone = self.pop().await;
            dropped("spool", gone);
        }
        let name = format!("{name}-{events}{WHOLE}");
        match write(&self.folder, &name, body).await {
            Ok(()) => {
                self.files.push_back(File { name, bytes });
                self.bytes += bytes;
                self.measure();
            }
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error,
                    "cannot keep audit events for the registry");
                dropped("disk", events);
            }
        }
    }

    /// The oldest batch, as it lies there, and its file's name.
    pub async fn first(&mut self) -> Option<(String, Vec<u8>)> {
        while let Some(file) = self.files.front() {
            match fs::read(self.folder.join(&file.name)).await {
                Ok(body) => return Some((file.name.clone(), body)),
                Err(error) => {
                    tracing::warn!(file = file.name, %error, "cannot read audit events back");
                    let gone = self.pop().await;
                    dropped("disk", gone);
                }
            }
        }
        None
    }

    /// Forgets the oldest batch if it is still this one; how many events it had.
    pub async fn remove(&mut self, name: &str) -> u64 {
        match self.files.front() {
            Some(file) if file.name == name => self.pop().await,
            Some(_) | None => 0,
        }
    }

    /// Forgets the oldest batch; how many events it had.
    async fn pop(&mut self) -> u64 {
        let Some(file) = self.files.pop_front() else {
            return 0;
        };
        self.bytes -= file.bytes;
        self.measure();
        if let Err(error) = fs::remove_file(self.folder.join(&file.name)).await {
            tracing::warn!(file = file.name, %error, "cannot remove audit events that were sent");
        }
        let events = file.name.trim_end_matches(WHOLE).rsplit('-').next();
        events.and_then(|events| events.parse().ok()).unwrap_or(1)
    }

    fn measure(&self) {
        // A double holds whole bytes exactly until far beyond any disk.
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 bytes")]
        metrics::gauge!(SPOOLED).set(self.bytes as f64);
    }
}

async fn write(folder: &Path, name: &str, body: &[u8]) -> io::Result<()> {
    let mut making = fs::DirBuilder::new();
    making.recursive(true).mode(0o700).create(folder).await?;
    let partial = folder.join(format!("{name}{PARTIAL}"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .await?;
    file.write_all(body).await?;
    file.sync_all().await?;
    drop(file);
    fs::rename(&partial, folder.join(name)).await
}

const WHOLE: &str = ".json";
const PARTIAL: &str = ".tmp";

#[cfg(test)]
mod tests {
    use super::*;

    async fn drained(mut spool: Spool) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some((name, body)) = spool.first().await {
            all.push(body);
            assert_eq!(spool.remove("another").await, 0);
            assert_eq!(spool.remove(&name).await, 1);
        }
        all
    }

    #[tokio::test]
    async fn batches_come_back_in_order_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("spool");
        let mut spool = Spool::open(folder.clone(), 1_000).await;
        for (name, body) in [("a-1", "one"), ("a-2", "two"), ("b-1", "three")] {
            spool.push(name, body.as_bytes(), 1).await;
        }
        std::fs::write(folder.join("c-1-1.json.tmp"), "half").unwrap();
        let again = Spool::open(folder.clone(), 1_000).await;
        assert_eq!(drained(again).await, [&b"one"[..], b"two", b"three"]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_oldest_makes_room_for_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path().to_owned(), 10).await;
        for number in 0..5 {
            spool.push(&format!("a-{number}"), b"1234", 7).await;
        }
        spool.push("a-9", &[0; 11], 7).await;
        assert_eq!(spool.bytes, 8);
        assert!(spool.files.iter().all(|file| file.bytes == 4));
        assert_eq!(spool.pop().await, 7, "its number of events");
        let names: Vec<&str> = spool.files.iter().map(|file| &*file.name).collect();
        assert_eq!(names, ["a-4-7.json"]);
    }

    #[tokio::test]
    async fn nobody_else_may_read_what_waits() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("spool");
        let mut spool = Spool::open(folder.clone(), 1_000).await;
        spool.push("a-1", b"x", 1).await;
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.clone()), 0o700);
        assert_eq!(mode(folder.join("a-1-1.json")), 0o600);
    }
}
