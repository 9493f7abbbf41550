//! A scripted upstream on a real socket: each connection follows a script, and every byte received is kept.
//!
//! Promises: what [`Upstream::connections`] shows is exactly what arrived, in order; nothing is interpreted beyond what
//! a script asks for. Waits end after [`LIMIT`] with a panic that shows the log. Must not: answer anything that its
//! script does not say.
//!
//! Start with [`Upstream::start`] and a script of `script.rs`; `h2c.rs` is the same for HTTP/2 without TLS.

#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of the language"
)]

pub mod h2c;
pub mod request;
pub mod script;

mod selftest;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use request::Request;
pub use script::{Script, Step};

/// A listening upstream; dropping it closes everything.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

/// What one connection did.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Every byte that arrived.
    pub received: Vec<u8>,
    /// The requests that were read as such, by [`Step::Request`] and [`Step::Head`].
    pub requests: Vec<Request>,
    /// How it ended, once it has.
    pub ended: Option<End>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed its side.
    PeerClosed,
    /// The peer reset it, or was gone when something was sent.
    PeerGone,
    /// The script closed it.
    Closed,
    /// The script reset it.
    Reset,
}

impl Upstream {
    /// Every connection follows the same script.
    pub async fn start(script: Script) -> Self {
        Self::sequence(vec![script]).await
    }

    /// Connections follow these scripts in the order in which they are accepted; the last one repeats.
    pub async fn sequence(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, scripts, Arc::clone(&log)));
        Self {
            address,
            log,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL with a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What has arrived so far, one entry per connection.
    pub fn connections(&self) -> Vec<Connection> {
        self.log.all()
    }

    /// All requests so far, by connection and order.
    pub fn requests(&self) -> Vec<Request> {
        self.connections()
            .into_iter()
            .flat_map(|connection| connection.requests)
            .collect()
    }

    /// Lets one [`Step::Release`] pass: one that waits, or the next that comes.
    pub fn release(&self) {
        self.log.releases.add_permits(1);
    }

    /// Waits until the log is as wanted.
    pub async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&[Connection]) -> bool,
    ) -> Vec<Connection> {
        let mut changes = self.log.changes.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let all = self.log.all();
                if wanted(&all) {
                    return all;
                }
                changes.changed().await.unwrap();
            }
        };
        if let Ok(all) = tokio::time::timeout(LIMIT, waiting).await {
            return all;
        }
        panic!("upstream never saw {what}; its log: {:#?}", self.log.all());
    }

    /// Waits for a number of requests, whatever the connection.
    pub async fn until_requests(&self, count: usize) -> Vec<Request> {
        let wanted =
            |all: &[Connection]| all.iter().map(|one| one.requests.len()).sum::<usize>() >= count;
        let all = self.until(&format!("{count} requests"), wanted).await;
        all.into_iter()
            .flat_map(|connection| connection.requests)
            .collect()
    }

    /// Waits until a connection has ended, and says how.
    pub async fn until_ended(&self, connection: usize) -> End {
        let ended = |all: &[Connection]| all.get(connection)?.ended;
        let all = self
            .until(&format!("the end of connection {connection}"), |all| {
                ended(all).is_some()
            })
            .await;
        ended(&all).unwrap()
    }
}

#[derive(Debug)]
struct Log {
    connections: Mutex<Vec<Connection>>,
    changes: watch::Sender<u64>,
    releases: Semaphore,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            connections: Mutex::default(),
            changes: watch::Sender::new(0),
            releases: Semaphore::new(0),
        }
    }
}

impl Log {
    fn all(&self) -> Vec<Connection> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn open(&self) -> usize {
        let mut all = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(Connection::default());
        all.len() - 1
    }

    fn change(&self, connection: usize, change: impl FnOnce(&mut Connection)) {
        let mut all = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut all[connection]);
        drop(all);
        self.changes.send_modify(|count| *count += 1);
    }
}

