//! Secrets at rest: AES-256-GCM under a key derived from the operator's secret.
//!
//! A sealed value names the key that sealed it and is bound to its place (table, column, row), so
//! that a value moved to another row does not open. What does not open is an error, never garbage.
//!
//! Layout: format byte, key id (8), nonce (12), ciphertext with tag (16 more).

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::store::StoreConfig;
use crate::domain::secret::Secret;

/// Seals and opens what must not lie on a disk in the clear. Clones share the key.
#[derive(Clone)]
pub struct Sealer(Arc<Key>);

struct Key {
    id: KeyId,
    key: RandomizedNonceKey,
}

/// Names a key without telling anything of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; ID_LENGTH]);

/// The place of a sealed value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// `table.column`.
    pub(super) column: &'static str,
    /// Key of the row.
    pub(super) row: &'a str,
}

impl Sealer {
    /// From the operator's `SECRET_KEY`.
    ///
    /// # Errors
    /// [`KeyError::Short`] under 16 characters: whoever gets the database could guess it.
    pub fn from_secret(secret: &str) -> Result<Self, KeyError> {
        if secret.chars().count() < MIN_CHARACTERS {
            return Err(KeyError::Short);
        }
        let root = Salt::new(HKDF_SHA256, b"mcp store").extract(secret.as_bytes());
        let derive = |purpose: &'static [u8]| {
            let mut bytes = [0; 32];
            root.expand(&[purpose], HKDF_SHA256)
                .and_then(|key| key.fill(&mut bytes))
                .map_err(|_| KeyError::Derive)
                .map(|()| bytes)
        };
        let id = derive(b"key id")?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &derive(b"sealing key")?)
            .map_err(|_| KeyError::Derive)?;
        let id = id.first_chunk().copied().ok_or(KeyError::Derive)?;
        Ok(Self(Arc::new(Key { id: KeyId(id), key })))
    }

    /// From `SECRET_KEY` where the operator gave one, else from a key kept in the data directory.
    ///
    /// # Errors
    /// [`KeyError::Shared`] where replicas share a PostgreSQL and so must share the key.
    pub fn from_settings(
        store: &StoreConfig,
        secret_key: Option<&Secret<String>>,
        data_dir: &Path,
    ) -> Result<Self, KeyError> {
        match (secret_key, &store.database_url) {
            (Some(secret), _) => Self::from_secret(secret.expose()),
            (None, Some(_)) => Err(KeyError::Shared),
            (None, None) => Self::from_secret(secret_key_file(data_dir)?.expose()),
        }
    }

    /// Names the key.
    pub fn key_id(&self) -> KeyId {
        self.0.id
    }

    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut body = plain.to_vec();
        let nonce = self
            .0
            .key
            .seal_in_place_append_tag(place.aad(), &mut body)
            .map_err(|_| SealError::Seal)?;
        let mut sealed = Vec::with_capacity(HEAD_LENGTH + body.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.0.id.0);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        Ok(sealed)
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (format, rest) = sealed.split_first().ok_or(SealError::Format)?;
        let (id, rest) = rest.split_first_chunk().ok_or(SealError::Format)?;
        let (nonce, body) = rest
            .split_first_chunk::<NONCE_LENGTH>()
            .ok_or(SealError::Format)?;
        if *format != FORMAT {
            return Err(SealError::Format);
        }
        if KeyId(*id) != self.0.id {
            return Err(SealError::OtherKey {
                sealed_with: KeyId(*id),
                have: self.0.id,
            });
        }
        let mut body = body.to_vec();
        let plain = self
            .0
            .key
            .open_in_place(Nonce::from(nonce), place.aad(), &mut body)
            .map_err(|_| SealError::Altered)?
            .len();
        body.truncate(plain);
        Ok(body)
    }
}

impl Place<'_> {
    fn aad(self) -> Aad<Vec<u8>> {
        let mut bytes = self.column.as_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(self.row.as_bytes());
        Aad::from(bytes)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Sealer").field(&self.0.id).finish()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Reads `secret-key` in the data directory, and makes it (0600) where there is none yet.
///
/// # Errors
/// [`KeyError::Lost`] when a database is there and its key is not: a new key could not open it.
pub fn secret_key_file(data_dir: &Path) -> Result<Secret<String>, KeyError> {
    let path = data_dir.join(SECRET_KEY_FILE);
    let failed = |source| KeyError::File {
        path: path.clone(),
        source,
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            super::sqlite::make_private(&path).map_err(failed)?;
            let text = text.trim();
            if text.chars().count() < MIN_CHARACTERS {
                let source = io::Error::new(io::ErrorKind::InvalidData, "the key in it is cut off");
                return Err(failed(source));
            }
            return Ok(Secret::new(text.to_owned()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if data_dir.join(super::sqlite::DATABASE_FILE).exists() {
        return Err(KeyError::Lost { path });
    }
    super::sqlite::make_private_directory(data_dir).map_err(failed)?;
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Derive)?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    write_once(&path, text.as_bytes()).map_err(failed)?;
    Ok(Secret::new(text))
}

/// Appears whole or not at all, so that a crash leaves no half key.
fn write_once(path: &Path, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    super::sqlite::private_mode(&mut options);
    let mut file = options.open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    super::sqlite::sync_directory(path)
}

/// Why there is no key to seal with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Too short to protect anything.
    #[error(
        "SECRET_KEY is shorter than {MIN_CHARACTERS} characters; set a longer random one, such as from `openssl rand -base64 32`"
    )]
    Short,
    /// PostgreSQL without a key of the operator.
    #[error(
        "SECRET_KEY is not set, and with PostgreSQL it must be: every replica needs the same; set it to the same random text on each, such as from `openssl rand -base64 32`"
    )]
    Shared,
    /// The key's file could not be read or made.
    #[error(
        "cannot read or make the key file {path}; check its owner and permissions, or set SECRET_KEY"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// There is a database, and its key is gone.
    #[error(
        "there is a database but no key file {path}; restore that file, or set SECRET_KEY to what it was when the database was made"
    )]
    Lost {
        /// The file that should be there.
        path: PathBuf,
    },
    /// The cryptographic library failed.
    #[error("cannot derive the sealing key")]
    Derive,
}

