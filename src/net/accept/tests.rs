use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, advance};

use super::*;
use crate::net::idle_io::Watched;
use crate::net::listen::bind;

fn caps(total: usize, per_address: usize) -> Caps {
    Caps {
        total,
        per_address,
        exempt: vec!["10.0.0.0/8".parse().unwrap()],
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn acceptor(caps: Caps) -> (Acceptor, SocketAddr) {
    let listener = bind("127.0.0.1:0".parse().unwrap(), "TEST_BIND").unwrap();
    let address = listener.local_addr().unwrap();
    (
        Acceptor::new(listener, Admission::new(caps)).unwrap(),
        address,
    )
}

#[tokio::test]
async fn accepted_connections_have_no_delay_keepalive_and_a_permit() {
    let (acceptor, address) = acceptor(caps(10, 10));
    let client = TcpStream::connect(address).await.unwrap();
    let (stream, peer, permit) = acceptor.accept().await;
    assert_eq!(peer, client.local_addr().unwrap());
    assert!(stream.nodelay().unwrap());
    assert!(SockRef::from(&stream).keepalive().unwrap());
    assert_eq!(acceptor.admission.open(), 1);
    drop(permit);
    assert_eq!(acceptor.admission.open(), 0);
}

#[tokio::test]
async fn a_detached_connection_is_served_by_another_threads_runtime() {
    let (acceptor, address) = acceptor(caps(10, 10));
    let mut client = TcpStream::connect(address).await.unwrap();
    let (stream, _, permit) = acceptor.accept_detached().await;
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let mut stream = TcpStream::from_std(stream).unwrap();
            let byte = stream.read_u8().await.unwrap();
            stream.write_u8(byte + 1).await.unwrap();
            drop(permit);
        });
    });
    client.write_u8(6).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 7);
    worker.join().unwrap();
    assert_eq!(acceptor.admission.open(), 0);
}

#[tokio::test]
async fn connections_that_wait_together_are_all_accepted() {
    let (acceptor, address) = acceptor(caps(100, 100));
    let clients: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(address).unwrap())
        .collect();
    let mut accepted = Vec::new();
    for _ in &clients {
        accepted.push(acceptor.accept().await);
    }
    assert_eq!(acceptor.admission.open(), 20);
}

