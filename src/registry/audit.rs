//! Who changed what, and who used what: writing it down and finding it again.
//!
//! Promises: an entry tells which fields changed and a digest of the object, never a secret nor a
//! value; changes and uses are one list, the newest first. Start with [`Difference`] (what a change
//! tells) and [`Registry::search_audit`].

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Map, Value};

use super::change::Actor;
use super::health::Health;
use super::info::ServerInfo;
use super::{Error, Registry};
use crate::domain::audit::{AccessEvent, Decision};
use crate::domain::hex::hex;
use crate::domain::policy::Rules;
use crate::domain::time::Timestamp;
use crate::http::Edge;
use crate::store::{
    AccessBatch, AuditEntry, AuditFilter, LOCAL, Place, StoredAccess, StoredAudit, StoredServer,
};

/// What a change made different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    changed: BTreeSet<String>,
    before: String,
    after: String,
}

impl Difference {
    /// Between two shapes of an object that hold no secret; `None` where there is none.
    pub(super) fn of<T: Serialize>(before: Option<&T>, after: Option<&T>) -> Self {
        let before = before.map(fields).unwrap_or_default();
        let after = after.map(fields).unwrap_or_default();
        Self::between(&before, &after)
    }

    /// Of a server, without the values of its headers.
    pub(super) fn of_server(before: Option<&StoredServer>, after: Option<&StoredServer>) -> Self {
        let shown = |stored: &StoredServer| {
            let mut shown = fields(&ServerInfo::new(stored, &Health::default()));
            shown.retain(|name, _| !NOT_WRITTEN.contains(&name.as_str()));
            shown
        };
        let headers =
            |stored: Option<&StoredServer>| stored.map(|stored| stored.definition.headers.clone());
        let difference = Self::between(
            &before.map(shown).unwrap_or_default(),
            &after.map(shown).unwrap_or_default(),
        );
        if before.is_some() && after.is_some() && headers(before) != headers(after) {
            return difference.and("headers");
        }
        difference
    }

    /// Of the policy: which scopes and groups.
    pub(super) fn of_policy(before: Option<&Rules>, after: &Rules) -> Self {
        let flat = |rules: &Rules| {
            let mut flat = BTreeMap::new();
            for (kind, parts) in fields(rules) {
                for (name, value) in parts.as_object().into_iter().flatten() {
                    flat.insert(format!("{kind}.{name}"), value.clone());
                }
            }
            flat
        };
        Self::between(&before.map(flat).unwrap_or_default(), &flat(after))
    }

    /// And this field, whose value is secret.
    pub(super) fn and(mut self, field: &str) -> Self {
        self.changed.insert(field.to_owned());
        self
    }

    fn between(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Self {
        let names = before.keys().chain(after.keys());
        let changed = names
            .filter(|name| before.get(*name) != after.get(*name))
            // Of what is new or gone, all fields are: nothing to tell.
            .filter(|_| !before.is_empty() && !after.is_empty())
            .cloned()
            .collect();
        Self {
            changed,
            before: digest_of(before),
            after: digest_of(after),
        }
    }
}

fn fields<T: Serialize>(object: &T) -> BTreeMap<String, Value> {
    match serde_json::to_value(object) {
        Ok(Value::Object(fields)) => fields.into_iter().collect(),
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}

/// The first half of the SHA-256 of an object's JSON; empty for nothing.
fn digest_of(fields: &BTreeMap<String, Value>) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let text = Value::Object(Map::from_iter(fields.clone())).to_string();
    let digest = digest(&SHA256, text.as_bytes());
    hex(digest.as_ref().get(..16).unwrap_or_default())
}

/// The entry of a change.
pub(super) fn entry(
    actor: &Actor,
    now: Timestamp,
    (action, subject): &(&'static str, String),
    difference: Option<&Difference>,
) -> AuditEntry {
    let server = action
        .starts_with("server.")
        .then(|| subject.split(' ').next().unwrap_or_default());
    let difference = difference.cloned().unwrap_or_default();
    AuditEntry {
        at: now,
        actor: actor.username.clone(),
        action: (*action).to_owned(),
        subject: subject.clone(),
        request_id: actor.request_id.clone(),
        server: server.unwrap_or_default().to_owned(),
        source: actor.source.map(|ip| ip.to_string()).unwrap_or_default(),
        auth_method: actor.auth_method.to_owned(),
        changed: difference.changed.into_iter().collect(),
        before: difference.before,
        after: difference.after,
    }
}

/// The entry of a login or a log-out.
pub(super) fn session_entry(
    action: &'static str,
    username: &str,
    provider: &str,
    edge: &Edge,
    now: Timestamp,
) -> AuditEntry {
    AuditEntry {
        at: now,
        actor: username.to_owned(),
        action: action.to_owned(),
        subject: username.to_owned(),
        request_id: edge.request_id.to_string(),
        source: edge.client.map(|ip| ip.to_string()).unwrap_or_default(),
        auth_method: provider.to_owned(),
        ..AuditEntry::default()
    }
}

/// One line of the list.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A change, or a login.
    Change(StoredAudit),
    /// The use of a server.
    Use(StoredAccess),
}

impl Line {
    /// The next page begins after it.
    pub(super) fn cursor(&self) -> Cursor {
        match self {
            Self::Change(stored) => Cursor {
                at: stored.entry.at,
                kind: Kind::Change,
                id: stored.id,
            },
            Self::Use(stored) => Cursor {
                at: stored.event.at,
                kind: Kind::Use,
                id: stored.id,
            },
        }
    }
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Changes and logins.
    Change,
    /// Uses of servers.
    Use,
}

/// A place in the list: moments descend, changes come before uses of the same moment, numbers
/// descend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    pub(super) id: u64,
}

