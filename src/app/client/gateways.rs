//! `mcp gateways`.

use http::Method;
use serde_json::{Value, json};

use super::Client;
use super::api::segment;
use super::print::{flag, rows, safe, table, text};
use crate::app::Failure;
use crate::cli::gateways::GatewaysCommand;

pub(super) async fn run(client: &Client, command: &GatewaysCommand) -> Result<(), Failure> {
    match command {
        GatewaysCommand::List => {
            let found = client.api.get(GATEWAYS).await?;
            client.print(&found, listed);
        }
        GatewaysCommand::Add { name, sends_body } => {
            let body = json!({"name": name, "sends_body": sends_body});
            let made = client.api.send(Method::POST, GATEWAYS, &body).await?;
            // Alone on its line, so that it can be taken from there.
            client.print(&made, |made| safe(&text(made, "credential")));
        }
        GatewaysCommand::Remove { credential } => {
            let found = client.api.get(GATEWAYS).await?;
            let name = named(&found, credential);
            let target = format!("{GATEWAYS}/{}", segment(&name));
            client.api.delete(&target).await?;
            client.done(&format!("removed {name}"));
        }
        GatewaysCommand::Forget { key } => {
            let target = format!("{GATEWAYS}/identity-keys/{}", segment(key));
            client.api.delete(&target).await?;
            client.done(&format!("forgot {key}"));
        }
    }
    Ok(())
}

/// The name of a credential by its name or, where none has that name, by its id.
fn named(found: &Value, said: &str) -> String {
    let credentials = found.get("credentials").and_then(Value::as_array);
    let all = || credentials.into_iter().flatten();
    if all().any(|one| text(one, "name") == said) {
        return said.to_owned();
    }
    all()
        .find(|one| text(one, "id") == said)
        .map_or_else(|| said.to_owned(), |one| text(one, "name"))
}

fn listed(found: &Value) -> String {
    let part = |name: &str| found.get(name).cloned().unwrap_or_default();
    let reports = rows(&part("gateways"), |gateway| {
        let told = gateway.get("report").cloned().unwrap_or_default();
        vec![
            text(gateway, "id"),
            text(&told, "version"),
            text(&told, "revision"),
            text(gateway, "last_seen"),
        ]
    });
    let credentials = rows(&part("credentials"), |credential| {
        let bodies = if flag(credential, "sends_body") {
            "sent"
        } else {
            "not sent"
        };
        vec![
            text(credential, "name"),
            text(credential, "id"),
            bodies.to_owned(),
            text(credential, "created_at"),
            text(credential, "created_by"),
        ]
    });
    let keys = rows(&part("identity_keys"), |key| {
        let state = if flag(key, "in_use") {
            "in use"
        } else {
            "replaced"
        };
        vec![
            text(key, "kid"),
            text(key, "gateway"),
            state.to_owned(),
            text(key, "last_seen"),
        ]
    });
    [
        table(&["GATEWAY", "VERSION", "REVISION", "LAST SEEN"], &reports),
        table(
            &["CREDENTIAL", "ID", "BODIES", "CREATED", "BY"],
            &credentials,
        ),
        table(&["KEY", "GATEWAY", "STATE", "LAST SEEN"], &keys),
    ]
    .join("\n")
}

const GATEWAYS: &str = "api/gateways";

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Value {
        json!({
            "gateways": [{
                "id": "gw", "last_seen": "2026-01-31T12:00:00Z", "events": 0,
                "report": {"version": "0.1.0", "revision": 7},
            }],
            "credentials": [
                {"name": "nginx", "id": "00", "sends_body": false, "created_at": "T", "created_by": "admin"},
                {"name": "00", "id": "11", "sends_body": true, "created_at": "T", "created_by": "admin"},
            ],
            "identity_keys": [{"kid": "k", "gateway": "gw", "last_seen": "T", "in_use": false}],
        })
    }

    #[test]
    fn a_credential_goes_by_its_name_before_its_id() {
        for (said, name) in [("nginx", "nginx"), ("00", "00"), ("11", "00"), ("x", "x")] {
            assert_eq!(named(&found(), said), name);
        }
    }

    #[test]
    fn a_list_says_who_reports_who_may_ask_and_who_signs() {
        assert_eq!(
            listed(&found()),
            "GATEWAY  VERSION  REVISION  LAST SEEN\n\
             gw       0.1.0    7         2026-01-31T12:00:00Z\n\n\
             CREDENTIAL  ID  BODIES    CREATED  BY\n\
             nginx       00  not sent  T        admin\n\
             00          11  sent      T        admin\n\n\
             KEY  GATEWAY  STATE     LAST SEEN\n\
             k    gw       replaced  T\n"
        );
    }
}
