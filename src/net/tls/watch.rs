//! Looking at the files every two seconds, and at the expiry.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::certs::{Reload, ServerCerts};
use super::error::{Problem, TlsError};
use super::source::TlsSource;
use crate::domain::time::Timestamp;

/// What the last looks have found.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The content that could not be taken (none: it could not be read), and whether that was said.
    rejected: Option<Rejected>,
    warned_of_expiry: Option<Timestamp>,
    dev_checked: Option<Timestamp>,
}

#[derive(Debug)]
struct Rejected {
    content: Option<[u8; 32]>,
    said: bool,
    /// It may become good without changing.
    may_ripen: bool,
}

impl ServerCerts {
    /// Takes new certificates as they come, until `stop`: a pair that can serve at once, a bad one
    /// never (said once for each content, and only if it is still there at the second look, since
    /// two files are seldom written at the same moment).
    pub async fn watch(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(INTERVAL) => {}
            }
            let certs = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || certs.look()).await {
                tracing::error!(error = %error, "a look at the certificate files broke off");
            }
        }
    }

    /// One look: own certificates renewed, files taken, expiry told.
    pub(super) fn look(&self) {
        self.renew_own();
        let seen = self.seen();
        if !self.is_known_bad(&seen) {
            match seen.and_then(|content| Ok((content, self.reload_now()?))) {
                Ok((_, Reload::Unchanged | Reload::Taken)) => self.watcher().rejected = None,
                Err(error) => self.reject(&error),
            }
        }
        self.observe();
    }

    /// True for content that was rejected and complained about before.
    fn is_known_bad(&self, seen: &Result<[u8; 32], TlsError>) -> bool {
        self.watcher().rejected.as_ref().is_some_and(|rejected| {
            rejected.said && !rejected.may_ripen && rejected.content == seen.as_ref().ok().copied()
        })
    }

    fn reject(&self, error: &TlsError) {
        let content = self.seen().ok();
        let may_ripen = matches!(
            error,
            TlsError::File {
                problem: Problem::NotYetValid(_),
                ..
            }
        );
        let mut watcher = self.watcher();
        match &mut watcher.rejected {
            Some(known) if known.content == content => {
                if !known.said {
                    known.said = true;
                    metrics::counter!("mcp_tls_reload_failures_total").increment(1);
                    tracing::error!(
                        error = %error,
                        "the new certificate files cannot be used; the certificate loaded before stays"
                    );
                }
            }
            rejected => {
                *rejected = Some(Rejected {
                    content,
                    said: false,
                    may_ripen,
                });
            }
        }
    }

    /// Renews certificates of our own making, looking once an hour.
    fn renew_own(&self) {
        let TlsSource::Dev(_) = self.0.source else {
            return;
        };
        let now = self.0.clock.now();
        let mut watcher = self.watcher();
        if watcher
            .dev_checked
            .is_some_and(|last| now < last.plus_seconds(HOUR))
        {
            return;
        }
        watcher.dev_checked = Some(now);
        drop(watcher);
        if let Err(error) = self.0.source.files(&self.0.clock) {
            tracing::error!(error = %error, "the certificate of our own making cannot be renewed");
        }
    }

    /// Sets the gauge, and warns once a day from thirty days before the end.
    pub(super) fn observe(&self) {
        let (now, info) = (self.0.clock.now(), self.info());
        let left = info.not_after.unix().saturating_sub(now.unix());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge of seconds needs no more"
        )]
        metrics::gauge!(EXPIRY_GAUGE).set(left as f64);
        let mut watcher = self.watcher();
        let said_today = watcher
            .warned_of_expiry
            .is_some_and(|last| now < last.plus_seconds(DAY));
        if left > WARN_AHEAD || said_today {
            return;
        }
        watcher.warned_of_expiry = Some(now);
        drop(watcher);
        tracing::warn!(
            tls.names = ?info.names,
            tls.expires = info.not_after.to_rfc3339(),
            tls.days_left = left.div_euclid(DAY),
            "the certificate expires soon or has expired; renew it, it is taken without a restart"
        );
    }
}

const INTERVAL: Duration = Duration::from_secs(2);
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
const WARN_AHEAD: i64 = 30 * DAY;
/// Seconds until the certificate in use expires; negative once it has.
const EXPIRY_GAUGE: &str = "mcp_tls_certificate_expiry_seconds";
