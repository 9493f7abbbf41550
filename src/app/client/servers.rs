//! `mcp servers`.

use std::io::Read as _;
use std::path::Path;

use http::Method;
use serde_json::{Map, Value, json};

use super::Client;
use super::api::segment;
use super::print::{flag, json as pretty, list, table, text};
use crate::app::{Failure, say};
use crate::cli::client::{ServerAddArgs, ServersCommand};

pub(super) async fn run(client: &Client, command: &ServersCommand) -> Result<(), Failure> {
    match command {
        ServersCommand::List { query, tag } => {
            let mut parameters = Vec::new();
            for (name, value) in [("query", query), ("tag", tag)] {
                parameters.extend(
                    value
                        .iter()
                        .map(|value| format!("{name}={}", segment(value))),
                );
            }
            let target = format!("{SERVERS}?{}", parameters.join("&"));
            let found = client.api.get(&target).await?;
            client.print(&found, listed);
        }
        ServersCommand::Get { path } => {
            let found = client.api.get(&target(path)).await?;
            client.print(&found, pretty);
        }
        ServersCommand::Add(args) => add(client, args).await?,
        ServersCommand::Remove { path } => {
            client.api.delete(&target(path)).await?;
            client.done(&format!("removed {path}"));
        }
        ServersCommand::Enable { path } => set_enabled(client, path, true).await?,
        ServersCommand::Disable { path } => set_enabled(client, path, false).await?,
        ServersCommand::Export => say(&pretty(&client.api.get(SERVERS).await?)),
    }
    Ok(())
}

async fn set_enabled(client: &Client, path: &str, enabled: bool) -> Result<(), Failure> {
    let body = json!({"enabled": enabled});
    let changed = client.api.send(Method::PATCH, &target(path), &body).await?;
    client.print(&changed, one);
    Ok(())
}

async fn add(client: &Client, args: &ServerAddArgs) -> Result<(), Failure> {
    let definitions = match &args.file {
        Some(file) => from_file(file)?,
        None => vec![from_arguments(args)],
    };
    let mut added = Vec::with_capacity(definitions.len());
    for definition in &definitions {
        let made = client.api.send(Method::POST, SERVERS, definition).await;
        match made {
            Ok(made) => added.push(made),
            // The others before it are there: say which.
            Err(Failure::Other(error)) => {
                let path = text(definition, "path");
                let before = added.len();
                return Err(Failure::Other(error.context(format!(
                    "cannot add {}, after {before} of {}",
                    super::print::safe(&path),
                    definitions.len()
                ))));
            }
            Err(error) => return Err(error),
        }
    }
    let all = match (&args.file, added.as_slice()) {
        (None, [one]) => one.clone(),
        _ => Value::Array(added),
    };
    client.print(&all, |all| {
        if all.is_array() {
            listed(all)
        } else {
            one(all)
        }
    });
    Ok(())
}

fn from_arguments(args: &ServerAddArgs) -> Value {
    let path = args.path.clone().unwrap_or_default();
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| path.trim_matches('/').to_owned());
    let mut definition = Map::new();
    definition.insert("server_name".to_owned(), json!(name));
    definition.insert("path".to_owned(), json!(path));
    definition.insert("proxy_pass_url".to_owned(), json!(args.to));
    definition.insert("tags".to_owned(), json!(args.tag));
    if let Some(description) = &args.description {
        definition.insert("description".to_owned(), json!(description));
    }
    Value::Object(definition)
}

/// One definition, a list of them, or an object from path to definition.
fn from_file(file: &Path) -> Result<Vec<Value>, Failure> {
    let shown = file.display().to_string();
    let unreadable = |error: anyhow::Error| error.context(format!("cannot read {shown}"));
    let mut content = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_end(&mut content)
            .map_err(|error| unreadable(error.into()))?;
    } else {
        content = std::fs::read(file).map_err(|error| unreadable(error.into()))?;
    }
    let value: Value =
        serde_json::from_slice(&content).map_err(|error| unreadable(error.into()))?;
    Ok(match value {
        Value::Array(definitions) => definitions,
        Value::Object(map) if is_map_of_servers(&map) => map
            .into_iter()
            .map(|(path, mut definition)| {
                if let Value::Object(definition) = &mut definition {
                    definition.entry("path").or_insert_with(|| json!(path));
                }
                definition
            })
            .collect(),
        other => vec![other],
    })
}

fn is_map_of_servers(map: &Map<String, Value>) -> bool {
    map.iter()
        .all(|(path, definition)| path.starts_with('/') && definition.is_object())
}

/// The slashes inside of a path stay.
fn target(path: &str) -> String {
    let segments = path.trim_matches('/').split('/').map(segment);
    format!("{SERVERS}/{}", segments.collect::<Vec<_>>().join("/"))
}

fn one(server: &Value) -> String {
    listed(&json!([server]))
}

fn listed(found: &Value) -> String {
    let servers: Vec<&Value> = match found {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let rows: Vec<Vec<String>> = servers
        .into_iter()
        .map(|server| {
            let state = if flag(server, "enabled") {
                "enabled"
            } else {
                "disabled"
            };
            vec![
                text(server, "path"),
                state.to_owned(),
                server
                    .get("health")
                    .map(|health| text(health, "status"))
                    .unwrap_or_default(),
                text(server, "proxy_pass_url"),
                list(server, "tags"),
                text(server, "server_name"),
            ]
        })
        .collect();
    table(&["PATH", "STATE", "HEALTH", "URL", "TAGS", "NAME"], &rows)
}

const SERVERS: &str = "api/servers";
