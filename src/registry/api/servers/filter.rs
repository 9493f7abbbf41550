//! Which servers a list shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::view::{Entry, View};
use super::super::caller::{Caller, User};
use crate::domain::path::ServerPath;
use crate::domain::policy::Permission;
use crate::http::Problem;
use crate::http::query::Query;

/// What the caller asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// In name, path, description or tags; lower case.
    pub(super) query: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) health: Option<String>,
}

impl Filter {
    pub(super) fn take(query: &mut Query) -> Result<Self, Problem> {
        let health = query.text("health");
        if health
            .as_deref()
            .is_some_and(|health| !STATUSES.contains(&health))
        {
            return Err(Problem::bad_request(format!(
                "the parameter health must be one of {}",
                STATUSES.join(", ")
            )));
        }
        Ok(Self {
            query: query.text("query").map(|text| text.to_lowercase()),
            tag: query.text("tag"),
            enabled: query.value("enabled", "must be true or false")?,
            health,
        })
    }

    fn admits(&self, entry: &Entry) -> bool {
        let definition = &entry.stored.definition;
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        self.enabled
            .is_none_or(|enabled| definition.enabled == enabled)
            && self.tag.as_ref().is_none_or(|tag| {
                definition
                    .tags
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(tag))
            })
            && self
                .health
                .as_ref()
                .is_none_or(|health| entry.health.status_of(definition.enabled) == health)
            && self.query.as_ref().is_none_or(|part| {
                has(&definition.server_name, part)
                    || has(definition.path.as_str(), part)
                    || has(&definition.description, part)
                    || definition.tags.iter().any(|tag| has(tag, part))
            })
    }

    /// As parameters of the next page's address.
    pub(super) fn write(&self, serializer: &mut url::form_urlencoded::Serializer<'_, String>) {
        let enabled = self.enabled.map(|enabled| enabled.to_string());
        let all = [
            ("query", &self.query),
            ("tag", &self.tag),
            ("enabled", &enabled),
            ("health", &self.health),
        ];
        for (name, value) in all {
            if let Some(value) = value {
                serializer.append_pair(name, value);
            }
        }
    }
}

/// The servers that the caller may see and asked for, by path.
pub(super) fn select<'v>(
    view: &'v View,
    caller: &Caller,
    filter: &Filter,
) -> BTreeMap<&'v ServerPath, &'v Arc<Entry>> {
    let visible = |path: &ServerPath| match caller {
        Caller::Gateway => true,
        Caller::User(user) => sees(view, user, path),
    };
    view.servers
        .iter()
        .filter(|(path, entry)| filter.admits(entry) && visible(path))
        .collect()
}

/// Whether the caller sees every server, so that the ready-made list is theirs.
pub(super) fn sees_all(view: &View, caller: &Caller) -> bool {
    match caller {
        Caller::Gateway => true,
        Caller::User(user) => view
            .access
            .policy
            .permits_all(&user.principal, Permission::List),
    }
}

/// Whether a user may know of a server.
pub(in super::super) fn sees(view: &View, user: &User, path: &ServerPath) -> bool {
    let policy = &view.access.policy;
    policy.permits(&user.principal, Permission::List, path)
}

const STATUSES: &[&str] = &["healthy", "unhealthy", "unknown", "disabled"];
