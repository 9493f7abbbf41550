//! From rules to the values that are read back the same.

use serde_json::{Map, Value, json};

use super::{EXISTING_ADMINS, GROUPS, UI_SCOPES};
use crate::domain::policy::{AgentRule, Names, Rules, ScopeRules};

/// This registry's own document.
pub fn write(rules: &Rules) -> Value {
    let scopes: Map<String, Value> = rules
        .scopes
        .iter()
        .map(|(name, scope)| (name.clone(), own_scope(scope)))
        .collect();
    json!({ "scopes": scopes, GROUPS: rules.groups })
}

fn own_scope(scope: &ScopeRules) -> Value {
    let servers: Vec<Value> = scope
        .servers
        .iter()
        .map(|rule| {
            json!({
                "servers": names(&rule.servers, "*"),
                "methods": names(&rule.methods, "*"),
                "tools": names(&rule.tools, "*"),
            })
        })
        .collect();
    json!({
        "admin": scope.admin,
        "servers": servers,
        "ui_permissions": permissions(scope, "*"),
        "agents": scope.agents.iter().map(|rule| agent(rule, "*")).collect::<Vec<_>>(),
    })
}

/// The content of a `scopes.yml`.
pub fn write_file(rules: &Rules) -> Value {
    let mut ui_scopes = Map::new();
    let mut file = Map::new();
    for (name, scope) in &rules.scopes {
        let mut ui = permissions(scope, "all");
        // Where a reader would guess, say it.
        if scope.admin || name == EXISTING_ADMINS {
            ui.insert("admin".to_owned(), Value::Bool(scope.admin));
        }
        let items = file_rules(scope);
        if !items.is_empty() || ui.is_empty() {
            file.insert(name.clone(), Value::Array(items));
        }
        if !ui.is_empty() {
            ui_scopes.insert(name.clone(), Value::Object(ui));
        }
    }
    file.insert(UI_SCOPES.to_owned(), Value::Object(ui_scopes));
    file.insert(GROUPS.to_owned(), json!(rules.groups));
    Value::Object(file)
}

/// One entry for each server: the format knows no lists of them.
fn file_rules(scope: &ScopeRules) -> Vec<Value> {
    let mut items = Vec::new();
    for rule in &scope.servers {
        let servers: Vec<&str> = match &rule.servers {
            Names::All => vec!["*"],
            Names::Only(ids) => ids.iter().map(String::as_str).collect(),
        };
        for server in servers {
            items.push(json!({
                "server": server,
                "methods": names(&rule.methods, "all"),
                "tools": names(&rule.tools, "all"),
            }));
        }
    }
    if !scope.agents.is_empty() {
        let actions: Vec<Value> = scope.agents.iter().map(|rule| agent(rule, "all")).collect();
        items.push(json!({ "agents": { "actions": actions } }));
    }
    items
}

fn permissions(scope: &ScopeRules, every: &str) -> Map<String, Value> {
    scope
        .ui
        .iter()
        .map(|(permission, servers)| (permission.clone(), names(servers, every)))
        .collect()
}

fn agent(rule: &AgentRule, every: &str) -> Value {
    json!({ "action": rule.action, "resources": names(&rule.resources, every) })
}

fn names(names: &Names, every: &str) -> Value {
    match names {
        Names::All => json!([every]),
        Names::Only(names) => json!(names),
    }
}
