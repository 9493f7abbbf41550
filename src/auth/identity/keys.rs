//! The keys of one gateway: made at its first start, kept in one file of the data directory that
//! only its owner may read, followed by new ones from time to time.
//!
//! Promises: what signs now has been published for [`LEAD`], unless there is nothing else; what
//! signed is published for [`LEAD`] longer than it was used. So no server that keeps key sets for
//! minutes ever meets a key that it could not know. [`IdentityKeys::open`] and
//! [`IdentityKeys::turn`] block: not for data threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::watch;

use crate::auth::signing::SigningKey;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trust::TokenKey;

/// The keys of this process.
#[derive(Debug)]
pub struct IdentityKeys {
    file: PathBuf,
    clock: Clock,
    /// Seconds after which a key is followed by another.
    life: i64,
    /// Oldest first, never empty.
    keys: ArcSwap<Vec<Arc<Key>>>,
    /// Their public halves.
    public: watch::Sender<Vec<TokenKey>>,
}

#[derive(Debug)]
struct Key {
    made_at: Timestamp,
    private: Secret<Vec<u8>>,
    pair: SigningKey,
}

/// Keys that can be neither read nor made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the keys in {} cannot be {verb}; check who owns the folder, its permissions and free space, or remove the file to have a new key made",
    file.display()
)]
pub struct Error {
    file: PathBuf,
    verb: &'static str,
    #[source]
    source: io::Error,
}

impl IdentityKeys {
    /// The keys in `file`, one made now where there is none; each is followed after `life`.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn open(file: PathBuf, clock: Clock, life: Duration) -> Result<Self, Error> {
        let error = |verb, source| Error {
            file: file.clone(),
            verb,
            source,
        };
        let found = read(&file).map_err(|source| error("read", source))?;
        let keys = if found.is_empty() {
            let made = vec![Arc::new(
                Key::new(clock.now()).map_err(|source| error("written", source))?,
            )];
            write(&file, &made).map_err(|source| error("written", source))?;
            tracing::info!(file = %file.display(), "made a key for the identity of callers");
            made
        } else {
            found
        };
        Ok(Self {
            public: watch::Sender::new(public(&keys)),
            life: seconds(life),
            keys: ArcSwap::from_pointee(keys),
            file,
            clock,
        })
    }

    /// What signs now.
    pub fn signing(&self, now: Timestamp) -> Option<SigningNow> {
        let keys = self.keys.load();
        let known = |key: &&Arc<Key>| key.made_at.plus_seconds(seconds(LEAD)) <= now;
        let key = keys.iter().rev().find(known).or_else(|| keys.first())?;
        Some(SigningNow(Arc::clone(key)))
    }

    /// The public halves of all, those to come and those that have signed included.
    pub fn public(&self) -> Vec<TokenKey> {
        self.public.borrow().clone()
    }

    /// Hears of each change of these.
    pub fn subscribe(&self) -> watch::Receiver<Vec<TokenKey>> {
        self.public.subscribe()
    }

    /// Makes the next key and forgets old ones, where that is due; whether something changed.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn turn(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let before = self.keys.load_full();
        let error = |source| Error {
            file: self.file.clone(),
            verb: "written",
            source,
        };
        let gone = 2 * seconds(LEAD);
        let mut keys: Vec<Arc<Key>> = before
            .iter()
            .enumerate()
            .filter(|(place, _)| {
                let follower = before.get(place + 1);
                follower.is_none_or(|next| next.made_at.plus_seconds(gone) > now)
            })
            .map(|(_, key)| Arc::clone(key))
            .collect();
        let newest = keys.last().map(|key| key.made_at);
        if newest.is_none_or(|made_at| made_at.plus_seconds(self.life) <= now) {
            keys.push(Arc::new(Key::new(now).map_err(error)?));
        }
        let same = keys.len() == before.len()
            && keys
                .iter()
                .zip(before.iter())
                .all(|(one, other)| Arc::ptr_eq(one, other));
        if same {
            return Ok(false);
        }
        write(&self.file, &keys).map_err(error)?;
        tracing::info!(
            keys = keys.len(),
            "turned the keys for the identity of callers"
        );
        self.public.send_replace(public(&keys));
        self.keys.store(Arc::new(keys));
        Ok(true)
    }
}

