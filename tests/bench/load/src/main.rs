//! Load for the benchmarks: the server behind the proxies, and the callers that `wrk` and `h2load` cannot be.
//!
//! Each caller prints `START` when its figures begin, and at the end one line of JSON. Everything runs on
//! one thread, so that it can be pinned beside what is measured. Start reading at [`Command`].

mod clock;
mod handshakes;
mod histogram;
mod http;
mod rate;
mod server;
mod streams;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Answers at once, streams events, sends and takes bulk; says at which port.
    Server(server::Options),
    /// Requests at a fixed rate; a delay counts from when the request was due.
    Rate(rate::Options),
    /// Event streams that stay open; the delay of each event.
    Streams(streams::Options),
    /// Full TLS 1.3 handshakes without resumption.
    Handshakes(handshakes::Options),
}

fn main() -> std::io::Result<()> {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match command {
            Command::Server(options) => server::run(options).await,
            Command::Rate(options) => rate::run(options).await,
            Command::Streams(options) => streams::run(options).await,
            Command::Handshakes(options) => handshakes::run(options).await,
        }
    })
}