#[tokio::test]
async fn an_ipv4_peer_of_a_dual_stack_listener_is_shown_as_ipv4() {
    let Ok(listener) = bind("[::]:0".parse().unwrap(), "TEST_BIND") else {
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let acceptor = Acceptor::new(listener, Admission::new(caps(10, 10))).unwrap();
    let _client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (_stream, peer, _permit) = acceptor.accept().await;
    assert!(peer.is_ipv4(), "{peer}");
}

#[tokio::test]
async fn over_the_total_a_busy_house_turns_the_next_one_away_with_an_apology() {
    let (acceptor, address) = acceptor(caps(1, 10));
    let acceptor = acceptor.with_apology(Apology {
        address: b"429",
        total: b"503",
    });
    let _first = TcpStream::connect(address).await.unwrap();
    let (_stream, _, permit) = acceptor.accept().await;
    permit.activity().begin_request();
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut words = String::new();
    tokio::select! {
        _ = acceptor.accept() => panic!("the second one was let in"),
        read = second.read_to_string(&mut words) => { read.unwrap(); }
    }
    assert_eq!(words, "503");
}

#[test]
fn the_per_address_cap_binds_one_address_and_frees_on_drop() {
    let admission = Admission::new(caps(100, 2));
    let first = admission.admit(ip("8.8.8.8")).unwrap();
    let _second = admission.admit(ip("::ffff:8.8.8.8")).unwrap();
    assert_eq!(
        admission.admit(ip("8.8.8.8")).unwrap_err(),
        TurnedAway::Address
    );
    let _other = admission.admit(ip("9.9.9.9")).unwrap();
    drop(first);
    let _third = admission.admit(ip("8.8.8.8")).unwrap();
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    let admission = Admission::new(caps(100, 1));
    let _one = admission.admit(ip("2001:db8:1:2::1")).unwrap();
    assert_eq!(
        admission.admit(ip("2001:db8:1:2:ffff::9")).unwrap_err(),
        TurnedAway::Address
    );
    let _next = admission.admit(ip("2001:db8:1:3::1")).unwrap();
}

#[test]
fn loopback_and_trusted_proxies_are_exempt_from_the_per_address_cap() {
    let admission = Admission::new(caps(100, 1));
    for address in ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"] {
        let held: Vec<_> = (0..3)
            .map(|_| admission.admit(ip(address)).unwrap())
            .collect();
        assert_eq!(held.len(), 3, "{address}");
    }
    assert_eq!(admission.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_total_the_longest_silent_connection_makes_room() {
    let admission = Admission::new(caps(3, 100));
    let spoke = admission.admit(ip("1.1.1.1")).unwrap();
    let (near, mut far) = tokio::io::duplex(8);
    let mut near = Watched::new(near, spoke.activity().clone());
    far.write_all(b"x").await.unwrap();
    near.read_u8().await.unwrap();
    // Whoever serves it looks now and then.
    assert_eq!(spoke.activity().idle(), Duration::ZERO);
    advance(Duration::from_secs(1)).await;
    let oldest_silent = admission.admit(ip("1.1.1.2")).unwrap();
    advance(Duration::from_secs(1)).await;
    let silent = admission.admit(ip("1.1.1.3")).unwrap();
    let fourth = admission.admit(ip("1.1.1.4")).unwrap();
    assert!(oldest_silent.evicted().is_cancelled());
    assert!(!silent.evicted().is_cancelled() && !spoke.evicted().is_cancelled());
    assert_eq!(admission.open(), 3);
    drop(oldest_silent);
    assert_eq!(
        admission.open(),
        3,
        "an evicted permit frees nothing a second time"
    );
    silent.activity().begin_request();
    fourth.activity().begin_request();
    let _fifth = admission.admit(ip("1.1.1.5")).unwrap();
    assert!(
        spoke.evicted().is_cancelled(),
        "idle after a request: the next to go"
    );
}

#[tokio::test(start_paused = true)]
async fn connections_with_a_request_or_fresh_words_are_never_evicted() {
    let admission = Admission::new(caps(1, 100));
    let busy = admission.admit(ip("1.1.1.1")).unwrap();
    busy.activity().begin_request();
    advance(Duration::from_mins(10)).await;
    assert_eq!(
        admission.admit(ip("1.1.1.2")).unwrap_err(),
        TurnedAway::Total
    );
    assert!(!busy.evicted().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn running_out_of_descriptors_pauses_longer_each_time_and_then_recovers() {
    let exhausted = || io::Error::from_raw_os_error(24);
    let answers: RefCell<VecDeque<io::Result<u8>>> =
        RefCell::new((0..6).map(|_| Err(exhausted())).collect());
    answers.borrow_mut().push_back(Ok(7));
    let begun = Instant::now();
    let accepted = next(|| async { answers.borrow_mut().pop_front().unwrap() }).await;
    assert_eq!(accepted, 7);
    // 50 + 100 + 200 + 400 + 500 + 500
    assert_eq!(begun.elapsed(), Duration::from_millis(1_750));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_left_before_it_was_accepted_delays_nobody() {
    let answers: RefCell<VecDeque<io::Result<u8>>> = RefCell::new(VecDeque::from([
        Err(io::ErrorKind::ConnectionAborted.into()),
        Err(io::ErrorKind::Interrupted.into()),
        Ok(1),
    ]));
    let begun = Instant::now();
    assert_eq!(
        next(|| async { answers.borrow_mut().pop_front().unwrap() }).await,
        1
    );
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
