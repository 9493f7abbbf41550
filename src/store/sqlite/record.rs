//! The lock against a second process, and beside it how many commits were acknowledged.
//!
//! The number is written after each commit and never forced to the disk: a process that is killed
//! leaves it exact, a power cut leaves it too low at worst. So a database that holds fewer commits
//! has lost acknowledged ones, as when its write-ahead log was not copied along.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::domain::ids::ClusterId;
use crate::store::sql::Commits;
use crate::store::unit::Found;

/// The locked file; the lock ends with it, or with the process.
#[derive(Debug)]
pub(super) struct Record(Mutex<File>);

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process has it.
    Held,
    /// The file cannot be used.
    File(io::Error),
}

impl Record {
    pub(super) fn lock(path: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        super::private_mode(&mut options);
        let file = options.open(path).map_err(LockError::File)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Mutex::new(file))),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(LockError::File(error)),
        }
    }

    /// What was noted; nothing in a new or unreadable file.
    pub(super) fn seen(&self) -> io::Result<Option<Found>> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))?;
        match (&*file).take(MAX_LENGTH).read_to_string(&mut text) {
            Ok(_) => Ok(parse(&text)),
            // Cut off in the middle of its first write.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes which database it is and how far it got.
    pub(super) fn note(&self, found: &Found) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = format!("{:020} commits of {}\n", found.commits.0, found.cluster);
        file.seek(SeekFrom::Start(0))?;
        // In place and in one piece: a full disk must not take away what was noted before.
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    /// Notes a commit. Same length as before, so that it needs no room on the disk.
    pub(super) fn count(&self, commits: Commits) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(format!("{:020}", commits.0).as_bytes()));
        if let Err(error) = noted {
            tracing::debug!(%error, "the number of commits was not noted");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // By name and not by closing alone: a child that is just being started holds a copy of the
        // descriptor for a moment.
        let file = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.unlock() {
            tracing::debug!(%error, "the database's lock ends with this process");
        }
    }
}

fn parse(text: &str) -> Option<Found> {
    let (commits, cluster) = text.trim_end().split_once(" commits of ")?;
    Some(Found {
        commits: Commits(commits.parse().ok()?),
        cluster: ClusterId(cluster.into()),
    })
}

const MAX_LENGTH: u64 = 256;
