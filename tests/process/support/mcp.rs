//! Messages of an MCP client.

use serde_json::{Value, json};

use super::http::{Connection, Reply};

/// The revision without sessions: every request stands alone.
pub(crate) const MODERN: &str = "2026-07-28";
const CLASSIC: &str = "2025-06-18";
const TOOL: &str = "current_time_by_timezone";

/// One `tools/call` of the example server, answered in full.
pub(crate) fn tool_call(
    connection: &mut Connection,
    path: &str,
    token: Option<&str>,
) -> std::io::Result<Reply> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", TOOL),
    ];
    if let Some(bearer) = &bearer {
        headers.push(("authorization", bearer));
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": TOOL, "arguments": {"tz_name": "Asia/Tokyo"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    connection.call("POST", path, &headers, body.to_string().as_bytes())
}

/// A session as clients before 2026 keep it: initialize, initialized, tools/call. The tool's text.
pub(crate) fn session(connection: &mut Connection, path: &str, token: &str) -> String {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", bearer.as_str()),
    ];
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": CLASSIC, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let reply = connection
        .call("POST", path, &headers, hello.to_string().as_bytes())
        .unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    assert_eq!(
        message(&reply)["result"]["serverInfo"]["name"],
        "currenttime",
        "{path}"
    );
    let session = reply
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    headers.extend([
        ("mcp-session-id", session.as_str()),
        ("mcp-protocol-version", CLASSIC),
    ]);
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let reply = connection
        .call("POST", path, &headers, ready.to_string().as_bytes())
        .unwrap();
    assert_eq!(reply.status, 202, "{path}: {}", reply.text());
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": TOOL, "arguments": {"tz_name": "Asia/Tokyo"},
    }});
    let reply = connection
        .call("POST", path, &headers, call.to_string().as_bytes())
        .unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    text(&message(&reply))
}

/// The text of a tool's result.
pub(crate) fn text(message: &Value) -> String {
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text: {message}"))
        .to_owned()
}

/// The JSON-RPC message of an answer, plain or as the last event of a stream.
pub(crate) fn message(reply: &Reply) -> Value {
    let text = reply.text();
    if reply
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"))
    {
        return reply.json();
    }
    let data = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: {"));
    let data = data.unwrap_or_else(|| panic!("no message: {text:?}"));
    serde_json::from_str(&format!("{{{data}")).unwrap()
}