impl Cursor {
    /// Where the lines of a kind go on.
    fn place(self, kind: Kind) -> Place {
        let id = match kind.cmp(&self.kind) {
            std::cmp::Ordering::Equal => self.id,
            // All of that moment were listed.
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => Place::START.id,
        };
        Place { at: self.at, id }
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    pub(super) filter: AuditFilter,
    /// Only these; nothing: all.
    pub(super) kind: Option<Kind>,
}

impl Registry {
    /// The lines that match after a place, the newest first.
    pub(super) async fn search_audit(
        &self,
        search: &Search,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<Line>, Error> {
        let place = |kind| after.map_or(Place::START, |cursor| cursor.place(kind));
        let mut lines = Vec::new();
        if search.kind != Some(Kind::Use) {
            let mut transaction = self.0.store.read().await?;
            let found = transaction
                .audit()
                .search(&search.filter, place(Kind::Change), limit)
                .await?;
            lines.extend(found.into_iter().map(Line::Change));
        }
        if search.kind != Some(Kind::Change) {
            let log = self.0.store.access();
            let found = log.search(&search.filter, place(Kind::Use), limit).await?;
            lines.extend(found.into_iter().map(Line::Use));
        }
        lines.sort_by_key(|line| {
            let cursor = line.cursor();
            let newest_first = std::cmp::Reverse((cursor.at, cursor.id));
            (std::cmp::Reverse(cursor.at), cursor.kind, newest_first)
        });
        lines.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(lines)
    }

    /// Notes a login that failed. A name that nobody has may be a password that was typed into the
    /// wrong field: it is not kept.
    pub(super) async fn note_failed_login(&self, username: &str, is_known: bool, edge: &Edge) {
        let event = AccessEvent {
            at: self.0.clock.now(),
            request_id: edge.request_id.to_string(),
            user: if is_known { username } else { "" }.to_owned(),
            auth_method: LOCAL.to_owned(),
            client: edge.client.map(|ip| ip.to_string()).unwrap_or_default(),
            method: "login".to_owned(),
            decision: Decision::Deny,
            reason: "login_failed".to_owned(),
            status: 401,
            count: 1,
            ..AccessEvent::default()
        };
        let batch = AccessBatch {
            events: vec![event],
            ..AccessBatch::default()
        };
        if let Err(error) = self.take_access(&batch).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a failed login was not noted"
            );
        }
    }

    /// Keeps what a gateway tells, once; whether it is new.
    pub(super) async fn take_access(&self, batch: &AccessBatch) -> Result<bool, Error> {
        let now = self.0.clock.now();
        let is_new = self.0.store.access().keep(batch, now).await?;
        if is_new {
            self.keys_were_used(&batch.events);
        }
        Ok(is_new)
    }

    /// Forgets what is old or too much.
    pub(super) async fn purge_access(&self) -> Result<(), Error> {
        let config = &self.0.settings.audit;
        let age = i64::try_from(config.keep.get().as_secs()).unwrap_or(i64::MAX);
        let before = Timestamp::from_unix(self.0.clock.now().unix().saturating_sub(age));
        let most = u64::try_from(config.keep_bytes.bytes()).unwrap_or(u64::MAX);
        let gone = self.0.store.access().purge(before, most).await?;
        if gone > 0 {
            tracing::info!(events = gone, "forgot old uses of servers");
        }
        Ok(())
    }
}

/// Fields that the registry adds to a definition.
const NOT_WRITTEN: [&str; 8] = [
    "id",
    "num_tools",
    "tool_list",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "health",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_fields_and_no_values() {
        let (before, after) = (
            json!({"a": 1, "b": "hunter2", "c": 3}),
            json!({"a": 1, "b": "hunter3"}),
        );
        let difference = Difference::of(Some(&before), Some(&after));
        assert_eq!(difference.changed, BTreeSet::from(["b".into(), "c".into()]));
        assert_ne!(difference.before, difference.after);
        assert!(!format!("{difference:?}").contains("hunter"));
        let made = Difference::of(None, Some(&after));
        assert_eq!((made.before.as_str(), made.changed.len()), ("", 0));
        assert_eq!(made.after, difference.after);
    }

    #[test]
    fn the_policy_tells_which_scopes_and_groups_changed() {
        let before = Rules::default();
        let mut after = before.clone();
        after.groups.insert("staff".to_owned(), BTreeSet::new());
        let difference = Difference::of_policy(Some(&before), &after);
        assert_eq!(difference.changed, BTreeSet::from(["groups.staff".into()]));
    }

    #[test]
    fn a_cursor_goes_on_after_its_line_in_both_lists() {
        let at = Timestamp::from_unix(7);
        let cursor = |kind| Cursor { at, kind, id: 5 };
        let of = |cursor: Cursor, kind| cursor.place(kind).id;
        assert_eq!(of(cursor(Kind::Change), Kind::Change), 5);
        assert_eq!(of(cursor(Kind::Change), Kind::Use), Place::START.id);
        assert_eq!(of(cursor(Kind::Use), Kind::Change), 0);
        assert_eq!(of(cursor(Kind::Use), Kind::Use), 5);
    }
}
