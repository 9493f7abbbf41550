//! Where the certificate comes from: files, or our own making.

use std::path::{Path, PathBuf};

use crate::config::TlsConfig;
use crate::config::tls::TlsMode;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;
use crate::net::dev_ca;

use super::error::TlsError;

/// A certificate chain and its key on disk.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// The leaf's private key, PEM.
    pub key: PathBuf,
    /// The key's password.
    pub password: Option<Secret<String>>,
}

/// Certificates of our own making.
#[derive(Clone, Debug)]
pub struct DevFiles {
    /// Where they are kept.
    pub directory: PathBuf,
    /// Names beside localhost and the machine's own.
    pub names: Vec<String>,
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum TlsSource {
    /// The operator's files.
    Files(TlsFiles),
    /// Our own making.
    Dev(DevFiles),
}

impl TlsSource {
    /// What the settings ask for; `None`: no TLS. Says in the log which it is.
    pub fn resolve(config: &TlsConfig, data_dir: &Path) -> Option<Self> {
        let files = || {
            tracing::info!(tls.certificate = %config.certfile.display(), "TLS with the certificate of a file");
            Some(Self::Files(TlsFiles {
                certificate: config.certfile.clone(),
                key: config.keyfile.clone(),
                password: config.keyfile_password.clone(),
            }))
        };
        let dev = || {
            let directory = data_dir.join("ssl").join("dev");
            tracing::info!(tls.directory = %directory.display(), "TLS with a certificate of our own making");
            Some(Self::Dev(DevFiles {
                directory,
                names: config.dev_names.clone(),
            }))
        };
        match (config.dev, config.enabled) {
            (true, _) => dev(),
            (false, TlsMode::Off) => None,
            (false, TlsMode::Files) => files(),
            (false, TlsMode::Auto) => match missing_of(config).as_slice() {
                [] => files(),
                missing => {
                    for (setting, path) in missing {
                        tracing::info!(
                            tls.setting = setting,
                            tls.file = %path.display(),
                            "no such file, so SSL_ENABLED=auto does not use the files"
                        );
                    }
                    dev()
                }
            },
        }
    }

    /// The files, made or renewed first where they are ours.
    pub(super) fn files(&self, clock: &Clock) -> Result<TlsFiles, TlsError> {
        match self {
            Self::Files(files) => Ok(files.clone()),
            Self::Dev(dev) => {
                let made = dev_ca::ensure(&dev.directory, &dev.names, clock)?;
                Ok(TlsFiles {
                    certificate: made.cert,
                    key: made.key,
                    password: None,
                })
            }
        }
    }
}

/// Which of the two files are not there. One that may not be looked at counts as there, so that the
/// reason is told instead of being passed over.
fn missing_of(config: &TlsConfig) -> Vec<(&'static str, &Path)> {
    [
        ("SSL_CERTFILE", config.certfile.as_path()),
        ("SSL_KEYFILE", config.keyfile.as_path()),
    ]
    .into_iter()
    .filter(|(_, path)| matches!(path.try_exists(), Ok(false)))
    .collect()
}
