//! A policy as people write it: this registry's own document, and the `scopes.yml` of existing
//! installations, both as values of JSON.
//!
//! Promises: every mistake at once, each with its place; what is read can be written and read again
//! without a change; nothing that is not understood grants anything. A file may hold what is not
//! known here, which is left out and named in a note; in the own document that is a mistake. Start
//! with [`read`] and [`read_file`].
//!
//! # Why
//! Wildcards are those of the existing system: `*` for servers, `*` or `all` for methods, tools and
//! permissions. Names of servers are paths with or without slashes at their ends.

mod reader;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::reader::{Reader, below};
pub use self::write::{write, write_file};
use super::{ADMIN_SCOPE, AgentRule, Names, Permission, Rules, ScopeRules, ServerRule};
use crate::domain::validate::FieldError;

/// A policy, and what is worth knowing of its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Keeps every rule of the product.
    pub rules: Rules,
    /// What was left out or may surprise.
    pub notes: Vec<FieldError>,
}

/// Reads this registry's own document, as `GET /api/policy` gives it.
///
/// # Errors
/// Every mistake, up to a hundred.
pub fn read(document: &Value) -> Result<Reading, Vec<FieldError>> {
    let mut reader = Reader::strict();
    let Some(map) = reader.object("", Some(document)) else {
        return Err(reader.errors);
    };
    reader.only_known("", map, &[SCOPES, GROUPS], READ_ONLY);
    let mut scopes = BTreeMap::new();
    if !map.contains_key(SCOPES) {
        reader.wrong(SCOPES_AT, &Value::Null, "is required, if only as {}");
    }
    for (name, value) in reader.entries(SCOPES_AT, map.get(SCOPES)) {
        let at = below(SCOPES_AT, name);
        reader.scope_name(&at, name);
        scopes.insert(name.clone(), own_scope(&mut reader, &at, name, value));
    }
    let groups = groups(&mut reader, map.get(GROUPS));
    finish(reader, Rules { scopes, groups })
}

/// Reads the content of a `scopes.yml`.
///
/// # Errors
/// Every mistake, up to a hundred.
pub fn read_file(content: &Value) -> Result<Reading, Vec<FieldError>> {
    let mut reader = Reader::lenient();
    let Some(map) = reader.object("", Some(content)) else {
        return Err(reader.errors);
    };
    let mut scopes: BTreeMap<String, ScopeRules> = BTreeMap::new();
    for (name, value) in map {
        if name != UI_SCOPES && name != GROUPS {
            let at = below("", name);
            reader.scope_name(&at, name);
            file_rules(
                &mut reader,
                &at,
                value,
                scopes.entry(name.clone()).or_default(),
            );
        }
    }
    for (name, value) in reader.entries(UI_SCOPES_AT, map.get(UI_SCOPES)) {
        let at = below(UI_SCOPES_AT, name);
        reader.scope_name(&at, name);
        let scope = scopes.entry(name.clone()).or_default();
        let admin = permissions(&mut reader, &at, Some(value), &mut scope.ui, true);
        scope.admin = admin.unwrap_or_else(|| {
            let is_admin = name == EXISTING_ADMINS && manages_every_server(&scope.ui);
            if is_admin {
                reader.note(&at, &Value::from(name.as_str()), ADMIN_NOTE);
            }
            is_admin
        });
    }
    if let Some(admin) = scopes.get_mut(ADMIN_SCOPE) {
        admin.admin = true;
    }
    let groups = groups(&mut reader, map.get(GROUPS));
    finish(reader, Rules { scopes, groups })
}

fn finish(mut reader: Reader, rules: Rules) -> Result<Reading, Vec<FieldError>> {
    for (group, scopes) in &rules.groups {
        let at = below(GROUPS_AT, group);
        for scope in scopes {
            if !rules.scopes.contains_key(scope) && scope != ADMIN_SCOPE {
                reader.note(&at, &Value::from(scope.as_str()), NO_SCOPE);
            }
        }
    }
    if reader.errors.is_empty() {
        let notes = reader.notes;
        Ok(Reading { rules, notes })
    } else {
        Err(reader.errors)
    }
}

fn own_scope(reader: &mut Reader, at: &str, name: &str, value: &Value) -> ScopeRules {
    let Some(map) = reader.object(at, Some(value)) else {
        return ScopeRules::default();
    };
    reader.only_known(
        at,
        map,
        &["servers", "ui_permissions", "agents", "admin"],
        &[],
    );
    let mut scope = ScopeRules::default();
    let servers_at = below(at, "servers");
    for (index, item) in reader.items(&servers_at, map.get("servers")) {
        let at = below(&servers_at, &index.to_string());
        if let Some(rule) = reader.object(&at, Some(item)) {
            reader.only_known(&at, rule, &["servers", "methods", "tools"], &[]);
            let rule = ServerRule {
                servers: reader.servers(&below(&at, "servers"), rule.get("servers")),
                methods: reader.names(&below(&at, "methods"), rule.get("methods")),
                tools: reader.names(&below(&at, "tools"), rule.get("tools")),
            };
            if rule.servers == Names::Only(BTreeSet::new()) {
                reader.wrong(&below(&at, "servers"), item, "must name a server, or \"*\"");
            }
            scope.servers.push(rule);
        }
    }
    let ui_at = below(at, "ui_permissions");
    permissions(
        reader,
        &ui_at,
        map.get("ui_permissions"),
        &mut scope.ui,
        false,
    );
    scope.agents = agents(reader, &below(at, "agents"), map.get("agents"));
    scope.admin = reader.flag(&below(at, "admin"), map.get("admin")) == Some(true);
    if name == ADMIN_SCOPE && !scope.admin {
        // It administers in any case: the document must not say otherwise.
        if map.contains_key("admin") {
            reader.wrong(&below(at, "admin"), &Value::Bool(false), ALWAYS_ADMIN);
        }
        scope.admin = true;
    }
    scope
}

