//! Which authorities are trusted for outgoing TLS.
//!
//! Promises: the built-in Mozilla roots always, the operator's files in addition; verification is on
//! unless one definition says `insecure`. Start reading at [`Roots::load`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Authorities that could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be read.
    #[error("cannot read the authorities file {} ({label}): {source}", path.display())]
    Unreadable {
        /// The setting.
        label: &'static str,
        /// Its value.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The text is not PEM with certificates.
    #[error("{origin} has no usable certificate: {reason}; it must be PEM (BEGIN CERTIFICATE)")]
    Unusable {
        /// The file, or which definition.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// rustls refused the settings.
    #[error("cannot set up outgoing TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The built-in roots and the operator's own.
#[derive(Clone)]
pub struct Roots(Arc<RootCertStore>);

impl fmt::Debug for Roots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Roots({})", self.0.len())
    }
}

impl Roots {
    /// The built-in ones only.
    pub fn built_in() -> Self {
        Self(Arc::new(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        }))
    }

    /// The built-in ones and those of the files, each given with its setting's name.
    ///
    /// # Errors
    /// When a file cannot be read or has no usable certificate.
    pub fn load<'a>(
        files: impl IntoIterator<Item = (&'static str, &'a Path)>,
    ) -> Result<Self, RootsError> {
        let mut store = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for (label, path) in files {
            let pem = std::fs::read(path).map_err(|source| RootsError::Unreadable {
                label,
                path: path.to_owned(),
                source,
            })?;
            extend(&mut store, &pem, || format!("{} ({label})", path.display()))?;
        }
        Ok(Self(Arc::new(store)))
    }

    /// These and those of a PEM text.
    ///
    /// # Errors
    /// When the text has no usable certificate.
    pub fn with_pem(&self, pem: &str, origin: &str) -> Result<Self, RootsError> {
        let mut store = RootCertStore::clone(&self.0);
        extend(&mut store, pem.as_bytes(), || origin.to_owned())?;
        Ok(Self(Arc::new(store)))
    }

    /// For rustls.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }
}

fn extend(
    store: &mut RootCertStore,
    pem: &[u8],
    origin: impl Fn() -> String,
) -> Result<(), RootsError> {
    let unusable = |reason: String| RootsError::Unusable {
        origin: origin(),
        reason,
    };
    let mut any = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
        any = true;
    }
    if any {
        Ok(())
    } else {
        Err(unusable("it holds none".to_owned()))
    }
}

/// The one crypto provider, given explicitly wherever rustls asks.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Settings of outgoing TLS: `extra_ca_pem` is trusted in addition; `insecure` checks no certificate
/// at all and must be shown wherever the definition is; `alpn` is offered in this order.
///
/// # Errors
/// When `extra_ca_pem` has no usable certificate.
pub fn client_config(
    roots: &Roots,
    extra_ca_pem: Option<&str>,
    insecure: bool,
    alpn: &[&[u8]],
) -> Result<Arc<ClientConfig>, RootsError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = if insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms)))
            .with_no_client_auth()
    } else {
        let roots = match extra_ca_pem {
            Some(pem) => roots.with_pem(pem, "tls.ca")?,
            None => roots.clone(),
        };
        builder
            .with_root_certificates(roots.store())
            .with_no_client_auth()
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// `insecure`: takes any certificate, but the peer must hold its key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
