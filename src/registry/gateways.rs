//! What gateways tell of themselves; kept in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::domain::time::Timestamp;

/// The gateways that have reported.
#[derive(Debug, Default)]
pub(super) struct Gateways(Mutex<BTreeMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    seen_at: Timestamp,
    report: Value,
    events: u64,
}

/// A gateway, as the API shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct GatewayInfo {
    /// Its name for itself.
    id: String,
    /// Its last report, or its last events.
    #[schema(format = DateTime)]
    last_seen: String,
    /// What it reported: version, revision, certificates, public key.
    #[schema(value_type = Object)]
    report: Value,
    /// Events taken from it.
    events: u64,
}

impl Gateways {
    /// Keeps a report.
    pub(super) fn report(&self, id: &str, report: Value, now: Timestamp) {
        self.with(id, now, |known| known.report = report);
    }

    /// Counts events that were not counted before.
    pub(super) fn events(&self, id: &str, count: u64, now: Timestamp) {
        self.with(id, now, |known| {
            known.events = known.events.saturating_add(count);
        });
    }

    fn with<T>(&self, id: &str, now: Timestamp, act: impl FnOnce(&mut Known) -> T) -> T {
        let mut gateways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gateways.len() >= MAX_GATEWAYS && !gateways.contains_key(id) {
            let oldest = gateways
                .iter()
                .min_by_key(|(_, known)| known.seen_at)
                .map(|(id, _)| id.clone());
            oldest.map(|id| gateways.remove(&id));
        }
        let known = gateways.entry(id.to_owned()).or_insert(Known {
            seen_at: now,
            report: Value::Null,
            events: 0,
        });
        known.seen_at = now;
        act(known)
    }

    /// All, by name.
    pub(super) fn list(&self) -> Vec<GatewayInfo> {
        let gateways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gateways
            .iter()
            .map(|(id, known)| GatewayInfo {
                id: id.clone(),
                last_seen: known.seen_at.to_rfc3339(),
                report: known.report.clone(),
                events: known.events,
            })
            .collect()
    }
}

const MAX_GATEWAYS: usize = 1_000;
