//! Requests at a fixed rate on kept connections, whether or not the last ones are answered.
//!
//! A delay counts from when the request was due, so a proxy that stalls cannot hide its queue. The clock
//! that wakes has steps of a millisecond.

use crate::clock;
use crate::histogram::Histogram;
use crate::http;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(clap::Args)]
pub struct Options {
    /// Address of the proxy.
    #[arg(long)]
    to: String,
    /// File with one whole request.
    #[arg(long)]
    request: std::path::PathBuf,
    #[arg(long)]
    connections: usize,
    /// Requests per second.
    #[arg(long)]
    rate: f64,
    #[arg(long)]
    seconds: f64,
}

struct Run {
    to: String,
    request: Vec<u8>,
    start: u64,
    end: u64,
    gap: f64,
    next: Cell<u32>,
    failed: Cell<u64>,
    delays: RefCell<Histogram>,
}

/// Prints `START` when all are connected, the figures at the end.
pub async fn run(options: Options) -> io::Result<()> {
    let request = std::fs::read(&options.request)?;
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        connections.push(connect(&options.to).await?);
    }
    println!("START");
    let start = clock::now();
    let run = Rc::new(Run {
        to: options.to,
        request,
        start,
        end: start + clock::nanoseconds(options.seconds),
        gap: 1e9 / options.rate,
        next: Cell::new(0),
        failed: Cell::new(0),
        delays: RefCell::new(Histogram::new()),
    });
    let callers: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let run = Rc::clone(&run);
            tokio::task::spawn_local(async move { run.call(connection).await })
        })
        .collect();
    for caller in callers {
        caller.await.map_err(io::Error::other)?;
    }
    let delays = run.delays.borrow();
    println!(
        r#"{{"count":{},"failed":{},{}}}"#,
        delays.count(),
        run.failed.get(),
        delays.members()
    );
    Ok(())
}

impl Run {
    /// One caller: takes the next request that is due, until the end.
    async fn call(&self, connection: TcpStream) {
        let mut connection = Some(connection);
        while let Some(due) = self.take() {
            let early = due.saturating_sub(clock::now());
            if early > 0 {
                tokio::time::sleep(Duration::from_nanos(early)).await;
            }
            if connection.as_ref().is_none_or(closed) {
                connection = connect(&self.to).await.ok();
            }
            let answered = match connection.as_mut() {
                Some(kept) => self.exchange(kept).await,
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            if answered.is_ok() {
                let delay = clock::now().saturating_sub(due);
                self.delays.borrow_mut().add(delay);
            } else {
                connection = None;
                self.failed.set(self.failed.get() + 1);
            }
        }
    }

    fn take(&self) -> Option<u64> {
        let number = self.next.get();
        self.next.set(number + 1);
        let due = self.start + clock::nanoseconds(f64::from(number) * self.gap / 1e9);
        (due < self.end).then_some(due)
    }

    async fn exchange(&self, connection: &mut TcpStream) -> io::Result<()> {
        connection.write_all(&self.request).await?;
        let mut data = Vec::with_capacity(1024);
        loop {
            if connection.read_buf(&mut data).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match http::answer(&data) {
                Some((_, true)) => return Ok(()),
                Some((_, false)) => return Err(io::Error::other("not answered 200")),
                None => {}
            }
        }
    }
}

/// Whether the proxy has closed a connection that waits: no fault, a client takes another one.
fn closed(connection: &TcpStream) -> bool {
    !matches!(connection.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

async fn connect(to: &str) -> io::Result<TcpStream> {
    let connection = TcpStream::connect(to).await?;
    connection.set_nodelay(true)?;
    Ok(connection)
}
