//! Panics as values: what panics is one future's end and nobody else's.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::task::Poll;

/// The future panicked; the panic hook has logged where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs a future whose panic is a value. It is not polled again after one.
///
/// # Errors
/// When it panicked.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}
