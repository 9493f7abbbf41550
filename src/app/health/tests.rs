use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::app::mode::Mode;
use crate::config::{Sources, load};

fn asked(mode: Mode, env: &[(&str, &str)]) -> String {
    let mut env: Vec<(String, String)> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    env.push(("HOME".to_owned(), "/home/somebody".to_owned()));
    env.push(("ADMIN_PASSWORD".to_owned(), "correct horse".to_owned()));
    env.push((
        "REGISTRY_API_TOKEN".to_owned(),
        "0123456789abcdef0123456789abcdef".to_owned(),
    ));
    let parts = mode.parts();
    let loaded = load(&Sources {
        file: None,
        env,
        flags: Vec::new(),
        parts,
    })
    .unwrap();
    question(&loaded.config, parts).map_or_else(|error| error.to_string(), |asked| asked.url.into())
}

#[test]
fn finds_scheme_and_port_of_the_front_listener_in_each_mode() {
    for (mode, env, url) in [
        (Mode::Full, &[][..], "http://127.0.0.1:8080/health"),
        (
            Mode::Gateway,
            &[("GATEWAY_HTTP_BIND", "0.0.0.0:80")],
            "http://127.0.0.1/health",
        ),
        (
            Mode::Gateway,
            &[("SSL_ENABLED", "auto")],
            "https://127.0.0.1:8443/health",
        ),
        (
            Mode::Gateway,
            &[("SSL_DEV", "1"), ("GATEWAY_HTTPS_BIND", "[::]:443")],
            "https://[::1]/health",
        ),
        (
            Mode::Full,
            &[("SSL_DEV", "1"), ("GATEWAY_HTTPS_BIND", "off")],
            "http://127.0.0.1:8080/health",
        ),
        (Mode::Registry, &[], "http://127.0.0.1:7860/health"),
        (
            Mode::Registry,
            &[("SSL_ENABLED", "TRUE")],
            "https://127.0.0.1:7860/health",
        ),
        (
            Mode::Registry,
            &[("REGISTRY_BIND", "192.0.2.7:1")],
            "http://192.0.2.7:1/health",
        ),
    ] {
        assert_eq!(asked(mode, env), url, "{mode} {env:?}");
    }
}

fn plain(url: &str) -> Question {
    Question {
        url: Url::parse(url).unwrap(),
        extra_ca_file: None,
    }
}

/// Answers one request on a plain socket.
async fn answer(listener: TcpListener, head: &str) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    let text = String::from_utf8(request).unwrap();
    assert!(text.starts_with("GET /health HTTP/1.1\r\n"), "{text}");
    stream.write_all(head.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_success_is_healthy_and_anything_else_is_not() {
    for (head, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            "answers 200 OK",
        ),
        (
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
            "answers 503 Service Unavailable",
        ),
        ("SSH-2.0-hello\r\n", "no answer from"),
        ("", "no answer from"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let question = plain(&url);
        let ((), result) = tokio::join!(answer(listener, head), check(&question));
        assert_eq!(result.is_ok(), expected == "answers 200 OK", "{head}");
        let line = result.unwrap_or_else(|error| error.to_string());
        assert!(line.contains(expected) && line.contains(&url), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}

#[tokio::test]
async fn nobody_listening_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    drop(listener);
    let error = check(&plain(&url)).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect to"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let error = check(&plain(&url)).await.unwrap_err();
    assert!(error.to_string().ends_with("within 3 s"), "{error}");
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let error = check(&plain("ftp://127.0.0.1/health")).await.unwrap_err();
    assert!(
        error.to_string().contains("write an http or https URL"),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_of_our_own_making_is_accepted_on_loopback() {
    let made = rcgen::generate_simple_self_signed(["somebody.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/health", listener.local_addr().unwrap());
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
    };
    let question = plain(&url);
    let ((), result) = tokio::join!(serve, check(&question));
    assert!(result.unwrap().ends_with("answers 200 OK"));
}

#[test]
fn additional_roots_that_cannot_be_read_are_an_error() {
    let missing = tempfile::tempdir().unwrap().path().join("none.pem");
    let question = Question {
        extra_ca_file: Some(missing),
        ..plain("https://example.com")
    };
    assert!(
        roots(&question)
            .unwrap_err()
            .to_string()
            .contains("none.pem")
    );
}
