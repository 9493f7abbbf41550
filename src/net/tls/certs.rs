//! The certificate in use, and how it is replaced.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::error::{Problem, Role, TlsError};
use super::load::{CertInfo, Loaded, is_world_readable, load, read};
use super::source::{TlsFiles, TlsSource};
use super::watch::Watcher;
use crate::config::TlsConfig;
use crate::domain::time::Clock;
use crate::net::roots::provider;

/// What a reload did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The files are those in use.
    Unchanged,
    /// New handshakes get the new certificate.
    Taken,
}

/// A listener's certificate, which can be replaced while it serves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerCerts(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) source: TlsSource,
    pub(super) clock: Clock,
    files: TlsFiles,
    current: Arc<ArcSwap<Loaded>>,
    config: Arc<ServerConfig>,
    changes: watch::Sender<u64>,
    watcher: Mutex<Watcher>,
}

impl ServerCerts {
    /// What the settings ask for; `None`: no TLS.
    ///
    /// # Errors
    /// When the certificate cannot serve: file, reason, remedy.
    pub fn from_config(
        config: &TlsConfig,
        data_dir: &Path,
        clock: &Clock,
    ) -> Result<Option<Self>, TlsError> {
        TlsSource::resolve(config, data_dir)
            .map(|source| Self::load(source, clock.clone()))
            .transpose()
    }

    /// Loads the certificate, which must be able to serve now.
    ///
    /// # Errors
    /// When it cannot: file, reason, remedy.
    pub fn load(source: TlsSource, clock: Clock) -> Result<Self, TlsError> {
        let files = source.files(&clock)?;
        let loaded = load(&files, &read(&files)?, clock.now())?;
        warn_about(&files, &loaded.info, &clock);
        let current = Arc::new(ArcSwap::from_pointee(loaded));
        let config = server_config(Resolver(Arc::clone(&current)))?;
        let certs = Self(Arc::new(Inner {
            source,
            clock,
            files,
            current,
            config: Arc::new(config),
            changes: watch::Sender::new(0),
            watcher: Mutex::default(),
        }));
        let info = certs.info();
        tracing::info!(
            tls.names = ?info.names,
            tls.expires = info.not_after.to_rfc3339(),
            tls.fingerprint = info.fingerprint,
            "certificate in use"
        );
        certs.observe();
        Ok(certs)
    }

    /// For rustls: TLS 1.2 and 1.3, h2 and http/1.1, rotating session tickets, no early data.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.config)
    }

    /// For tokio.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.server_config())
    }

    /// The certificate in use.
    pub fn info(&self) -> CertInfo {
        self.0.current.load().info.clone()
    }

    /// Counts the certificates taken since the start.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Looks at the files now. Blocks on the disk.
    ///
    /// # Errors
    /// Why the new files cannot serve; the old certificate stays.
    pub fn reload_now(&self) -> Result<Reload, TlsError> {
        let inner = &self.0;
        let contents = read(&inner.files)?;
        if contents.digest == inner.current.load().digest {
            return Ok(Reload::Unchanged);
        }
        let now = inner.clock.now();
        let loaded = load(&inner.files, &contents, now)?;
        if loaded.info.not_before > now {
            let early = Problem::NotYetValid(loaded.info.not_before);
            return Err(Role::Certificate.fault(&inner.files.certificate, early));
        }
        warn_about(&inner.files, &loaded.info, &inner.clock);
        tracing::info!(
            tls.names = ?loaded.info.names,
            tls.expires = loaded.info.not_after.to_rfc3339(),
            tls.fingerprint = loaded.info.fingerprint,
            "new certificate in use"
        );
        inner.current.store(Arc::new(loaded));
        inner.changes.send_modify(|count| *count += 1);
        self.observe();
        Ok(Reload::Taken)
    }

    pub(super) fn watcher(&self) -> MutexGuard<'_, Watcher> {
        self.0
            .watcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells one content of the files from another without parsing it.
    pub(super) fn seen(&self) -> Result<[u8; 32], TlsError> {
        read(&self.0.files).map(|contents| contents.digest)
    }
}

fn server_config(resolver: Resolver) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Ticketer::new()?;
    config.max_early_data_size = 0;
    Ok(config)
}

/// What does not stop the service but should be known.
fn warn_about(files: &TlsFiles, info: &CertInfo, clock: &Clock) {
    if is_world_readable(&files.key) {
        tracing::warn!(
            tls.file = %files.key.display(),
            "everybody on this machine can read the private key; `chmod 600` it"
        );
    }
    if info.not_before > clock.now() {
        tracing::warn!(
            tls.valid_from = info.not_before.to_rfc3339(),
            "the certificate is not valid yet; check the machine's clock"
        );
    }
}

/// Hands the certificate of the moment to each new handshake.
#[derive(Debug)]
struct Resolver(Arc<ArcSwap<Loaded>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

#[cfg(test)]
mod tests;
