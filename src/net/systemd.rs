//! Talking to the service manager; without one, every call does nothing.
//!
//! Start reading at [`ready`]. Sockets passed by systemd are [`super::listen::Inherited`].

use std::time::Duration;

use sd_notify::NotifyState;

/// Says that the process serves.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Replaces the line that `systemctl status` shows.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// Says that the process is on its way out.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// How often [`beat`] is due: half of what the unit's `WatchdogSec` allows; `None` without one.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Says that the process is alive.
pub fn beat() {
    send(&[NotifyState::Watchdog]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = %error, "the service manager was not told of a state change");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_service_manager_nothing_happens() {
        ready("serving");
        status("still serving");
        beat();
        stopping();
        assert_eq!(watchdog(), None);
    }
}
