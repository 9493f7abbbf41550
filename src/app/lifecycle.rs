//! From start to stop: signals, tasks that must not die silently, the two steps of an end.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::serve::Stop;
use crate::http::unwind::caught;
use crate::telemetry::metrics::TASK_RESTARTS_TOTAL;

/// Owns everything that runs in the background of the control runtime.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    /// Both steps of the end.
    pub(super) stop: Stop,
    /// All tasks.
    pub(super) tasks: TaskTracker,
    /// Tripped when something broke for good: the process ends with a failure.
    failed: CancellationToken,
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Self {
            stop: Stop {
                soft: CancellationToken::new(),
                hard: CancellationToken::new(),
            },
            tasks: TaskTracker::new(),
            failed: CancellationToken::new(),
        }
    }

    /// Runs a task until the soft stop, and again, with growing pauses, whenever it ends or panics
    /// before. Each restart is logged and counted.
    pub(super) fn supervise<F>(
        &self,
        name: &'static str,
        mut start: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let soft = self.stop.soft.clone();
        self.tasks.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                let ended = soft.run_until_cancelled(caught(start())).await;
                let Some(ended) = ended else { return };
                if soft.is_cancelled() {
                    return;
                }
                metrics::counter!(TASK_RESTARTS_TOTAL, "task" => name).increment(1);
                let how = if ended.is_ok() { "ended" } else { "panicked" };
                tracing::error!(task = name, "a background task {how} and starts again");
                if soft.run_until_cancelled(sleep(pause)).await.is_none() {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    /// Runs a task without which the process makes no sense: if it ends or panics before the soft
    /// stop, the process stops and says that it failed.
    pub(super) fn essential(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (soft, failed) = (self.stop.soft.clone(), self.failed.clone());
        self.tasks.spawn(async move {
            let ended = caught(task).await;
            if !soft.is_cancelled() {
                let how = if ended.is_ok() { "ended" } else { "panicked" };
                tracing::error!(task = name, "an essential task {how}: stopping");
                failed.cancel();
                soft.cancel();
            }
        });
    }

    /// Whether something broke for good.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Trips the soft stop at the first SIGTERM or SIGINT and the hard one at the second.
    pub(super) fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            for step in [&stop.soft, &stop.hard] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = stop.hard.cancelled() => return,
                }
                step.cancel();
            }
        });
        Ok(())
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_crashed_task_starts_again_until_the_stop() {
        let lifecycle = Lifecycle::new();
        let (starts, third) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, reached) = (Arc::clone(&starts), Arc::clone(&third));
        lifecycle.supervise("test", move || {
            let count = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let reached = Arc::clone(&reached);
            async move {
                assert!(count != 1, "the first one panics");
                if count >= 3 {
                    reached.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        });
        third.notified().await;
        lifecycle.stop.soft.cancel();
        lifecycle.tasks.close();
        lifecycle.tasks.wait().await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        assert!(!lifecycle.has_failed());
    }

    #[tokio::test]
    async fn the_end_of_an_essential_task_stops_the_process() {
        let lifecycle = Lifecycle::new();
        lifecycle.essential("test", async { panic!("broken") });
        lifecycle.stop.soft.cancelled().await;
        assert!(lifecycle.has_failed());
    }
}
