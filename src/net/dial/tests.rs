use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::net::roots::{Roots, client_config};

const LIMIT: Duration = Duration::from_secs(5);

/// Answers one list after the other, the last one for ever.
#[derive(Debug)]
struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

impl Scripted {
    fn dialer(guard: AddressGuard, answers: &[&[&str]]) -> Dialer {
        let answers = answers
            .iter()
            .rev()
            .map(|one| one.iter().map(|address| address.parse().unwrap()).collect())
            .collect();
        Dialer::with_resolver(Arc::new(guard), Arc::new(Self(Mutex::new(answers))))
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop()
        } else {
            answers.last().cloned()
        };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

/// A resolver that never answers.
#[derive(Debug)]
struct Silent;

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

/// A resolver that knows nobody.
#[derive(Debug)]
struct Ignorant;

impl Resolve for Ignorant {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        Box::pin(async { Err(io::Error::other("no such name")) })
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn system() -> Dialer {
    Dialer::new(Arc::new(AddressGuard::default()))
}

#[tokio::test]
async fn names_and_literals_are_dialled_without_delay_on_small_writes() {
    let (listener, port) = listener().await;
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "::ffff:127.0.0.1",
    ] {
        let stream = system().connect(host, port, LIMIT).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, stream.local_addr().unwrap(), "{host}");
    }
}

#[tokio::test]
async fn a_literal_address_takes_no_dns() {
    let (_listener, port) = listener().await;
    let dialer = Dialer::with_resolver(Arc::default(), Arc::new(Silent));
    dialer.connect("127.0.0.1", port, LIMIT).await.unwrap();
}

#[tokio::test]
async fn forbidden_addresses_names_and_ports_are_refused_before_anything_is_sent() {
    for host in [
        "169.254.169.254",
        "[fe80::1]",
        "metadata.google.internal",
        "0.0.0.0",
    ] {
        let error = system().connect(host, 80, LIMIT).await.unwrap_err();
        assert_eq!(error.reason(), "address_not_allowed", "{error}");
    }
    let strict = Dialer::new(Arc::new(AddressGuard::strict(Vec::new())));
    let error = strict.connect("localhost", 80, LIMIT).await.unwrap_err();
    assert!(
        matches!(
            error,
            DialError::Refused {
                refused: Refused::NotAllowed,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_that_moves_to_a_forbidden_address_is_refused_at_the_next_connect() {
    let (_listener, port) = listener().await;
    let dialer = Scripted::dialer(
        AddressGuard::default(),
        &[&["127.0.0.1"], &["169.254.169.254"]],
    );
    dialer.connect("rebind.example", port, LIMIT).await.unwrap();
    let error = dialer
        .connect("rebind.example", port, LIMIT)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            DialError::Refused {
                refused: Refused::Metadata,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_allowed_addresses_are_dialled() {
    let (listener, port) = listener().await;
    let dialer = Scripted::dialer(
        AddressGuard::default(),
        &[&[
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "127.0.0.1",
        ]],
    );
    let stream = dialer.connect("mixed.example", port, LIMIT).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
}

#[tokio::test]
async fn the_next_address_is_tried_at_once_when_one_refuses() {
    let (listener, port) = listener().await;
    let dialer = Scripted::dialer(
        AddressGuard::default(),
        &[&["127.0.0.2", "::1", "127.0.0.1"]],
    );
    let stream = dialer
        .connect("several.example", port, LIMIT)
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
}

#[tokio::test]
async fn a_silent_address_holds_the_others_up_for_a_quarter_second_only() {
    let (first, port) = listener().await;
    // A full backlog drops the handshake: that listener is silent.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let deaf_at: SocketAddr = ([127, 0, 0, 3], port).into();
    deaf.bind(&deaf_at.into()).unwrap();
    deaf.listen(0).unwrap();
    let _fill: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&deaf_at.into());
            socket
        })
        .collect();
    let dialer = Scripted::dialer(AddressGuard::default(), &[&["127.0.0.3", "127.0.0.1"]]);
    let begun = std::time::Instant::now();
    let stream = dialer.connect("slow.example", port, LIMIT).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), first.local_addr().unwrap());
    assert!(
        begun.elapsed() >= STAGGER,
        "the first address was not given its time"
    );
    assert!(begun.elapsed() < LIMIT / 2);
}

#[tokio::test]
async fn errors_say_whether_name_port_or_time_was_the_trouble() {
    // Bound, so that nobody else takes the port, but not listening.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    deaf.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let port = deaf.local_addr().unwrap().as_socket().unwrap().port();
    let error = system()
        .connect("127.0.0.1", port, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "connection_refused", "{error}");
    let ignorant = Dialer::with_resolver(Arc::default(), Arc::new(Ignorant));
    let error = ignorant
        .connect("no-such-host.example", port, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "dns", "{error}");
    let nowhere = Scripted::dialer(AddressGuard::default(), &[&[]]);
    assert_eq!(
        nowhere
            .connect("empty.example", 1, LIMIT)
            .await
            .unwrap_err()
            .reason(),
        "dns"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_is_bounded() {
    let dialer = Dialer::with_resolver(Arc::default(), Arc::new(Silent));
    let error = dialer.connect("slow.example", 80, LIMIT).await.unwrap_err();
    assert_eq!(error.reason(), "connect_timeout", "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_finishes_the_handshake_is_bounded() {
    let (near, _far) = tokio::io::duplex(4096);
    let config = client_config(&Roots::built_in(), None, false, &[]).unwrap();
    let error = connect_tls(near, "example.com", config, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "tls", "{error}");
    assert!(
        error.to_string().contains("not finished within 5s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_peer_without_tls_is_an_error_that_names_the_host() {
    let (near, mut far) = tokio::io::duplex(4096);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let config = client_config(&Roots::built_in(), None, false, &[]).unwrap();
    let error = connect_tls(near, "plain.example.", config, LIMIT)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("plain.example"), "{error}");
    let mut hello = [0; 1];
    far.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, [22], "a client hello was sent");
}

#[test]
fn families_take_turns_beginning_with_the_first() {
    let addresses = |list: &[&str]| {
        list.iter()
            .map(|one| one.parse().unwrap())
            .collect::<Vec<_>>()
    };
    let mixed = interleave(addresses(&[
        "[::1]:1",
        "[::2]:1",
        "[::3]:1",
        "1.1.1.1:1",
        "1.1.1.2:1",
    ]));
    assert_eq!(
        mixed,
        addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"])
    );
    assert!(interleave(Vec::new()).is_empty());
}
