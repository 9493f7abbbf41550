use std::io::IoSlice;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::advance;

use super::*;

/// One poll of a write, without waiting.
async fn write_once<W: AsyncWrite + Unpin>(io: &mut W, bytes: &[u8]) -> Poll<io::Result<usize>> {
    let mut io = pin!(io);
    std::future::poll_fn(|context| Poll::Ready(io.as_mut().poll_write(context, bytes))).await
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_has_read_nothing_and_only_ages() {
    let (near, _far) = duplex(64);
    let watched = Watched::new(near, Activity::new());
    advance(Duration::from_secs(7)).await;
    let activity = watched.activity();
    assert!(!activity.has_read());
    assert_eq!(activity.idle(), Duration::from_secs(7));
    assert_eq!(activity.age(), Duration::from_secs(7));
    assert_eq!(activity.write_stalled(), None);
}

#[tokio::test(start_paused = true)]
async fn silence_counts_from_the_look_that_saw_bytes_move() {
    let (near, mut far) = duplex(64);
    let mut watched = Watched::new(near, Activity::new());
    let activity = Arc::clone(watched.activity());
    advance(Duration::from_secs(3)).await;
    far.write_all(b"hello").await.unwrap();
    let mut buffer = [0; 5];
    watched.read_exact(&mut buffer).await.unwrap();
    assert!(activity.has_read());
    assert_eq!(activity.idle(), Duration::ZERO);
    advance(Duration::from_secs(2)).await;
    assert_eq!(activity.idle(), Duration::from_secs(2));
    watched.write_all(b"hi").await.unwrap();
    assert_eq!(activity.idle(), Duration::ZERO);
    assert_eq!((activity.bytes_in(), activity.bytes_out()), (5, 2));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_shows_since_when_and_recovers() {
    let (near, mut far) = duplex(4);
    let mut watched = Watched::new(near, Activity::new());
    let activity = Arc::clone(watched.activity());
    assert!(matches!(
        write_once(&mut watched, b"full").await,
        Poll::Ready(Ok(4))
    ));
    assert_eq!(activity.write_stalled(), None);
    advance(Duration::from_secs(1)).await;
    assert!(write_once(&mut watched, b"more").await.is_pending());
    advance(Duration::from_secs(30)).await;
    assert!(
        write_once(&mut watched, b"more").await.is_pending(),
        "polled again, still the same wait"
    );
    assert_eq!(activity.write_stalled(), Some(Duration::from_secs(30)));
    let mut buffer = [0; 4];
    far.read_exact(&mut buffer).await.unwrap();
    assert!(write_once(&mut watched, b"more").await.is_ready());
    assert_eq!(activity.write_stalled(), None);
}

#[tokio::test]
async fn vectored_writes_of_the_socket_stay_vectored() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let mut watched = Watched::new(near, Activity::new());
    assert!(watched.is_write_vectored());
    let parts = [IoSlice::new(b"one"), IoSlice::new(b"two")];
    let taken = watched.write_vectored(&parts).await.unwrap();
    assert_eq!(taken, 6);
    let mut buffer = [0; 6];
    far.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"onetwo");
    assert_eq!(watched.activity().bytes_out(), 6);
}

#[test]
fn requests_in_flight_are_counted_and_never_below_none() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let activity = Activity::new();
    activity.end_request();
    assert!(!activity.is_busy());
    activity.begin_request();
    activity.begin_request();
    activity.end_request();
    assert!(activity.is_busy());
    activity.end_request();
    assert!(!activity.is_busy());
}
