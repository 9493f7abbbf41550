//! Runs a mode: settings, logs, parts, and waiting for the end.

use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Builder;

use super::assemble::{self, Assembled};
use super::lifecycle::Lifecycle;
use super::readiness::Readiness;
use super::{Failure, commands};
use crate::app::mode::Mode;
use crate::cli::Cli;
use crate::config::Loaded;
use crate::domain::time::Clock;
use crate::net::systemd;
use crate::telemetry::Telemetry;

/// Runs the mode until it is told to stop.
pub(super) fn run(cli: &Cli, mode: Mode, env: Vec<(String, String)>) -> Result<(), Failure> {
    mode.check_build()
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let names = env
        .iter()
        .find(|(name, _)| name == "LISTEN_FDNAMES")
        .map(|(_, names)| names.clone());
    let loaded = commands::settings(cli, env, mode.parts())
        .map_err(|errors| Failure::Usage(errors.to_string()))?;
    let clock = Clock::system();
    let telemetry =
        Telemetry::start(&loaded.config.log, clock.now().unix()).map_err(anyhow::Error::from)?;
    log_panics();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // Requests of the control plane run beside each other; a gateway alone has little to do here.
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, 8);
    let workers = if mode == Mode::Gateway { 1 } else { workers };
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start the control runtime")?;
    let ended = runtime.block_on(live(mode, &loaded, &telemetry, clock, names.as_deref()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry.flush();
    Ok(ended?)
}

async fn live(
    mode: Mode,
    loaded: &Loaded,
    telemetry: &Telemetry,
    clock: Clock,
    socket_names: Option<&str>,
) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::new();
    lifecycle
        .listen_for_signals()
        .context("cannot listen for signals")?;
    let readiness = Readiness::new();
    let starting = readiness.guard("starting");
    let assembled = assemble::assemble(
        mode,
        loaded,
        telemetry,
        clock,
        &lifecycle,
        &readiness,
        socket_names,
    )
    .await?;
    drop(starting);
    systemd::ready("serving");
    beat(&lifecycle);
    tracing::info!(mode = %mode, version = env!("CARGO_PKG_VERSION"), "serving");
    lifecycle.stop.soft.cancelled().await;
    wind_down(
        &lifecycle,
        &readiness,
        assembled,
        loaded.config.gateway.timeouts.drain.get(),
    )
    .await
}

/// Tells systemd that the process is alive, where the unit wants to hear it.
fn beat(lifecycle: &Lifecycle) {
    if let Some(every) = systemd::watchdog() {
        lifecycle.supervise("watchdog", move || async move {
            let mut ticks = tokio::time::interval(every);
            loop {
                ticks.tick().await;
                systemd::beat();
            }
        });
    }
}

/// Two steps: what is in progress may finish, then everything ends.
async fn wind_down(
    lifecycle: &Lifecycle,
    readiness: &Readiness,
    assembled: Assembled,
    limit: Duration,
) -> anyhow::Result<()> {
    readiness.not_ready();
    systemd::stopping();
    tracing::info!(
        limit_seconds = limit.as_secs(),
        "stopping: open requests may finish"
    );
    let stop = lifecycle.stop.clone();
    let deadline = tokio::time::sleep(limit);
    let finish = assembled.finish(lifecycle);
    tokio::pin!(deadline, finish);
    let finished = tokio::select! {
        finished = &mut finish => finished,
        () = &mut deadline => {
            tracing::warn!("the time to finish is over: dropping what is left");
            stop.hard.cancel();
            finish.await
        }
        () = stop.hard.cancelled() => {
            tracing::warn!("told to stop at once");
            finish.await
        }
    };
    finished?;
    tracing::info!("stopped");
    anyhow::ensure!(
        !lifecycle.has_failed(),
        "a part of the process failed; the log says which"
    );
    Ok(())
}

/// A panic is logged like everything else, with its place and without what it was about to say of
/// data.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.payload().downcast_ref::<String>().cloned());
        tracing::error!(
            place,
            message,
            thread = std::thread::current().name(),
            "panic"
        );
    }));
}
