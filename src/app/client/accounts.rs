//! `mcp service-accounts`.

use http::Method;
use serde_json::{Map, Value, json};

use super::Client;
use super::api::segment;
use super::print::{flag, list, rows, table, text};
use crate::app::Failure;
use crate::cli::client::{AccountFacts, ServiceAccountsCommand};

pub(super) async fn run(client: &Client, command: &ServiceAccountsCommand) -> Result<(), Failure> {
    match command {
        ServiceAccountsCommand::List => {
            let found = client.api.get(ACCOUNTS).await?;
            client.print(&found, listed);
        }
        ServiceAccountsCommand::Add { name, facts } => {
            let mut body = written(facts);
            body.insert("name".to_owned(), json!(name));
            let made = client
                .api
                .send(Method::POST, ACCOUNTS, &Value::Object(body))
                .await?;
            client.print(&made, one);
        }
        ServiceAccountsCommand::Set {
            name,
            facts,
            no_groups,
            no_scopes,
            disable,
            enable,
        } => {
            let mut body = written(facts);
            if *no_groups {
                body.insert("groups".to_owned(), json!([]));
            }
            if *no_scopes {
                body.insert("scopes".to_owned(), json!([]));
            }
            if *disable || *enable {
                body.insert("disabled".to_owned(), json!(disable));
            }
            if body.is_empty() {
                return Err(Failure::Usage(
                    "nothing to change: see `mcp service-accounts set --help`".to_owned(),
                ));
            }
            let target = format!("{ACCOUNTS}/{}", segment(name));
            let changed = client
                .api
                .send(Method::PATCH, &target, &Value::Object(body))
                .await?;
            client.print(&changed, one);
        }
        ServiceAccountsCommand::Remove { name } => {
            let target = format!("{ACCOUNTS}/{}", segment(name));
            client.api.delete(&target).await?;
            client.done(&format!("removed {name}"));
        }
    }
    Ok(())
}

fn written(facts: &AccountFacts) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(description) = &facts.description {
        body.insert("description".to_owned(), json!(description));
    }
    for (name, values) in [("groups", &facts.group), ("scopes", &facts.scope)] {
        if !values.is_empty() {
            body.insert(name.to_owned(), json!(values));
        }
    }
    body
}

fn one(account: &Value) -> String {
    listed(&json!([account]))
}

fn listed(found: &Value) -> String {
    let rows = rows(found, |account| {
        let state = if flag(account, "disabled") {
            "disabled"
        } else {
            "enabled"
        };
        vec![
            text(account, "name"),
            state.to_owned(),
            list(account, "groups"),
            list(account, "scopes"),
            text(account, "description"),
        ]
    });
    table(&["NAME", "STATE", "GROUPS", "SCOPES", "DESCRIPTION"], &rows)
}

const ACCOUNTS: &str = "api/service-accounts";