async fn accept(listener: TcpListener, scripts: Vec<Script>, log: Arc<Log>) {
    let mut connections = JoinSet::new();
    let mut scripts = scripts.into_iter();
    let mut last = scripts.next().expect("at least one script");
    loop {
        let (stream, _) = listener.accept().await.expect("accepting on loopback");
        let wire = Wire {
            stream,
            unread: Vec::new(),
            connection: log.open(),
            log: Arc::clone(&log),
        };
        connections.spawn(follow(wire, last.clone()));
        last = scripts.next().unwrap_or(last);
        while connections.try_join_next().is_some() {}
    }
}

/// One connection and what of it is not used up.
struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
    connection: usize,
    log: Arc<Log>,
}

async fn follow(mut wire: Wire, script: Script) {
    let (Ok(end) | Err(end)) = run(&mut wire, &script).await;
    if end == End::Reset {
        socket2::SockRef::from(&wire.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    } else if end == End::Closed {
        // What the peer still sends is kept, so that closing is not a reset.
        wire.stream.shutdown().await.ok();
        let rest = async { while wire.read().await.is_ok() {} };
        tokio::time::timeout(LINGER, rest).await.ok();
    }
    let (log, connection) = (Arc::clone(&wire.log), wire.connection);
    drop(wire);
    log.change(connection, |log| log.ended = Some(end));
}

async fn run(wire: &mut Wire, script: &Script) -> Result<End, End> {
    let mut request = Request::default();
    let mut steps = script.steps().iter();
    while let Some(step) = steps.next() {
        match step {
            Step::Request => request = wire.request(true).await?,
            Step::Head => request = wire.request(false).await?,
            Step::Send(bytes) => wire.send(bytes).await?,
            Step::Answer(answer) => wire.send(&answer(&request)).await?,
            Step::Repeat { bytes, times, pace } => {
                let mut left = *times;
                while left > 0 {
                    wire.send(bytes).await?;
                    left -= 1;
                    if let Some(pace) = pace.filter(|_| left > 0) {
                        tokio::time::sleep(pace).await;
                    }
                }
            }
            Step::Release => wire.released().await?,
            Step::EchoBytes => loop {
                let bytes = std::mem::take(&mut wire.unread);
                wire.send(&bytes).await?;
                wire.read().await?;
            },
            Step::Gone => loop {
                wire.read().await?;
            },
            Step::Close => return Ok(End::Closed),
            Step::Reset => return Ok(End::Reset),
            Step::Again => steps = script.steps().iter(),
        }
    }
    Ok(End::Closed)
}

impl Wire {
    /// Takes what arrives next into the log.
    async fn read(&mut self) -> Result<(), End> {
        let mut chunk = vec![0; 64 << 10];
        let count = match self.stream.read(&mut chunk).await {
            Ok(0) => return Err(End::PeerClosed),
            Ok(count) => count,
            Err(_) => return Err(End::PeerGone),
        };
        let chunk = &chunk[..count];
        self.unread.extend_from_slice(chunk);
        self.log
            .change(self.connection, |log| log.received.extend_from_slice(chunk));
        Ok(())
    }

    async fn request(&mut self, with_body: bool) -> Result<Request, End> {
        loop {
            if let Some((request, length)) = Request::take(&self.unread, with_body) {
                self.unread.drain(..length);
                self.log
                    .change(self.connection, |log| log.requests.push(request.clone()));
                return Ok(request);
            }
            self.read().await?;
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), End> {
        let sent: io::Result<()> = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        }
        .await;
        sent.map_err(|_| End::PeerGone)
    }

    async fn released(&mut self) -> Result<(), End> {
        let log = Arc::clone(&self.log);
        loop {
            tokio::select! {
                released = log.releases.acquire() => {
                    released.map_err(|_| End::Closed)?.forget();
                    return Ok(());
                }
                read = self.read() => read?,
            }
        }
    }
}

/// How long a test waits for what it wants to see.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long a closed connection still takes what the peer sends.
const LINGER: Duration = Duration::from_secs(5);
