use std::error::Error as _;
use std::process::{Command, Stdio};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::roots::provider;

fn config() -> NetworkConfig {
    NetworkConfig {
        registry_ca_file: None,
        extra_ca_file: None,
        strict: false,
        allowed_ranges: Vec::new(),
        blocked_ports: vec![25],
    }
}

/// Reads one request head and answers with these bytes.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(reply.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(head).unwrap()
}

/// What the innermost cause of an error says.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source().unwrap();
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[tokio::test]
async fn redirects_are_reported_and_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let client = registry_builder(&config())
        .unwrap()
        .no_proxy()
        .build()
        .unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let reply =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        answer(stream, reply).await
    };
    let (head, response) = tokio::join!(serve, client.get(url).send());
    assert_eq!(response.unwrap().status(), 302);
    assert!(head.contains("user-agent: mcp/"), "{head}");
}

#[tokio::test]
async fn the_registrys_own_authority_is_trusted_once_it_is_named() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    for (ca, trusted) in [(None, false), (Some(path), true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let config = NetworkConfig {
            registry_ca_file: ca,
            ..config()
        };
        let client = registry_builder(&config)
            .unwrap()
            .no_proxy()
            .build()
            .unwrap();
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, "HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        };
        let ((), response) = tokio::join!(serve, client.get(url).send());
        assert_eq!(response.is_ok(), trusted, "{response:?}");
    }
}

#[test]
fn a_missing_authorities_file_is_named() {
    let config = NetworkConfig {
        extra_ca_file: Some("/nowhere/ca.pem".into()),
        ..config()
    };
    for error in [
        registry_client(&config).unwrap_err(),
        GuardedClient::new(&config).unwrap_err(),
    ] {
        assert!(
            error
                .to_string()
                .contains("/nowhere/ca.pem (EXTRA_CA_FILE)"),
            "{error}"
        );
    }
}

#[test]
fn a_guarded_client_makes_no_request_to_a_forbidden_address() {
    let client = GuardedClient::new(&config()).unwrap();
    let ask = |url: &str| {
        client
            .request(Method::GET, Url::parse(url).unwrap())
            .map(drop)
    };
    assert_eq!(ask("http://169.254.169.254/latest"), Err(Refused::Metadata));
    assert_eq!(
        ask("http://metadata.google.internal/"),
        Err(Refused::Metadata)
    );
    assert_eq!(ask("http://localhost:25/"), Err(Refused::Port));
    assert_eq!(ask("https://issuer.example/"), Ok(()));
}

#[tokio::test]
async fn a_guarded_client_refuses_what_a_name_resolves_to() {
    let config = NetworkConfig {
        strict: true,
        ..config()
    };
    let guard = Arc::new(AddressGuard::new(&config));
    let client = guarded_builder(&config, &guard)
        .unwrap()
        .no_proxy()
        .build()
        .unwrap();
    let error = client.get("http://localhost:1/").send().await.unwrap_err();
    assert_eq!(root_cause(&error), Refused::NotAllowed.to_string());
}

/// Runs itself a second time, because a process's environment is read once and for all.
#[tokio::test]
async fn the_proxy_of_the_environment_is_used_but_for_its_exceptions() {
    const URL: &str = "MCP_TEST_FETCH";
    if let Ok(url) = std::env::var(URL) {
        let response = registry_client(&config())
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 204);
        return;
    }
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let name = "net::outbound::tests::the_proxy_of_the_environment_is_used_but_for_its_exceptions";
    for (url, no_proxy, asked_for) in [
        (
            "http://registry.example/api".to_owned(),
            "",
            "GET http://registry.example/api ",
        ),
        (
            format!("http://{address}/direct"),
            "127.0.0.1",
            "GET /direct ",
        ),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env_clear()
            .env(URL, url)
            .env("HTTP_PROXY", format!("http://{address}"))
            .env("NO_PROXY", no_proxy)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = proxy.accept().await.unwrap();
        let head = answer(stream, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(head.starts_with(asked_for), "{head}");
        assert!(child.wait().unwrap().success());
    }
}
