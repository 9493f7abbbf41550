//! `mcp users`.

use http::Method;
use serde_json::{Map, Value, json};

use super::api::segment;
use super::print::{flag, list, rows, safe, table, text};
use super::{Client, ask};
use crate::app::Failure;
use crate::cli::client::UsersCommand;

pub(super) async fn run(client: &Client, command: &UsersCommand) -> Result<(), Failure> {
    match command {
        UsersCommand::List => {
            let found = client.api.get("api/users").await?;
            client.print(&found, listed);
        }
        UsersCommand::Add {
            name,
            group,
            password_stdin,
        } => {
            let password = if *password_stdin {
                ask::piped()?
            } else {
                ask::new_password(name)?
            };
            let body = json!({"username": name, "password": password.expose(), "groups": group});
            let made = client.api.send(Method::POST, "api/users", &body).await?;
            client.print(&made, one);
        }
        UsersCommand::Set { name, .. } => {
            let body = changes(command)?;
            let target = format!("api/users/{}", segment(name));
            let changed = client.api.send(Method::PATCH, &target, &body).await?;
            client.print(&changed, one);
        }
        UsersCommand::Remove { name } => {
            let target = format!("api/users/{}", segment(name));
            client.api.delete(&target).await?;
            client.done(&format!("removed {name}"));
        }
        UsersCommand::End { name, provider } => {
            let query = provider.as_ref();
            let query = query.map(|one| format!("?provider={}", segment(one)));
            let query = query.unwrap_or_default();
            let target = format!("api/users/{}/credentials{query}", segment(name));
            let answer = client.api.call(Method::DELETE, &target, None, &[]).await?;
            client.print(&answer.body, |ended| {
                let (sessions, tokens) = (text(ended, "sessions"), text(ended, "tokens"));
                safe(&format!(
                    "ended {sessions} sessions, {tokens} tokens and keys of {name}"
                ))
            });
        }
    }
    Ok(())
}

fn changes(command: &UsersCommand) -> Result<Value, Failure> {
    let UsersCommand::Set {
        name,
        group,
        no_groups,
        disable,
        enable,
        password,
        password_stdin,
    } = command
    else {
        return Ok(Value::Null);
    };
    let mut body = Map::new();
    if *no_groups || !group.is_empty() {
        body.insert("groups".to_owned(), json!(group));
    }
    if *disable || *enable {
        body.insert("disabled".to_owned(), json!(disable));
    }
    let password = match (password_stdin, password) {
        (true, _) => Some(ask::piped()?),
        (false, true) => Some(ask::new_password(name)?),
        (false, false) => None,
    };
    if let Some(password) = password {
        body.insert("password".to_owned(), json!(password.expose()));
    }
    if body.is_empty() {
        return Err(Failure::Usage(
            "nothing to change: give --group, --no-groups, --disable, --enable or --password"
                .to_owned(),
        ));
    }
    Ok(Value::Object(body))
}

fn one(user: &Value) -> String {
    listed(&json!([user]))
}

fn listed(found: &Value) -> String {
    let rows = rows(found, |user| {
        let state = match (flag(user, "disabled"), flag(user, "built_in")) {
            (true, _) => "disabled",
            (false, true) => "built in",
            (false, false) => "enabled",
        };
        vec![
            text(user, "username"),
            state.to_owned(),
            list(user, "groups"),
        ]
    });
    table(&["NAME", "STATE", "GROUPS"], &rows)
}
