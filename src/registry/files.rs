//! Secrets generated into files of the data directory: readable by their owner only, made once.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::secret::Secret;

/// The text of a secret file; made with `bytes` random bytes where it is missing. The flag tells
/// whether it was made now.
pub(super) fn secret(path: &Path, bytes: usize) -> Result<(Secret<String>, bool), Error> {
    match read(path) {
        Ok(Some(text)) => return Ok((text, false)),
        Ok(None) => {}
        Err(source) => {
            return Err(Error {
                path: path.to_owned(),
                source,
            });
        }
    }
    make(path, bytes)
        .map(|text| (text, true))
        .map_err(|source| Error {
            path: path.to_owned(),
            source,
        })
}

/// Writes a new secret over what was there.
pub(super) fn replace(path: &Path, bytes: usize) -> Result<Secret<String>, Error> {
    make(path, bytes).map_err(|source| Error {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> std::io::Result<Option<Secret<String>>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_string(&mut text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(std::io::Error::new(
            ErrorKind::InvalidData,
            "the file is empty; delete it to have a new one made",
        ));
    }
    Ok(Some(Secret::new(text.to_owned())))
}

/// Written beside and renamed, so that a crash leaves none or a whole one.
fn make(path: &Path, bytes: usize) -> std::io::Result<Secret<String>> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| std::io::Error::other("no randomness"))?;
    let text = URL_SAFE_NO_PAD.encode(&random);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(Secret::new(text))
}

/// A secret file that can be neither read nor made.
#[derive(Debug, thiserror::Error)]
#[error("could not read or make {}; check who owns the folder and its permissions", path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn makes_a_secret_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/token");
        let (first, made) = secret(&path, 32).unwrap();
        assert!(made && first.expose().len() >= 43);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(secret(&path, 32).unwrap(), (first, false));
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn refuses_an_empty_file_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "\n").unwrap();
        assert!(secret(&path, 32).unwrap_err().to_string().contains("token"));
    }
}