/// Why a value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a sealed value, or one of a later version.
    #[error("not a sealed value that this version knows")]
    Format,
    /// Sealed with another key.
    #[error(
        "sealed with key {sealed_with}, and SECRET_KEY gives key {have}; set SECRET_KEY (or restore secret-key in DATA_DIR) to what it was when the database was made"
    )]
    OtherKey {
        /// The key it needs.
        sealed_with: KeyId,
        /// The key at hand.
        have: KeyId,
    },
    /// Changed, or moved from another row.
    #[error("the sealed value was altered, or belongs to another row")]
    Altered,
    /// The cryptographic library failed.
    #[error("cannot seal the value")]
    Seal,
}

const SECRET_KEY_FILE: &str = "secret-key";
const MIN_CHARACTERS: usize = 16;
const FORMAT: u8 = 1;
const ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 12;
const HEAD_LENGTH: usize = 1 + ID_LENGTH + NONCE_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        column: "servers.headers",
        row: "/a",
    };

    fn sealer() -> Sealer {
        Sealer::from_secret("correct horse battery").unwrap()
    }

    #[test]
    fn opens_what_it_sealed_and_never_seals_twice_the_same() {
        let one = sealer().seal(PLACE, b"token").unwrap();
        let two = sealer().seal(PLACE, b"token").unwrap();
        assert_ne!(one, two);
        assert_eq!(sealer().open(PLACE, &one).unwrap(), b"token");
        assert!(!one.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_refused() {
        let sealed = sealer().seal(PLACE, b"token").unwrap();
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(sealer().open(PLACE, &altered).is_err(), "byte {index}");
            assert!(
                sealer().open(PLACE, &sealed[..index]).is_err(),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn a_value_moved_to_another_row_does_not_open() {
        let sealed = sealer().seal(PLACE, b"token").unwrap();
        let moved = Place { row: "/b", ..PLACE };
        assert_eq!(sealer().open(moved, &sealed), Err(SealError::Altered));
    }

    #[test]
    fn another_key_is_named_as_such() {
        let sealed = sealer().seal(PLACE, b"token").unwrap();
        let other = Sealer::from_secret("another secret key").unwrap();
        let expected = SealError::OtherKey {
            sealed_with: sealer().key_id(),
            have: other.key_id(),
        };
        assert_eq!(other.open(PLACE, &sealed), Err(expected));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(matches!(
            Sealer::from_secret("secret"),
            Err(KeyError::Short)
        ));
    }

    #[test]
    fn a_generated_key_is_kept_private_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("data");
        let key = secret_key_file(&data_dir).unwrap();
        assert_eq!(key, secret_key_file(&data_dir).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&data_dir.join(SECRET_KEY_FILE)), 0o600);
            assert_eq!(mode(&data_dir), 0o700);
        }
    }

    #[test]
    fn no_new_key_is_made_beside_an_existing_database() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("state.db"), b"x").unwrap();
        assert!(matches!(
            secret_key_file(dir.path()),
            Err(KeyError::Lost { .. })
        ));
        assert!(!dir.path().join(SECRET_KEY_FILE).exists());
    }

    #[test]
    fn a_key_file_that_was_cut_off_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(SECRET_KEY_FILE);
        for content in ["", "short\n"] {
            std::fs::write(&file, content).unwrap();
            assert!(matches!(
                secret_key_file(dir.path()),
                Err(KeyError::File { .. })
            ));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        }
    }

    #[test]
    fn postgres_needs_a_key_of_the_operator() {
        let dir = tempfile::tempdir().unwrap();
        let config = StoreConfig {
            database_url: Some(Secret::new("postgres://db/mcp".to_owned())),
            connections: 4,
        };
        let none = Sealer::from_settings(&config, None, dir.path());
        assert!(matches!(none, Err(KeyError::Shared)));
        assert!(!dir.path().join(SECRET_KEY_FILE).exists());
    }
}
