use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::dial::connect_tls;

/// A server with a certificate for `localhost` of its own making, and that certificate as PEM.
fn server() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

async fn handshake(acceptor: &TlsAcceptor, config: Arc<ClientConfig>) -> Result<u8, String> {
    let (near, far) = duplex(16 * 1024);
    let serve = async {
        let mut stream = acceptor.accept(far).await?;
        stream.write_all(&[7]).await?;
        stream.flush().await
    };
    let call = async {
        let mut stream = connect_tls(near, "localhost", config, Duration::from_secs(5))
            .await
            .map_err(|error| error.to_string())?;
        stream.read_u8().await.map_err(|error| error.to_string())
    };
    tokio::join!(serve, call).1
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_a_given_one_is_trusted() {
    let (acceptor, pem) = server();
    let strict = client_config(&Roots::built_in(), None, false, &[]).unwrap();
    assert!(
        handshake(&acceptor, strict)
            .await
            .unwrap_err()
            .contains("UnknownIssuer")
    );
    let trusting = client_config(&Roots::built_in(), Some(&pem), false, &[]).unwrap();
    assert_eq!(handshake(&acceptor, trusting).await, Ok(7));
}

#[tokio::test]
async fn insecure_takes_any_certificate() {
    let (acceptor, _) = server();
    let insecure = client_config(&Roots::built_in(), None, true, &[b"http/1.1"]).unwrap();
    assert_eq!(insecure.alpn_protocols, [b"http/1.1".to_vec()]);
    assert_eq!(handshake(&acceptor, insecure).await, Ok(7));
}

#[tokio::test]
async fn authorities_of_a_file_are_added_to_the_built_in_ones() {
    let (acceptor, pem) = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    let roots = Roots::load([("REGISTRY_CA_FILE", path.as_path())]).unwrap();
    assert_eq!(roots.store().len(), Roots::built_in().store().len() + 1);
    let config = client_config(&roots, None, false, &[]).unwrap();
    assert_eq!(handshake(&acceptor, config).await, Ok(7));
}

#[test]
fn a_missing_or_empty_file_is_named_with_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let error = Roots::load([("EXTRA_CA_FILE", path.as_path())])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("EXTRA_CA_FILE") && error.contains("ca.pem"),
        "{error}"
    );
    std::fs::write(&path, "not a certificate").unwrap();
    let error = Roots::load([("EXTRA_CA_FILE", path.as_path())])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("EXTRA_CA_FILE") && error.contains("BEGIN CERTIFICATE"),
        "{error}"
    );
    let error = client_config(&Roots::built_in(), Some("nonsense"), false, &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("tls.ca has no usable certificate"),
        "{error}"
    );
}
