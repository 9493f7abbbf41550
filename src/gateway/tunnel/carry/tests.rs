use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{DuplexStream, ReadBuf, duplex};
use tokio_util::task::TaskTracker;

use super::*;

/// A connection that is reset: reads fail once its bytes are read, writes at once.
struct Reset(&'static [u8]);

impl AsyncRead for Reset {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        buffer.put_slice(self.0);
        self.0 = &[];
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

async fn rest(stream: &mut DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test(start_paused = true)]
async fn each_side_may_go_on_after_the_other_has_closed_its_own() {
    let (mut client, near_client) = duplex(8);
    let (mut server, near_server) = duplex(8);
    let tasks = TaskTracker::new();
    let carried = tasks.spawn(async move {
        let to_client = AtomicU64::new(0);
        let complete = carry(near_client, near_server, &to_client).await;
        (complete, to_client.into_inner())
    });
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, b"last");
    let long = vec![7; 20_000];
    let (sent, received) = tokio::join!(
        async {
            server.write_all(&long).await?;
            server.shutdown().await
        },
        rest(&mut client),
    );
    sent.unwrap();
    assert_eq!(received, long);
    assert_eq!(carried.await.unwrap(), (true, 20_000));
}

#[tokio::test(start_paused = true)]
async fn last_bytes_before_a_reset_arrive_though_the_other_side_still_sends() {
    for server_is_reset in [true, false] {
        let (mut peer, near) = duplex(64);
        let tasks = TaskTracker::new();
        let carried = tasks.spawn(async move {
            let count = AtomicU64::new(0);
            let reset = Reset(b"close frame");
            if server_is_reset {
                carry(near, reset, &count).await
            } else {
                carry(reset, near, &count).await
            }
        });
        // More than both buffers hold: it is read all the same.
        let (sent, received) = tokio::join!(
            async {
                peer.write_all(&vec![1; 50_000]).await?;
                peer.shutdown().await
            },
            async {
                let (carried,) = tokio::join!(carried);
                carried.unwrap()
            }
        );
        sent.unwrap();
        assert!(!received);
        assert_eq!(rest(&mut peer).await, b"close frame");
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_that_hears_of_the_others_reset_and_stays_is_left_after_a_moment() {
    let (mut peer, near) = duplex(64);
    let begin = tokio::time::Instant::now();
    assert!(!carry(near, Reset(b""), &AtomicU64::new(0)).await);
    assert_eq!(begin.elapsed().as_secs(), LINGER.as_secs());
    assert_eq!(rest(&mut peer).await, b"");
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_than_the_other_side_takes() {
    let (mut client, near_client) = duplex(1);
    let (server, near_server) = duplex(1);
    let tasks = TaskTracker::new();
    tasks.spawn(async move { carry(near_client, near_server, &AtomicU64::new(0)).await });
    let mut sent = 0;
    let endless = async {
        loop {
            client.write_all(&[0]).await.unwrap();
            sent += 1;
        }
    };
    assert!(timeout(Duration::from_mins(1), endless).await.is_err());
    assert!(sent <= BUSY_BUFFER + 2, "{sent}");
    drop(server);
}
