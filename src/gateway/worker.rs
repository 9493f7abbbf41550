//! Threads of the data plane: one acceptor, and workers that never share a connection.
//!
//! Each worker has a current-thread runtime and its own upstream connections, so a request is read,
//! forwarded and answered by one thread. The acceptor takes connections from all listeners and hands
//! each to the worker with the fewest: long streams do not pile up on one core.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::audit::Recorder;
use super::pipeline::Context;
use super::service::ClientService;
use super::shared::Gateway;
use super::upstream::{Pool, PoolLimits};
use super::waits::Waits;
use crate::http::serve::{self, Arrival, Stop};
use crate::net::accept::{Acceptor, Admission, Apology};
use crate::net::dial::Dialer;

/// One listening socket and how it speaks.
#[derive(Debug)]
pub struct Listener {
    /// Bound already.
    pub socket: std::net::TcpListener,
    /// Set when it speaks TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// The running data plane.
#[derive(Debug)]
pub struct Threads {
    acceptor: JoinHandle<io::Result<()>>,
    workers: Vec<JoinHandle<io::Result<()>>>,
}

/// What threads are started with.
#[derive(Debug)]
pub struct Start {
    /// Shared state.
    pub gateway: Arc<Gateway>,
    /// Bound sockets.
    pub listeners: Vec<Listener>,
    /// Caps on connections, one for all listeners.
    pub admission: Admission,
    /// Reaches upstreams.
    pub dialer: Arc<Dialer>,
    /// Worker threads; 0 = one per core.
    pub workers: usize,
    /// When to end. A thread that ends early trips `soft` and so the process.
    pub stop: Stop,
}

impl Threads {
    /// Starts the threads; sockets are accepted from as soon as this returns.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(start: Start) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if start.workers == 0 {
            cores
        } else {
            start.workers
        };
        let mut inboxes = Vec::with_capacity(count);
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            let (sender, receiver) = mpsc::channel(HANDOVER);
            let open = Arc::new(AtomicUsize::new(0));
            inboxes.push(Inbox {
                sender,
                open: Arc::clone(&open),
            });
            let worker = Worker {
                gateway: Arc::clone(&start.gateway),
                dialer: Arc::clone(&start.dialer),
                stop: start.stop.clone(),
                open,
            };
            workers.push(spawn(
                format!("gateway-{index}"),
                &start.stop.soft,
                move || worker.run(receiver),
            )?);
        }
        let soft = start.stop.soft.clone();
        let accepting = move || accept(start.listeners, start.admission, inboxes, soft);
        let acceptor = spawn("acceptor".to_owned(), &start.stop.soft, accepting)?;
        Ok(Self { acceptor, workers })
    }

    /// Waits until all threads ended; call it after the stop was asked for.
    ///
    /// # Errors
    /// When one of them failed or panicked.
    pub fn join(self) -> io::Result<()> {
        let threads = std::iter::once(self.acceptor).chain(self.workers);
        let ends: Vec<io::Result<()>> = threads
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread of the gateway panicked")))
            })
            .collect();
        ends.into_iter().collect()
    }
}

fn spawn<F>(
    name: String,
    soft: &CancellationToken,
    task: impl FnOnce() -> F + Send + 'static,
) -> io::Result<JoinHandle<io::Result<()>>>
where
    F: Future<Output = io::Result<()>>,
{
    // Whatever ends the thread, the process hears of it.
    let ended = soft.clone().drop_guard();
    thread::Builder::new().name(name).spawn(move || {
        let _ended = ended;
        Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(task())
    })
}

struct Inbox {
    sender: mpsc::Sender<(std::net::TcpStream, Handed)>,
    open: Arc<AtomicUsize>,
}

type Handed = (
    std::net::SocketAddr,
    crate::net::accept::Permit,
    Option<Arc<rustls::ServerConfig>>,
);

async fn accept(
    listeners: Vec<Listener>,
    admission: Admission,
    inboxes: Vec<Inbox>,
    soft: CancellationToken,
) -> io::Result<()> {
    let inboxes = Arc::new(inboxes);
    let (accepting, local) = (TaskTracker::new(), LocalSet::new());
    for listener in listeners {
        let apology = if listener.tls.is_some() {
            Apology::default()
        } else {
            APOLOGY
        };
        let acceptor = Acceptor::new(listener.socket, admission.clone())?.with_apology(apology);
        let inboxes = Arc::clone(&inboxes);
        let soft = soft.clone();
        accepting.spawn_local_on(
            async move {
                tokio::select! {
                    () = take_in(acceptor, listener.tls, inboxes) => {}
                    () = soft.cancelled() => {}
                }
            },
            &local,
        );
    }
    accepting.close();
    local.run_until(accepting.wait()).await;
    Ok(())
}

