//! Telling the registry which revision this gateway has. Best effort: nothing depends on it.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Follower, meters};
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::trust::TokenKey;

#[derive(Serialize)]
struct Report<'f> {
    id: &'f str,
    version: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identity_keys: Vec<TokenKey>,
}

/// Reports on change and every [`EVERY`], as long as the watch is connected.
pub(super) async fn run(follower: &Follower, mut connected: watch::Receiver<bool>) {
    let mut snapshots = follower.publisher.subscribe();
    let mut keys = follower.identity.keys.clone();
    while connected.wait_for(|connected| *connected).await.is_ok() {
        snapshots.mark_unchanged();
        keys.mark_unchanged();
        let understood = send(follower).await;
        let pause = if understood {
            EVERY
        } else {
            follower.poll_interval.max(EVERY)
        };
        tokio::select! {
            () = sleep(pause) => {}
            Ok(()) = keys.changed(), if understood => {}
            changed = snapshots.changed(), if understood => {
                if changed.is_err() {
                    return;
                }
                sleep(COALESCE).await;
            }
        }
    }
}

/// Whether it is worth telling more: a registry may not know reports.
async fn send(follower: &Follower) -> bool {
    let (Some(url), Some(token)) = (&follower.urls.report, follower.token()) else {
        return false;
    };
    let current = follower.current();
    let report = Report {
        id: &follower.identity.id,
        version: &follower.identity.version,
        cluster: current.as_ref().map(|current| current.cluster.clone()),
        revision: current.as_ref().map(|current| current.revision),
        identity_keys: follower.identity.keys.borrow().clone(),
    };
    let started = Instant::now();
    let request = follower
        .client
        .post(url.clone())
        .bearer_auth(token.expose())
        .json(&report);
    match timeout(LIMIT, request.send()).await {
        Ok(Ok(answer)) => {
            meters::answered(meters::Request::Report, started.elapsed());
            !matches!(
                answer.status(),
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
            )
        }
        Ok(Err(_)) | Err(_) => true,
    }
}

const EVERY: Duration = Duration::from_secs(5);
const COALESCE: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(5);
