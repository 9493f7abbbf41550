//! Taking in connections.
//!
//! Promises: trouble of the kernel (no descriptors left) slows the loop down and never spins it; the
//! number of connections, in all and of one address, stays within [`Caps`]; at the total, the oldest
//! silent connection makes room. Speaks no HTTP: whoever takes a connection serves it and keeps its
//! [`Permit`] as long as it lives.
//!
//! Start reading at [`Acceptor::accept`]. The counting is in [`Admission`], one for all listeners.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::time::sleep;

mod admission;

pub use admission::{Admission, Caps, Permit, TurnedAway};

/// What a connection that is over a cap is told before it is closed, in the listener's protocol.
/// Empty: it is closed without a word, as on a TLS listener.
#[derive(Clone, Copy, Debug, Default)]
pub struct Apology {
    /// Its address has too many.
    pub address: &'static [u8],
    /// There are too many in all.
    pub total: &'static [u8],
}

/// One listening socket with its share of the caps.
#[derive(Debug)]
pub struct Acceptor {
    listener: AsyncFd<TcpListener>,
    admission: Admission,
    apology: Apology,
}

impl Acceptor {
    /// Accepts from a non-blocking socket; must be called inside a runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    #[expect(
        deprecated,
        reason = "the sound replacement is an unsafe fn for types whose descriptor may change; a \
                  TcpListener keeps its own until it is dropped, and is owned here"
    )]
    pub fn new(listener: TcpListener, admission: Admission) -> io::Result<Self> {
        let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
        Ok(Self {
            listener,
            admission,
            apology: Apology::default(),
        })
    }

    /// Says these words to whoever is over a cap.
    #[must_use]
    pub const fn with_apology(mut self, apology: Apology) -> Self {
        self.apology = apology;
        self
    }

    /// Where this listens.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.get_ref().local_addr()
    }

    /// The next connection that is within the caps, small writes undelayed; the peer's address is
    /// in canonical form (no IPv4 inside IPv6).
    ///
    /// Waits for as long as nobody comes; dropping the future loses no connection.
    pub async fn accept(&self) -> (TcpStream, SocketAddr, Permit) {
        loop {
            let (stream, peer, permit) = self.accept_detached().await;
            match TcpStream::from_std(stream) {
                Ok(stream) => return (stream, peer, permit),
                Err(error) => tracing::error!(error = %error, "a connection cannot be watched"),
            }
        }
    }

    /// As [`Acceptor::accept`], but the connection belongs to no runtime yet: for handing it to
    /// another thread's with [`TcpStream::from_std`], without registering it twice.
    pub async fn accept_detached(&self) -> (std::net::TcpStream, SocketAddr, Permit) {
        loop {
            let (stream, peer) = next(|| self.knock()).await;
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            match self.admission.admit(peer.ip()) {
                Ok(permit) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(error = %error, "small writes stay delayed on a connection");
                    }
                    return (stream, peer, permit);
                }
                Err(why) => self.turn_away(&stream, why),
            }
        }
    }

    async fn knock(&self) -> io::Result<(std::net::TcpStream, SocketAddr)> {
        let (stream, peer) = self
            .listener
            .async_io(Interest::READABLE, TcpListener::accept)
            .await?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }

    fn turn_away(&self, stream: &std::net::TcpStream, why: TurnedAway) {
        let words = match why {
            TurnedAway::Address => self.apology.address,
            TurnedAway::Total => self.apology.total,
        };
        if !words.is_empty() {
            // The buffer of a new socket is empty: one try, and never a wait.
            let _ = SockRef::from(stream).send(words);
        }
    }
}

/// The next connection; errors of one connection are passed over, others are waited out.
async fn next<T, F>(mut accept: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut pause = Duration::ZERO;
    loop {
        match accept().await {
            Ok(accepted) => {
                if !pause.is_zero() {
                    tracing::info!("connections are accepted again");
                }
                return accepted;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if pause.is_zero() {
                    metrics::counter!("mcp_accept_errors_total").increment(1);
                    tracing::error!(
                        error = %error,
                        "cannot accept connections; trying again until it works \
                         (no descriptors left? raise LimitNOFILE or `ulimit -n`)"
                    );
                }
                pause = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                sleep(pause).await;
            }
        }
    }
}

/// The peer went away between its knock and our answer: the next one is not affected.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
