//! A future that is polled only when something woke it.
//!
//! A task that waits for several things polls all of them whenever one is ready. Where most of them
//! hardly ever happen, asking each every time costs more than what they watch.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls `F` at first, and then each time after its waker was called.
#[derive(Debug)]
pub struct WhenWoken<F> {
    future: F,
    bell: Arc<Bell>,
    /// What `future` is polled with; made once.
    waker: Waker,
    /// The task that the bell wakes.
    task: Waker,
}

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    /// The task that waits.
    task: Mutex<Waker>,
}

impl<F: Future + Unpin> WhenWoken<F> {
    /// Wraps a future.
    pub fn new(future: F) -> Self {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            task: Mutex::new(Waker::noop().clone()),
        });
        Self {
            future,
            waker: Waker::from(Arc::clone(&bell)),
            task: Waker::noop().clone(),
            bell,
        }
    }
}

impl<F: Future + Unpin> Future for WhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !self.task.will_wake(context.waker()) {
            self.task.clone_from(context.waker());
            let mut task = self
                .bell
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            task.clone_from(context.waker());
        }
        // Looked at first: nearly always it was not rung, and a look costs less than a swap.
        if !self.bell.rung.load(Ordering::Acquire) || !self.bell.rung.swap(false, Ordering::AcqRel)
        {
            return Poll::Pending;
        }
        let this = &mut *self;
        let polled = Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker));
        if polled.is_ready() {
            // One that goes on afterwards (a `poll_fn`) is to be asked again.
            self.bell.rung.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn asks_only_after_a_wake() {
        let (notify, asked) = (Notify::new(), AtomicUsize::new(0));
        let mut notified = std::pin::pin!(notify.notified());
        let future = std::future::poll_fn(|context| {
            asked.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(context)
        });
        let mut watched = WhenWoken::new(future);
        for _ in 0..10 {
            assert!(futures_util::poll!(&mut watched).is_pending());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        notify.notify_one();
        watched.await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_wake_reaches_the_task_that_waits() {
        let notify = Arc::new(Notify::new());
        let waiting = {
            let notify = Arc::clone(&notify);
            async move {
                let notified = std::pin::pin!(notify.notified());
                WhenWoken::new(notified).await;
            }
        };
        let ringing = async {
            tokio::task::yield_now().await;
            notify.notify_one();
        };
        tokio::join!(waiting, ringing);
    }
}