/// A scope's list in a file: rules for servers, rules for agents.
fn file_rules(reader: &mut Reader, at: &str, value: &Value, scope: &mut ScopeRules) {
    for (index, item) in reader.items(at, Some(value)) {
        let at = below(at, &index.to_string());
        let Some(rule) = reader.object(&at, Some(item)) else {
            continue;
        };
        reader.only_known(&at, rule, &["server", "methods", "tools", "agents"], &[]);
        if let Some(agents_value) = rule.get("agents") {
            let at = below(&at, "agents");
            if let Some(map) = reader.object(&at, Some(agents_value)) {
                reader.only_known(&at, map, &["actions"], &[]);
                let found = agents(reader, &below(&at, "actions"), map.get("actions"));
                scope.agents.extend(found);
            }
        }
        let Some(server) = rule.get("server") else {
            if !rule.contains_key("agents") {
                reader.wrong(&at, item, "must have server, or agents");
            }
            continue;
        };
        scope.servers.push(ServerRule {
            servers: reader.server(&below(&at, "server"), server),
            methods: reader.names(&below(&at, "methods"), rule.get("methods")),
            tools: reader.names(&below(&at, "tools"), rule.get("tools")),
        });
        if rule.get("methods").is_none_or(Value::is_null) {
            reader.note(&at, server, "allows nothing, because it names no methods");
        }
    }
}

fn agents(reader: &mut Reader, at: &str, value: Option<&Value>) -> Vec<AgentRule> {
    let mut rules = Vec::new();
    for (index, item) in reader.items(at, value) {
        let at = below(at, &index.to_string());
        let Some(map) = reader.object(&at, Some(item)) else {
            continue;
        };
        reader.only_known(&at, map, &["action", "resources"], &[]);
        let action = reader.text(&below(&at, "action"), map.get("action"));
        let resources = reader.names(&below(&at, "resources"), map.get("resources"));
        rules.extend(action.map(|action| AgentRule { action, resources }));
    }
    rules
}

/// Reads permissions by name; answers what `admin` says where it may stand.
fn permissions(
    reader: &mut Reader,
    at: &str,
    value: Option<&Value>,
    into: &mut BTreeMap<String, Names>,
    with_admin: bool,
) -> Option<bool> {
    let mut admin = None;
    for (name, value) in reader.entries(at, value) {
        let at = below(at, name);
        if with_admin && name == "admin" {
            admin = reader.flag(&at, Some(value));
        } else if Permission::ALL.iter().any(|one| one.as_str() == name) {
            let names = reader.names(&at, Some(value));
            into.insert(name.clone(), reader.server_ids(&at, names));
        } else if is_foreign_permission(name) {
            into.insert(name.clone(), reader.names(&at, Some(value)));
        } else {
            reader.unknown(&at, value, "is not a permission that is known here");
        }
    }
    admin
}

/// Permissions of the existing system for what is not a server.
fn is_foreign_permission(name: &str) -> bool {
    name == "change_lifecycle_status" || FOREIGN_OBJECTS.iter().any(|object| name.ends_with(object))
}

fn manages_every_server(ui: &BTreeMap<String, Names>) -> bool {
    [
        Permission::List,
        Permission::Register,
        Permission::Modify,
        Permission::Toggle,
        Permission::HealthCheck,
    ]
    .iter()
    .all(|permission| ui.get(permission.as_str()) == Some(&Names::All))
}

fn groups(reader: &mut Reader, value: Option<&Value>) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups = BTreeMap::new();
    for (name, value) in reader.entries(GROUPS_AT, value) {
        let at = below(GROUPS_AT, name);
        reader.group_name(&at, name);
        let mut scopes = BTreeSet::new();
        for (index, item) in reader.items(&at, Some(value)) {
            let at = below(&at, &index.to_string());
            if let Some(scope) = reader.text(&at, Some(item)) {
                reader.scope_name(&at, &scope);
                scopes.insert(scope);
            }
        }
        groups.insert(name.clone(), scopes);
    }
    groups
}

const SCOPES: &str = "scopes";
const SCOPES_AT: &str = "/scopes";
const UI_SCOPES: &str = "UI-Scopes";
const UI_SCOPES_AT: &str = "/UI-Scopes";
const GROUPS: &str = "group_mappings";
const GROUPS_AT: &str = "/group_mappings";
/// What the answer has beside the policy, so that it can be sent back as it came.
const READ_ONLY: &[&str] = &["version", "updated_at", "updated_by", "warnings"];
const FOREIGN_OBJECTS: &[&str] = &[
    "_agent",
    "_agents",
    "_skill",
    "_skills",
    "_virtual_server",
    "_virtual_servers",
];
/// The other scope of administrators in existing files.
const EXISTING_ADMINS: &str = "registry-admins";
const ADMIN_NOTE: &str = "administers this registry, because it may manage every server; add admin: false beside its permissions to keep it to servers";
const ALWAYS_ADMIN: &str =
    "must be true: this scope is the way back in for the local administrator";
const NO_SCOPE: &str = "names a scope that is not here, so it gives nothing";

#[cfg(test)]
mod tests;
