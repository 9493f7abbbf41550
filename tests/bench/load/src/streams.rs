//! Many event streams at once, and how late each event arrives.

use crate::clock;
use crate::histogram::Histogram;
use memchr::memmem;
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
    /// Target that answers with events.
    #[arg(long)]
    path: String,
    /// How many streams.
    #[arg(long)]
    streams: usize,
    /// Seconds between the last stream's start and the figures.
    #[arg(long)]
    warm: f64,
    /// Seconds of the figures.
    #[arg(long)]
    seconds: f64,
}

#[derive(Default)]
struct Run {
    delays: RefCell<Option<Histogram>>,
    open: Cell<usize>,
    broken: Cell<usize>,
}

/// Prints `OPEN` and how many streams were answered, `START` after the warming up, the figures at the end.
pub async fn run(options: Options) -> io::Result<()> {
    let run = Rc::new(Run::default());
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n",
        options.path, options.to
    );
    for number in 1..=options.streams {
        let (run, to, request) = (Rc::clone(&run), options.to.clone(), request.clone());
        tokio::task::spawn_local(async move {
            // A stream here has no end but a fault.
            listen(&run, &to, &request).await.ok();
            run.broken.set(run.broken.get() + 1);
        });
        if number % 200 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let limit = clock::now() + OPENING;
    while run.open.get() + run.broken.get() < options.streams && clock::now() < limit {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("OPEN {}", run.open.get());
    tokio::time::sleep(Duration::from_secs_f64(options.warm)).await;
    println!("START");
    *run.delays.borrow_mut() = Some(Histogram::new());
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let delays = run.delays.take().unwrap_or_else(Histogram::new);
    println!(
        r#"{{"count":{},"open":{},"failed":{},{}}}"#,
        delays.count(),
        run.open.get(),
        options.streams - run.open.get() + run.broken.get(),
        delays.members()
    );
    Ok(())
}

async fn listen(run: &Run, to: &str, request: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut data = Vec::with_capacity(512);
    while memmem::find(&data, b"\r\n\r\n").is_none() {
        receive(&mut stream, &mut data).await?;
    }
    if !data.starts_with(b"HTTP/1.1 200 ") {
        return Err(io::Error::other("not answered 200"));
    }
    run.open.set(run.open.get() + 1);
    loop {
        let arrived = clock::now();
        while let Some(sent) = take_sent(&mut data) {
            if let Some(delays) = run.delays.borrow_mut().as_mut() {
                delays.add(arrived.saturating_sub(sent));
            }
        }
        receive(&mut stream, &mut data).await?;
    }
}

async fn receive(stream: &mut TcpStream, data: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(data).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// When the next event in `data` was sent; takes it off.
fn take_sent(data: &mut Vec<u8>) -> Option<u64> {
    let from = memmem::find(data, MARK)? + MARK.len();
    let digits = data.get(from..from + 20)?;
    let sent = std::str::from_utf8(digits).ok()?.parse().ok();
    data.drain(..from + 20);
    sent
}

const MARK: &[u8] = b"\"t\":";
const OPENING: u64 = 60_000_000_000;
