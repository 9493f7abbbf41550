//! Connect, full handshake, close, and again.
//!
//! The certificate is not looked at, so that this side stays cheap.

use crate::clock;
use crate::histogram::Histogram;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[derive(clap::Args)]
pub struct Options {
    /// Address of the proxy.
    #[arg(long)]
    to: String,
    #[arg(long)]
    seconds: f64,
    /// Handshakes at once.
    #[arg(long, default_value_t = 8)]
    parallel: usize,
}

/// Prints `START`, the figures at the end.
pub async fn run(options: Options) -> io::Result<()> {
    let connector = TlsConnector::from(Arc::new(settings().map_err(io::Error::other)?));
    let (delays, failed) = (
        Rc::new(RefCell::new(Histogram::new())),
        Rc::new(Cell::new(0)),
    );
    println!("START");
    let end = clock::now() + clock::nanoseconds(options.seconds);
    let callers: Vec<_> = (0..options.parallel)
        .map(|_| {
            let (connector, to, delays, failed) = (
                connector.clone(),
                options.to.clone(),
                Rc::clone(&delays),
                Rc::clone(&failed),
            );
            tokio::task::spawn_local(async move {
                while clock::now() < end {
                    let since = clock::now();
                    match handshake(&connector, &to).await {
                        Ok(()) => delays.borrow_mut().add(clock::now() - since),
                        Err(_) => failed.set(failed.get() + 1),
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.map_err(io::Error::other)?;
    }
    let delays = delays.borrow();
    println!(
        r#"{{"count":{},"failed":{},{}}}"#,
        delays.count(),
        failed.get(),
        delays.members()
    );
    Ok(())
}

async fn handshake(connector: &TlsConnector, to: &str) -> io::Result<()> {
    let stream = TcpStream::connect(to).await?;
    // Closing sends a reset: no port is left waiting, so they do not run out.
    stream.set_zero_linger()?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    connector.connect(name, stream).await?.flush().await
}

fn settings() -> Result<ClientConfig, rustls::Error> {
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![rustls::crypto::aws_lc_rs::kx_group::X25519],
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let mut settings = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth();
    settings.resumption = rustls::client::Resumption::disabled();
    Ok(settings)
}

#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}
