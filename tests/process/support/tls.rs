//! TLS as a client of a private CA speaks it, and certificates to serve.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A TLS client's stream.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A connection to `localhost` over `socket`, handshake done.
pub(crate) fn client(mut socket: TcpStream, ca: &Path) -> io::Result<Stream> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(io::Error::other)? {
        roots
            .add(certificate.map_err(io::Error::other)?)
            .map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// The leaf certificate that a new handshake is shown.
pub(crate) fn leaf(address: SocketAddr, ca: &Path) -> io::Result<Vec<u8>> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(super::PATIENCE))?;
    let stream = client(socket, ca)?;
    let chain = stream.conn.peer_certificates().unwrap_or_default();
    chain
        .first()
        .map(|leaf| leaf.to_vec())
        .ok_or_else(|| io::Error::other("no certificate"))
}

/// A CA and the two files that a server reads.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// With its files in `folder`; no leaf yet.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, issuer.pem()).unwrap();
        Self {
            issuer,
            ca,
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        }
    }

    /// A new leaf for `localhost`, written as a renewal writes: beside, then renamed. Its DER.
    pub(crate) fn issue(&self) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        replace(&self.key, key.serialize_pem().as_bytes());
        replace(&self.cert, leaf.pem().as_bytes());
        leaf.der().to_vec()
    }

    /// A certificate file that is none.
    pub(crate) fn spoil(&self) {
        replace(
            &self.cert,
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
    }
}

fn replace(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;

    let fresh = path.with_extension("new");
    std::fs::write(&fresh, content).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&fresh, path).unwrap();
}