async fn take_in(
    acceptor: Acceptor,
    tls: Option<Arc<rustls::ServerConfig>>,
    inboxes: Arc<Vec<Inbox>>,
) {
    loop {
        let (stream, peer, permit) = acceptor.accept_detached().await;
        let Some(inbox) = inboxes
            .iter()
            .min_by_key(|inbox| inbox.open.load(Ordering::Relaxed))
        else {
            return;
        };
        inbox.open.fetch_add(1, Ordering::Relaxed);
        if inbox
            .sender
            .send((stream, (peer, permit, tls.clone())))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// What a worker shares with no other one.
#[derive(Clone)]
struct Own {
    pool: Arc<Pool>,
    waits: Arc<Waits>,
    recorder: Option<Arc<Recorder>>,
}

struct Worker {
    gateway: Arc<Gateway>,
    dialer: Arc<Dialer>,
    stop: Stop,
    open: Arc<AtomicUsize>,
}

impl Worker {
    async fn run(self, inbox: mpsc::Receiver<(std::net::TcpStream, Handed)>) -> io::Result<()> {
        let timeouts = &self.gateway.timeouts;
        let own = Own {
            pool: Pool::new(
                Arc::clone(&self.dialer),
                PoolLimits {
                    connect: timeouts.upstream_connect.get(),
                    keep_alive: timeouts.upstream_keep_alive.get(),
                    idle_per_origin: IDLE_PER_ORIGIN,
                },
            ),
            waits: Waits::new(),
            recorder: self.gateway.audit.as_ref().map(|audit| audit.recorder()),
        };
        tokio::select! {
            () = self.serve_all(inbox, &own) => Ok(()),
            // It has no end.
            () = own.waits.watch() => Ok(()),
        }
    }

    async fn serve_all(&self, mut inbox: mpsc::Receiver<(std::net::TcpStream, Handed)>, own: &Own) {
        let connections = TaskTracker::new();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                arrived = inbox.recv() => match arrived {
                    Some((stream, handed)) => self.serve(&connections, own, stream, handed),
                    None => break,
                },
                _ = sweep.tick() => {
                    own.pool.sweep(Instant::now());
                    self.gateway.close_expired();
                    self.review_verdicts(&connections, &own.pool);
                }
                () = self.stop.soft.cancelled() => break,
            }
        }
        self.gateway.stop_streams();
        // What the acceptor had handed over already is served too, and told to go away.
        inbox.close();
        while let Some((stream, handed)) = inbox.recv().await {
            self.serve(&connections, own, stream, handed);
        }
        connections.close();
        connections.wait().await;
        self.gateway.tunnels.close();
        tokio::select! {
            () = self.gateway.tunnels.wait() => {}
            () = self.stop.hard.cancelled() => {}
        }
    }

    /// Beside everything else: an auth server may take its time.
    fn review_verdicts(&self, tasks: &TaskTracker, pool: &Arc<Pool>) {
        let due = self.gateway.due_verdicts();
        if due.is_empty() {
            return;
        }
        let (gateway, pool) = (Arc::clone(&self.gateway), Arc::clone(pool));
        let stop = self.stop.soft.clone();
        tasks.spawn(async move {
            let reviewing = gateway.review_verdicts(&pool, due);
            stop.run_until_cancelled(reviewing).await;
        });
    }

    fn serve(
        &self,
        connections: &TaskTracker,
        own: &Own,
        stream: std::net::TcpStream,
        handed: Handed,
    ) {
        let (peer, permit, tls) = handed;
        let open = OpenConnection(Arc::clone(&self.open));
        let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
            return;
        };
        let arrival = Arrival {
            stream,
            peer,
            permit,
            tls,
        };
        let (gateway, stop) = (Arc::clone(&self.gateway), self.stop.clone());
        let own = own.clone();
        connections.spawn(async move {
            gateway.usage.connections.increment(1);
            let limits = gateway.serve_limits;
            let make_service = |connection| {
                ClientService::new(Context {
                    gateway: Arc::clone(&gateway),
                    pool: own.pool,
                    waits: own.waits,
                    connection,
                    recorder: own.recorder,
                })
            };
            if let Err(error) = serve::serve(arrival, &limits, &stop, make_service).await {
                tracing::debug!(client.address = %peer.ip(), %error, "connection ended");
            }
            gateway.usage.connections.decrement(1);
            drop(open);
        });
    }
}

struct OpenConnection(Arc<AtomicUsize>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Connections on their way to a worker.
const HANDOVER: usize = 1024;
/// Idle upstream connections kept per origin and worker.
const IDLE_PER_ORIGIN: usize = 512;
/// Between two looks at idle upstream connections and at streams whose credential ends.
const SWEEP: Duration = Duration::from_secs(1);
const APOLOGY: Apology = Apology {
    address: b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 5\r\n\r\n",
    total: b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 5\r\n\r\n",
};
