//! `mcp token`.

use http::Method;
use serde_json::{Map, Value, json};

use super::Client;
use super::api::segment;
use super::print::{flag, list, rows, safe, table, text};
use crate::app::Failure;
use crate::cli::client::{TokenCommand, TokenCreateArgs, TokenKind};

pub(super) async fn run(client: &Client, command: &TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => {
            let body = wanted(args);
            let made = client
                .api
                .send(Method::POST, "api/tokens/generate", &body)
                .await?;
            client.print(&made, created);
        }
        TokenCommand::List {
            all,
            service_account,
        } => {
            let query = match service_account {
                Some(name) => format!("?service_account={}", segment(name)),
                None if *all => "?all=true".to_owned(),
                None => String::new(),
            };
            let found = client.api.get(&format!("api/tokens{query}")).await?;
            client.print(&found, listed);
        }
        TokenCommand::Revoke { id } => {
            let target = format!("api/tokens/{}", segment(id));
            client.api.delete(&target).await?;
            client.done(&format!("revoked {id}"));
        }
    }
    Ok(())
}

fn wanted(args: &TokenCreateArgs) -> Value {
    let mut body = Map::new();
    let kind = match args.kind {
        TokenKind::Token => "token",
        TokenKind::ApiKey => "api_key",
    };
    body.insert("kind".to_owned(), kind.into());
    if args.no_scopes || !args.scope.is_empty() {
        body.insert("requested_scopes".to_owned(), json!(args.scope));
    }
    for (name, value) in [
        (
            "description",
            args.description.as_ref().map(|text| json!(text)),
        ),
        ("expires_in_hours", args.hours.map(|hours| json!(hours))),
        (
            "service_account",
            args.service_account.as_ref().map(|name| json!(name)),
        ),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    Value::Object(body)
}

/// The token alone on its line, so that it can be taken from there.
fn created(made: &Value) -> String {
    let part = |object: &str, name: &str| {
        made.get(object)
            .map(|value| text(value, name))
            .unwrap_or_default()
    };
    safe(&part("tokens", "access_token"))
}

fn listed(found: &Value) -> String {
    let rows = rows(found, |token| {
        let scopes = if flag(token, "all_rights") {
            "(all)".to_owned()
        } else {
            list(token, "scopes")
        };
        let state = if flag(token, "revoked") {
            "revoked"
        } else {
            ""
        };
        vec![
            text(token, "id"),
            text(token, "kind"),
            text(token, "username"),
            text(token, "expires_at"),
            text(token, "last_used_at"),
            state.to_owned(),
            scopes,
            text(token, "description"),
        ]
    });
    let headings = [
        "ID",
        "KIND",
        "OWNER",
        "EXPIRES",
        "LAST USED",
        "STATE",
        "SCOPES",
        "DESCRIPTION",
    ];
    table(&headings, &rows)
}
