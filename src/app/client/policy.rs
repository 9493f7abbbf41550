//! `mcp policy`.

use std::io::Read as _;
use std::path::Path;

use http::Method;
use serde_json::Value;

use super::Client;
use super::print::{flag, safe, table};
use crate::app::{Failure, say, say_error};
use crate::cli::policy::{PolicyArgs, PolicyCommand};
use crate::domain::policy::document::{self, Reading};
use crate::domain::secret::Secret;
use crate::domain::validate::FieldError;

pub(super) async fn run(args: &PolicyArgs, env: &[(String, String)]) -> Result<(), Failure> {
    if let PolicyCommand::Check { file } = &args.command {
        let reading = read(file)?;
        warn(&reading.notes);
        let rules = reading.rules;
        let (scopes, groups) = (rules.scopes.len(), rules.groups.len());
        say(&format!("no mistakes: {scopes} scopes, {groups} groups"));
        return Ok(());
    }
    let client = Client::open(&args.client, env)?;
    match &args.command {
        PolicyCommand::Check { .. } => Ok(()),
        PolicyCommand::Show => {
            let policy = client.api.get(TARGET).await?;
            client.print(&policy, shown);
            Ok(())
        }
        PolicyCommand::Export => {
            let policy = client.api.get(TARGET).await?;
            let reading = document::read(&policy).map_err(|mistakes| wrong(&mistakes))?;
            say(yaml::write(&reading)?.trim_end());
            Ok(())
        }
        PolicyCommand::Import { file, if_version } => {
            let reading = read(file)?;
            warn(&reading.notes);
            let body = document::write(&reading.rules);
            let version = if_version.map(|version| Secret::new(format!("\"policy-{version}\"")));
            let headers: Vec<(&str, &Secret<String>)> =
                version.iter().map(|etag| ("if-match", etag)).collect();
            let call = client.api.call(Method::PUT, TARGET, Some(&body), &headers);
            let stored = call.await?.body;
            client.print(&stored, |stored| {
                let version = stored.get("version").and_then(Value::as_u64).unwrap_or(0);
                format!("version {version} of the policy is in force")
            });
            Ok(())
        }
    }
}

/// Each scope in a row.
fn shown(policy: &Value) -> String {
    let scopes = policy.get("scopes").and_then(Value::as_object);
    let groups = policy.get("group_mappings").and_then(Value::as_object);
    let rows: Vec<Vec<String>> = scopes
        .into_iter()
        .flatten()
        .map(|(name, scope)| {
            let having = groups.into_iter().flatten().filter(|(_, scopes)| {
                let scopes = scopes.as_array();
                scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == name.as_str()))
            });
            let having: Vec<&str> = having.map(|(group, _)| group.as_str()).collect();
            let admin = if flag(scope, "admin") { "yes" } else { "" };
            vec![
                name.clone(),
                admin.to_owned(),
                servers(scope),
                permissions(scope),
                having.join(","),
            ]
        })
        .collect();
    table(
        &["SCOPE", "ADMIN", "SERVERS", "PERMISSIONS", "GROUPS"],
        &rows,
    )
}

fn servers(scope: &Value) -> String {
    let rules = scope.get("servers").and_then(Value::as_array);
    let servers = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("servers"));
    let names = servers.filter_map(Value::as_array).flatten();
    let mut names: Vec<&str> = names.filter_map(Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    short(&names)
}

fn permissions(scope: &Value) -> String {
    let permissions = scope.get("ui_permissions").and_then(Value::as_object);
    let names: Vec<&str> = permissions
        .into_iter()
        .flat_map(|permissions| permissions.keys())
        .map(String::as_str)
        .collect();
    short(&names)
}

/// The first few, and how many more.
fn short(names: &[&str]) -> String {
    match names.split_at_checked(SHOWN) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(","), rest.len())
        }
        _ => names.join(","),
    }
}

/// A policy in a file: JSON by its name, else YAML.
fn read(file: &Path) -> Result<Reading, Failure> {
    let text = content(file).map_err(|error| {
        anyhow::Error::new(error).context(format!("cannot read {}", file.display()))
    })?;
    let is_json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    if !is_json {
        return yaml::read(&text);
    }
    let value: Value = serde_json::from_slice(&text).map_err(|error| {
        anyhow::Error::new(error).context(format!("{} is not JSON", file.display()))
    })?;
    document::read(&value).map_err(|mistakes| wrong(&mistakes))
}

fn content(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    Ok(text)
}

fn wrong(mistakes: &[FieldError]) -> Failure {
    let places: Vec<String> = mistakes.iter().map(place).collect();
    let list = places.join("\n  ");
    Failure::Other(anyhow::anyhow!("the policy has mistakes\n  {list}"))
}

fn warn(notes: &[FieldError]) {
    for note in notes {
        say_error(&format!("warning: {}", place(note)));
    }
}

fn place(one: &FieldError) -> String {
    let field = if one.field.is_empty() {
        "/"
    } else {
        &one.field
    };
    safe(&format!("{field}: {} ({})", one.rule, one.value))
}

#[cfg(feature = "registry")]
mod yaml {
    use super::{Failure, Reading, wrong};
    use crate::registry::policy::yaml;

    pub(super) fn read(text: &[u8]) -> Result<Reading, Failure> {
        yaml::read(text).map_err(|error| match error {
            yaml::Error::Invalid(mistakes) => wrong(&mistakes),
            syntax @ yaml::Error::Syntax(_) => Failure::Other(syntax.into()),
        })
    }

    pub(super) fn write(reading: &Reading) -> Result<String, Failure> {
        yaml::write(&reading.rules).map_err(|error| Failure::Other(anyhow::anyhow!(error)))
    }
}

#[cfg(not(feature = "registry"))]
mod yaml {
    use super::{Failure, Reading};

    pub(super) fn read(_: &[u8]) -> Result<Reading, Failure> {
        Err(no_yaml())
    }

    pub(super) fn write(_: &Reading) -> Result<String, Failure> {
        Err(no_yaml())
    }

    fn no_yaml() -> Failure {
        Failure::Usage(
            "this build has no registry, so it reads policies only as JSON: name a .json file, or \
             build with `--features registry`"
                .to_owned(),
        )
    }
}

const TARGET: &str = "api/policy";
const SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_scope_is_a_row() {
        let rule = |server: &str| json!({"servers": [server], "methods": ["*"]});
        let policy = json!({
            "scopes": {
                "a": {"admin": true, "servers": [rule("*")]},
                "b": {
                    "servers": [rule("v"), rule("w"), rule("x"), rule("y"), rule("z"), rule("v")],
                    "ui_permissions": {"list_service": ["v"]},
                },
            },
            "group_mappings": {"g": ["b"], "h": ["a", "b"]},
        });
        assert_eq!(
            shown(&policy),
            "SCOPE  ADMIN  SERVERS             PERMISSIONS   GROUPS\n\
             a      yes    *                                 h\n\
             b             v,w,x,y and 1 more  list_service  g,h\n"
        );
    }
}
