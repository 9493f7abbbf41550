//! Panics as values: what panics is one future's end and nobody else's.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// The future panicked; the panic hook has logged where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs a future whose panic is a value. It is not polled again after one.
///
/// No `async fn`, which would hold the future twice: as its argument and where it is polled.
///
/// # Errors
/// When it panicked.
pub fn caught<F: Future>(future: F) -> impl Future<Output = Result<F::Output, Panicked>> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .map(|ended| ended.map_err(|_| Panicked))
}
