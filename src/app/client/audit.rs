//! `mcp audit`.

use std::fmt::Write as _;

use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::Client;
use super::print::{list, rows, safe, table, text};
use crate::app::{Failure, say};
use crate::cli::audit::{AuditArgs, AuditDecision, AuditKind};

pub(super) async fn run(client: &Client, args: &AuditArgs) -> Result<(), Failure> {
    if args.export {
        return export(client, args).await;
    }
    let found = page(client, args, args.limit, None).await?;
    client.print(&found, listed);
    Ok(())
}

/// Page after page, a line for each entry.
async fn export(client: &Client, args: &AuditArgs) -> Result<(), Failure> {
    let mut cursor = None;
    loop {
        let found = page(client, args, MOST, cursor.as_deref()).await?;
        for entry in entries(&found) {
            say(&line(entry));
        }
        match found.get("next").and_then(Value::as_str) {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

async fn page(
    client: &Client,
    args: &AuditArgs,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Value, Failure> {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    let optional = [
        ("user", args.user.as_deref()),
        ("server", args.server.as_deref()),
        ("tool", args.tool.as_deref()),
        ("decision", args.decision.map(AuditDecision::as_str)),
        ("kind", args.kind.map(AuditKind::as_str)),
        ("action", args.action.as_deref()),
        ("request_id", args.request_id.as_deref()),
        ("since", args.since.as_deref()),
        ("until", args.until.as_deref()),
        ("cursor", cursor),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    client
        .api
        .get(&format!("api/audit?{}", query.finish()))
        .await
}

fn entries(found: &Value) -> impl Iterator<Item = &Value> {
    let entries = found.get("entries").and_then(Value::as_array);
    entries.into_iter().flatten()
}

/// JSON on one line; strings in it cannot command a terminal, for it escapes what can.
fn line(entry: &Value) -> String {
    let mut line = String::new();
    let mut units = [0_u16; 2];
    for c in entry.to_string().chars() {
        if safe(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
            line.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
    line
}

fn listed(found: &Value) -> String {
    let entries = found.get("entries").unwrap_or(&Value::Null);
    let rows = rows(entries, |entry| {
        vec![
            text(entry, "at"),
            or_dash(text(entry, "user")),
            what(entry),
            decided(entry),
            or_dash(text(entry, "source")),
            text(entry, "request_id"),
        ]
    });
    if rows.is_empty() {
        return "nothing matches".to_owned();
    }
    let headings = ["AT", "USER", "WHAT", "DECISION", "FROM", "REQUEST"];
    let mut said = table(&headings, &rows);
    if found.get("next").is_some() {
        said.push_str("there is more: give a greater --limit, or --export for all\n");
    }
    said
}

/// What was changed or used, in one cell.
fn what(entry: &Value) -> String {
    let names = ["action", "subject", "method", "tool"].map(|name| text(entry, name));
    let mut parts: Vec<String> = names.into_iter().filter(|part| !part.is_empty()).collect();
    if text(entry, "kind") == "access" {
        parts.insert(0, or_dash(text(entry, "server")));
    }
    let changed = list(entry, "changed");
    if !changed.is_empty() {
        parts.push(format!("[{changed}]"));
    }
    parts.join(" ")
}

fn decided(entry: &Value) -> String {
    let mut said = text(entry, "decision");
    let reason = text(entry, "reason");
    if !reason.is_empty() {
        said = format!("{said}: {reason}");
    }
    let count = text(entry, "count");
    if count.is_empty() {
        return said;
    }
    format!("{said} x{count}")
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// Entries of one page of an export.
const MOST: u32 = 1_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_and_uses_stand_in_one_table_that_commands_no_terminal() {
        let found = json!({"next": "abc", "entries": [
            {"kind": "change", "at": "2026-01-31T12:00:00Z", "user": "ada", "action": "server.update",
             "subject": "/time", "changed": ["headers", "tags"], "decision": "allow",
             "source": "192.0.2.7", "request_id": "r-1"},
            {"kind": "access", "at": "2026-01-31T11:00:00Z", "server": "/time", "method": "POST",
             "decision": "deny", "reason": "unauthenticated", "count": 12, "request_id": "\u{1b}[2J"},
        ]});
        assert_eq!(
            listed(&found),
            "AT                    USER  WHAT                                DECISION                   FROM       REQUEST\n\
             2026-01-31T12:00:00Z  ada   server.update /time [headers,tags]  allow                      192.0.2.7  r-1\n\
             2026-01-31T11:00:00Z  -     /time POST                          deny: unauthenticated x12  -          \\u{1b}[2J\n\
             there is more: give a greater --limit, or --export for all\n"
        );
    }

    #[test]
    fn an_exported_line_is_json_without_terminal_commands() {
        let entry = json!({"tool": "a\u{1b}[2J\u{202e}\n", "status": 200});
        let line = line(&entry);
        assert!(!line.contains(['\u{1b}', '\u{202e}', '\n']), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), entry);
    }
}
