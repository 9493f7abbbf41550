//! The built binary as its users run it: real processes, real sockets, real signals.
//!
//! Every process listens at ports that the kernel chose, keeps its data in a folder of its own, and
//! is killed when its handle goes. Nothing here waits a fixed time: a test reads what the process
//! says or asks again until a limit. Start reading at `support::child`.
#![cfg(all(feature = "registry", feature = "gateway", feature = "examples"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking, as tests do, and say what they measured"
)]

mod canary;
mod certificates;
mod changes;
mod client;
mod command_line;
mod compose;
mod crash;
mod deployment_modes;
mod floods;
mod following;
mod modes;
mod refusals;
mod spoofing;
mod start;
mod stop;
mod support;
mod systemd;
mod validate;
