//! The last good snapshot on disk, so that a gateway can start while its registry is away.
//!
//! One line of [`wire`](super::wire), so that secrets are sealed and every bit is covered by a MAC
//! with the gateway token. Promises: the file is always a whole one (written beside, synced, moved
//! over), only its owner may read it, and whatever lies there instead is ignored with its reason.
//! Must not be called from a data thread: both functions block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::snapshot::Snapshot;
use super::wire::{self, Codec, Message};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// Where the last good snapshot lies.
#[derive(Clone, Debug)]
pub struct Disk {
    file: PathBuf,
    codec: Codec,
    limit: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// When it was written.
    pub written_at: Timestamp,
}

/// Why nothing could be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a file that is not a snapshot of ours, is damaged, or is from another token.
    #[error("the stored snapshot {file} is ignored: {source}")]
    Content {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: wire::Error,
    },
    /// There is a file that is larger than any snapshot may be.
    #[error("the stored snapshot {file} is ignored: it is larger than {limit} bytes")]
    TooLarge {
        /// Which file.
        file: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The system refused; permissions, space, a missing folder.
    #[error(
        "the stored snapshot {file} cannot be {verb}; check the folder's owner, rights and free space: {source}"
    )]
    System {
        /// Which file.
        file: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl Disk {
    /// Keeps it in `file`, sealed with a key derived from `token`, refusing to read more than
    /// `limit` bytes.
    pub fn new(file: impl Into<PathBuf>, token: Secret<String>, limit: usize) -> Self {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Self {
            file: file.into(),
            codec: Codec::new(token),
            limit,
        }
    }

    /// What was kept; `None` where there is no file.
    ///
    /// # Errors
    /// Why what lies there cannot be used.
    pub fn load(&self) -> Result<Option<Kept>, Error> {
        let (line, written_at) = match self.read() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.system("read", source)),
        };
        if u64::try_from(line.len()).unwrap_or(u64::MAX) > self.limit {
            return Err(Error::TooLarge {
                file: self.file.clone(),
                limit: self.limit,
            });
        }
        match self.codec.read(&line, None) {
            Ok(Message::Full(snapshot)) => Ok(Some(Kept {
                snapshot,
                written_at,
            })),
            Ok(_) => Err(self.content(wire::Error::Mac)),
            Err(source) => Err(self.content(source)),
        }
    }

    /// Keeps a snapshot in place of the one before.
    ///
    /// # Errors
    /// The one before stays whole.
    pub fn save(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let line = self
            .codec
            .full(snapshot)
            .map_err(|source| self.content(source))?;
        self.replace(&line)
            .map_err(|source| self.system("written", source))
    }

    /// Which file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn read(&self) -> io::Result<(Vec<u8>, Timestamp)> {
        let file = File::open(&self.file)?;
        let modified = file.metadata()?.modified()?;
        let age = modified
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let mut line = Vec::new();
        file.take(self.limit.saturating_add(1))
            .read_to_end(&mut line)?;
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        Ok((line, Timestamp::from_unix(seconds)))
    }

    fn replace(&self, line: &[u8]) -> io::Result<()> {
        let folder = match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let beside = self.file.with_extension("tmp");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY)
            .open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(OWNER_ONLY))?;
        file.write_all(line)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, &self.file)?;
        File::open(folder)?.sync_all()
    }

    fn system(&self, verb: &'static str, source: io::Error) -> Error {
        Error::System {
            file: self.file.clone(),
            verb,
            source,
        }
    }

    fn content(&self, source: wire::Error) -> Error {
        Error::Content {
            file: self.file.clone(),
            source,
        }
    }
}

const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests;