fn public(keys: &[Arc<Key>]) -> Vec<TokenKey> {
    keys.iter().map(|key| key.pair.public().clone()).collect()
}

/// A key while it is in use.
#[derive(Clone, Debug)]
pub struct SigningNow(Arc<Key>);

impl std::ops::Deref for SigningNow {
    type Target = SigningKey;

    fn deref(&self) -> &SigningKey {
        &self.0.pair
    }
}

impl Key {
    fn new(made_at: Timestamp) -> io::Result<Self> {
        let private = SigningKey::generate().map_err(io::Error::other)?;
        Self::of(made_at, private)
    }

    fn of(made_at: Timestamp, private: Secret<Vec<u8>>) -> io::Result<Self> {
        let pair = SigningKey::parse(&private)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "a line holds no P-256 key"))?;
        Ok(Self {
            made_at,
            private,
            pair,
        })
    }

    /// `UNIX-SECONDS PKCS8`.
    fn parse(line: &str) -> io::Result<Self> {
        let malformed =
            || io::Error::new(ErrorKind::InvalidData, "a line is not a moment and a key");
        let (made_at, key) = line.split_once(' ').ok_or_else(malformed)?;
        let made_at = made_at.parse().map_err(|_| malformed())?;
        let key = URL_SAFE_NO_PAD.decode(key).map_err(|_| malformed())?;
        Self::of(Timestamp::from_unix(made_at), Secret::new(key))
    }
}

fn read(file: &Path) -> io::Result<Vec<Arc<Key>>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines = text.expose().lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| Key::parse(line).map(Arc::new))
        .collect()
}

/// Written beside and moved over, so that a crash leaves the old ones or the new ones.
fn write(file: &Path, keys: &[Arc<Key>]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    for key in keys {
        let private = URL_SAFE_NO_PAD.encode(key.private.expose());
        writeln!(out, "{} {private}", key.made_at.unix())?;
    }
    out.sync_all()?;
    fs::rename(&beside, file)?;
    match file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// How long a key is published before it signs, and after. Longer than key sets are kept.
pub const LEAD: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const MONTH: Duration = Duration::from_hours(720);

    fn open(folder: &Path, clock: &Clock) -> IdentityKeys {
        IdentityKeys::open(folder.join("identity-keys"), clock.clone(), MONTH).unwrap()
    }

    fn signs(keys: &IdentityKeys, clock: &Clock) -> String {
        keys.signing(clock.now()).unwrap().public().kid.clone()
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_unix(1_000_000));
        let first = open(folder.path(), &clock);
        let file = folder.path().join("identity-keys");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(first.public().len(), 1);
        assert_eq!(signs(&first, &clock), first.public()[0].kid);
        assert_eq!(open(folder.path(), &clock).public(), first.public());
        assert!(!first.turn().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_known_before_it_signs_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_unix(1_000_000));
        let keys = open(folder.path(), &clock);
        let old = signs(&keys, &clock);
        clock.advance(seconds(MONTH));
        assert!(keys.turn().unwrap());
        assert_eq!(keys.public().len(), 2);
        assert_eq!(signs(&keys, &clock), old, "not known to everybody yet");
        clock.advance(seconds(LEAD));
        let new = signs(&keys, &clock);
        assert_ne!(new, old);
        assert!(!keys.turn().unwrap());
        assert_eq!(keys.public().len(), 2, "what it signed still counts");
        assert_eq!(open(folder.path(), &clock).public(), keys.public());
        clock.advance(seconds(LEAD));
        assert!(keys.turn().unwrap());
        assert_eq!(keys.public().len(), 1);
        assert_eq!(signs(&keys, &clock), new);
        assert_eq!(open(folder.path(), &clock).public(), keys.public());
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity-keys");
        for text in ["nonsense", "1 nonsense", "x AAAA", "1 AAAA"] {
            fs::write(&file, text).unwrap();
            let clock = Clock::manual(Timestamp::from_unix(1));
            let error = IdentityKeys::open(file.clone(), clock, MONTH).unwrap_err();
            assert!(error.to_string().contains("identity-keys"), "{text}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
