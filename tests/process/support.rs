//! What the tests of this folder share.

pub(crate) mod child;
pub(crate) mod deployment;
#[expect(
    dead_code,
    reason = "tests on real sockets in `it` use what is not used here"
)]
#[path = "../it/support/frames.rs"]
pub(crate) mod frames;
pub(crate) mod http;
pub(crate) mod mcp;
#[expect(
    dead_code,
    reason = "tests on real sockets in `it` use what is not used here"
)]
#[path = "../it/support/noise.rs"]
pub(crate) mod noise;
pub(crate) mod switch;
pub(crate) mod tls;
pub(crate) mod upstream;

use std::time::{Duration, Instant};

/// Longest wait for something that happens at once on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again, with short pauses, until there is an answer; `what` is said when there is none.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
