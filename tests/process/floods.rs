//! Floods of HTTP/2 frames against the running gateway: it answers others meanwhile, its memory stays
//! within bounds, and it is the same process afterwards.
//!
//! Each flood is written by several connections at once, by some that read the replies and by some that
//! read none. They stay open until memory is measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::deployment::{Pair, status};
use crate::support::frames::{self, frame};
use crate::support::http::get;

/// Connections that flood at once.
const ATTACKERS: usize = 6;
/// What the gateway may grow by in all. The figure is for a build without optimisation.
const GROWTH: usize = 48 * 1024 * 1024;
/// How long one connection floods at least, when it is not closed before.
const FLOOD: Duration = Duration::from_secs(2);
/// It goes on until an honest client has had so many answers beside it.
const ANSWERS: usize = 3;
/// And gives up then: nobody else is served.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one connection sends: first the one, then the other again and again.
struct Flood {
    name: &'static str,
    first: Vec<u8>,
    /// For the `round`th time.
    again: Box<dyn Fn(u32) -> Vec<u8> + Sync>,
    /// The connection must be closed for it.
    is_closed: bool,
}

fn flood(name: &'static str, again: impl Fn(u32) -> Vec<u8> + Sync + 'static) -> Flood {
    Flood {
        name,
        first: Vec::new(),
        again: Box::new(again),
        is_closed: false,
    }
}

impl Flood {
    fn first(mut self, first: Vec<u8>) -> Self {
        self.first = first;
        self
    }

    fn ends_the_connection(mut self) -> Self {
        self.is_closed = true;
        self
    }
}

const PATH: &str = "/currenttime/mcp";
const RESETS: [u32; 2] = [8, 0];

/// An odd stream id for each round.
fn stream(round: u32) -> u32 {
    round * 2 + 1
}

fn open(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(frames::HEADERS, flags, stream, block)
}

fn floods() -> Vec<Flood> {
    let request = frames::request("GET", PATH, &[]);
    let post = frames::request("POST", PATH, &[("content-type", "application/json")]);
    let big = frames::block(&[("x-big", &"x".repeat(8_000))]);
    // An entry of 4,000 bytes in the table of fields, then references of one byte to it.
    let entry: Vec<u8> = [
        &[0x40][..],
        &frames::block(&[("x", &"y".repeat(4_000))])[1..],
    ]
    .concat();
    let bomb = [request.clone(), entry, vec![0xbe; 12_000]].concat();
    let crumbs = [
        request.clone(),
        frames::block(&[("cookie", "a=b")]).repeat(1_000),
    ]
    .concat();
    let begin = open(1, frames::END, &request);
    let upload = open(1, frames::END_HEADERS, &post);
    let mut floods = Vec::new();
    for code in RESETS {
        let request = request.clone();
        floods.push(
            flood("rapid reset", move |round| {
                let stream = stream(round);
                let reset = frame(frames::RST_STREAM, 0, stream, &code.to_be_bytes());
                [
                    open(stream, frames::END | frames::END_HEADERS, &request),
                    reset,
                ]
                .concat()
            })
            .ends_the_connection(),
        );
    }
    let made = request;
    floods.extend([
        flood("resets that the server is made to send", move |round| {
            let stream = stream(round);
            let zero = frame(frames::WINDOW_UPDATE, 0, stream, &[0; 4]);
            [open(stream, frames::END | frames::END_HEADERS, &made), zero].concat()
        })
        .ends_the_connection(),
        flood("empty continuations", |_| {
            frame(frames::CONTINUATION, 0, 1, &[])
        })
        .first(begin.clone())
        .ends_the_connection(),
        flood("endless header fields", move |_| {
            frame(frames::CONTINUATION, 0, 1, &big)
        })
        .first(begin)
        .ends_the_connection(),
        flood("a bomb of references", move |round| {
            open(stream(round), frames::END | frames::END_HEADERS, &bomb)
        }),
        flood("crumbs of cookies", move |round| {
            open(stream(round), frames::END | frames::END_HEADERS, &crumbs)
        }),
        flood("streams that are never ended", move |round| {
            open(stream(round), frames::END_HEADERS, &post)
        }),
        flood("empty data", |_| frame(frames::DATA, 0, 1, &[])).first(upload.clone()),
        flood("data of one byte", |_| frame(frames::DATA, 0, 1, b" ")).first(upload),
        flood("pings", |round| {
            frame(frames::PING, 0, 0, &u64::from(round).to_be_bytes())
        }),
        flood("settings", |_| {
            frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])
        }),
        flood("windows", |_| {
            frame(frames::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
        }),
        flood("priorities", |round| {
            frame(2, 0, stream(round), &[0, 0, 0, 0, 16])
        }),
        flood("unknown frames", |_| frame(0xee, 0, 0, &[7; 64])),
        flood("data of a stream that never was", |_| {
            frame(frames::DATA, 0, 999, b"x")
        })
        .ends_the_connection(),
    ]);
    floods
}

