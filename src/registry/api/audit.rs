//! `/api/audit`: who changed what and who used what, for administrators.

mod export;
pub(super) mod list;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::audit::{Cursor, Kind, Line};
use crate::domain::time::Timestamp;
use crate::http::Problem;
use crate::store::{AuditEntry, StoredAccess};

/// A change, a login, or the use of a server.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditLine {
    /// `change` for changes and logins, `access` for uses of servers.
    kind: LineKind,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who; absent where nobody had a credential that counts.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    user: String,
    /// How they proved who they are.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    auth_method: String,
    /// From which address.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    source: String,
    /// What was changed, such as `server.create`; changes only.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    action: String,
    /// On what; changes only.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    subject: String,
    /// Names of the fields that are different; changes only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    changed: Vec<String>,
    /// Digest of the object before, without secrets; changes only.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    before: String,
    /// The same afterwards.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    after: String,
    /// The server's path.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    server: String,
    /// The JSON-RPC method; where there is no message, that of HTTP.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    method: String,
    /// The tool, prompt or resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    tool: String,
    /// `allow`, `deny`, or `error` where something failed.
    #[schema(value_type = LineDecision)]
    decision: &'static str,
    /// Why it was refused or failed, as in the error's body.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    reason: String,
    /// Status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// How long it took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u64>,
    /// How many requests it stands for, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// Names the request; one of them, where there are several.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    request_id: String,
    /// The gateway that it went through.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    gateway: String,
    /// Arguments of the tool's call, where they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Value>,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum LineKind {
    /// A change or a login.
    Change,
    /// The use of a server.
    Access,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of a field")]
pub(super) enum LineDecision {
    /// Done, passed on.
    Allow,
    /// Refused.
    Deny,
    /// Something failed.
    Error,
}

impl From<Line> for AuditLine {
    fn from(line: Line) -> Self {
        match line {
            Line::Change(stored) => stored.entry.into(),
            Line::Use(stored) => stored.into(),
        }
    }
}

impl From<AuditEntry> for AuditLine {
    fn from(entry: AuditEntry) -> Self {
        Self {
            kind: LineKind::Change,
            at: entry.at.to_rfc3339(),
            user: entry.actor,
            auth_method: entry.auth_method,
            source: entry.source,
            action: entry.action,
            subject: entry.subject,
            changed: entry.changed,
            before: entry.before,
            after: entry.after,
            server: entry.server,
            method: String::new(),
            tool: String::new(),
            decision: "allow",
            reason: String::new(),
            status: None,
            duration_us: None,
            count: None,
            request_id: entry.request_id,
            gateway: String::new(),
            arguments: None,
        }
    }
}

impl From<StoredAccess> for AuditLine {
    fn from(stored: StoredAccess) -> Self {
        let event = stored.event;
        Self {
            kind: LineKind::Access,
            at: event.at.to_rfc3339(),
            user: event.user,
            auth_method: event.auth_method,
            source: event.client,
            action: String::new(),
            subject: String::new(),
            changed: Vec::new(),
            before: String::new(),
            after: String::new(),
            server: event.server,
            method: event.method,
            tool: event.tool,
            decision: event.decision.as_str(),
            reason: event.reason,
            status: Some(event.status),
            duration_us: Some(event.duration_us),
            count: Some(event.count).filter(|count| *count > 1),
            request_id: event.request_id,
            gateway: stored.gateway,
            arguments: event.arguments,
        }
    }
}

impl Cursor {
    fn text(self) -> String {
        let kind = match self.kind {
            Kind::Change => 'c',
            Kind::Use => 'a',
        };
        URL_SAFE_NO_PAD.encode(format!("{}{kind}{}", self.at.unix(), self.id))
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (kind, at, id) = match (text.split_once('c'), text.split_once('a')) {
                (Some((at, id)), None) => (Kind::Change, at, id),
                (None, Some((at, id))) => (Kind::Use, at, id),
                _ => return None,
            };
            let id = id.parse().ok().filter(|id| i64::try_from(*id).is_ok())?;
            let at = Timestamp::from_unix(at.parse().ok()?);
            Some(Self { at, kind, id })
        };
        read()
            .ok_or_else(|| Problem::bad_request("the parameter cursor must be one from an answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        for kind in [Kind::Change, Kind::Use] {
            let at = Timestamp::from_unix(-5);
            let cursor = Cursor { at, kind, id: 77 };
            assert_eq!(Cursor::parse(&cursor.text()).unwrap(), cursor);
        }
        for text in ["", "!", "1c2", "MWMyYTM", &URL_SAFE_NO_PAD.encode("1c-2")] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}