/// Writes a flood until the other side closes, or the time is over and others were served; whether it
/// was closed. The connection comes back open.
fn write(at: SocketAddr, flood: &Flood, reads: bool, served: &AtomicUsize) -> (TcpStream, bool) {
    let mut socket = TcpStream::connect(at).unwrap();
    let begin = Instant::now();
    let goes_on = || {
        let so_far = begin.elapsed();
        let is_served = served.load(Ordering::Relaxed) >= ANSWERS;
        so_far < FLOOD || (so_far < PATIENCE && !is_served)
    };
    let limit = Some(Duration::from_millis(200));
    socket.set_write_timeout(limit).unwrap();
    socket.write_all(&frames::opening()).unwrap();
    let mut is_closed = socket.write_all(&flood.first).is_err();
    socket.set_nonblocking(reads).unwrap();
    let mut round = 0;
    let mut replies = vec![0; 64 * 1024];
    while !is_closed && goes_on() {
        let batch: Vec<u8> = (round..round + 100)
            .flat_map(|round| (flood.again)(round))
            .collect();
        round += 100;
        is_closed = !pour(&mut socket, &batch, reads, &mut replies, goes_on);
    }
    (socket, is_closed)
}

/// Writes a batch and reads what has come; false when the other side is gone.
fn pour(
    socket: &mut TcpStream,
    mut batch: &[u8],
    reads: bool,
    replies: &mut [u8],
    goes_on: impl Fn() -> bool,
) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    while !batch.is_empty() && goes_on() {
        if reads {
            match socket.read(replies) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == WouldBlock => {}
                Err(_) => return false,
            }
        }
        match socket.write(batch) {
            Ok(count) => batch = &batch[count..],
            // Held back: nobody reads on the other side for now.
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut) => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
    true
}

/// Calls as an honest client until told to stop, and counts the answers; the longest wait.
fn honest(at: SocketAddr, is_over: &AtomicBool, served: &AtomicUsize) -> Duration {
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let reply = get(at, "/health").unwrap();
        assert_eq!(reply.status, 200);
        longest = longest.max(begin.elapsed());
        served.fetch_add(1, Ordering::Relaxed);
    }
    longest
}

#[test]
fn floods_cost_a_bounded_amount_of_memory_and_nobody_elses_requests() {
    let pair = Pair::start_with(|gateway, _| gateway.env("MCP__GATEWAY__WORKERS", "1"));
    let at = pair.http();
    assert_eq!(status(at, PATH, None), 200);
    let before = pair.gateway.memory();
    let mut most = before;
    for flood in floods() {
        let (is_over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (attacks, during, longest) = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| honest(at, &is_over, &served));
            let attackers: Vec<_> = (0..ATTACKERS)
                .map(|number| {
                    let (flood, served) = (&flood, &served);
                    scope.spawn(move || write(at, flood, number % 2 == 0, served))
                })
                .collect();
            let attacks: Vec<_> = attackers
                .into_iter()
                .map(|attacker| attacker.join().unwrap())
                .collect();
            let during = served.load(Ordering::Relaxed);
            is_over.store(true, Ordering::Relaxed);
            (attacks, during, waiting.join().unwrap())
        });
        let memory = pair.gateway.memory();
        most = most.max(memory);
        println!(
            "{}: {} KB more, {during} answers to an honest client that waited {longest:?} at most, {} of {ATTACKERS} closed",
            flood.name,
            memory.saturating_sub(before) / 1024,
            attacks.iter().filter(|(_, is_closed)| *is_closed).count(),
        );
        let is_cut = attacks.iter().all(|(_, is_closed)| *is_closed);
        assert!(is_cut || during >= ANSWERS, "{}: {during}", flood.name);
        assert!(memory < before + GROWTH, "{}: {memory} bytes", flood.name);
        if flood.is_closed {
            // Those that read hear of it while they write.
            let open = attacks
                .iter()
                .step_by(2)
                .filter(|(_, is_closed)| !is_closed);
            assert_eq!(open.count(), 0, "{}", flood.name);
        }
        assert_eq!(status(at, PATH, None), 200, "{}", flood.name);
    }
    println!(
        "memory before {} KB, at most {} KB",
        before / 1024,
        most / 1024
    );
}
