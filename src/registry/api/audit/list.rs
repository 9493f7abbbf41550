//! `GET /api/audit`

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{ACCEPT, HeaderMap};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::audit::{Cursor, Kind, Line, Search};
use super::super::caller::Admin;
use super::super::reply;
use super::{AuditLine, export};
use crate::domain::path::ServerPath;
use crate::domain::time::Timestamp;
use crate::http::Problem;
use crate::http::query::Query;
use crate::store::AuditFilter;

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// The newest first.
    entries: Vec<AuditLine>,
    /// Cursor of the next page; absent where this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Who changed what, and who used what; the newest first.
///
/// With `Accept: application/x-ndjson` the answer is an export: one line of JSON per entry, all that
/// match or `limit` of them.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "audit",
    params(
        ("kind" = Option<String>, Query, description = "change (changes and logins) or access (uses of servers); absent: both"),
        ("user" = Option<String>, Query, description = "who did it"),
        ("server" = Option<String>, Query, description = "the server's path"),
        ("tool" = Option<String>, Query, description = "the tool, prompt or resource"),
        ("decision" = Option<String>, Query, description = "allow, deny or error"),
        ("action" = Option<String>, Query, description = "kind of change, such as server.create"),
        ("request_id" = Option<String>, Query, description = "X-Request-Id of an answer, or the request_id of an error's body"),
        ("since" = Option<String>, Query, description = "at this moment (RFC 3339) or later"),
        ("until" = Option<String>, Query, description = "before this moment (RFC 3339)"),
        ("limit" = Option<u32>, Query, description = "entries of a page, 1 to 1000; 100 where absent"),
        ("cursor" = Option<String>, Query, description = "next of the page before"),
    ),
    responses(
        (status = 200, description = "a page, or an export", content((AuditPage = "application/json"), (AuditLine = "application/x-ndjson"))),
        (status = 400, description = "a parameter is wrong", body = Problem),
        (status = 403, description = "the caller is no administrator", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    _: Admin,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Asked {
        search,
        after,
        limit,
    } = asked(query.as_deref().unwrap_or_default())?;
    if wants_lines(&headers) {
        return export::export(registry, search, after, limit).await;
    }
    let limit = limit.unwrap_or(PAGE);
    // One more tells whether there is another page.
    let mut lines = registry.search_audit(&search, after, limit + 1).await?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = (lines.len() > page)
        .then(|| {
            lines.truncate(page);
            lines.last().map(Line::cursor).map(Cursor::text)
        })
        .flatten();
    let entries = lines.into_iter().map(AuditLine::from).collect();
    Ok(reply::json(StatusCode::OK, &AuditPage { entries, next }))
}

struct Asked {
    search: Search,
    after: Option<Cursor>,
    limit: Option<u32>,
}

fn asked(query: &str) -> Result<Asked, Problem> {
    let mut query = Query::parse(query)?;
    let kind = match query.text("kind").as_deref() {
        None => None,
        Some("change") => Some(Kind::Change),
        Some("access") => Some(Kind::Use),
        Some(_) => {
            return Err(Problem::bad_request(
                "the parameter kind must be change or access",
            ));
        }
    };
    let server = query.text("server").map(|text| ServerPath::parse(&text));
    let server = server
        .transpose()
        .map_err(|rule| Problem::bad_request(format!("the parameter server: {rule}")))?;
    let text = |text: Option<String>| text.unwrap_or_default();
    let filter = AuditFilter {
        user: text(query.text("user")),
        server: server.map(|path| path.to_string()).unwrap_or_default(),
        tool: text(query.text("tool")),
        decision: query.value("decision", "must be allow, deny or error")?,
        action: text(query.text("action")),
        request_id: text(query.text("request_id")),
        since: moment(&mut query, "since")?,
        until: moment(&mut query, "until")?,
    };
    let limit = query.number("limit", 1, MOST)?;
    let after = query.text("cursor");
    query.end()?;
    Ok(Asked {
        search: Search { filter, kind },
        after: after.map(|text| Cursor::parse(&text)).transpose()?,
        limit: limit.and_then(|limit| u32::try_from(limit).ok()),
    })
}

fn moment(query: &mut Query, name: &str) -> Result<Option<Timestamp>, Problem> {
    let rule = "must be a moment such as 2026-01-31T12:00:00Z";
    let text = query.text(name);
    text.map(|text| {
        Timestamp::parse_rfc3339(&text)
            .ok_or_else(|| Problem::bad_request(format!("the parameter {name} {rule}")))
    })
    .transpose()
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let essence = accept.and_then(|value| value.split([',', ';']).next());
    essence.is_some_and(|essence| essence.trim() == export::LINES)
}

const PAGE: u32 = 100;
const MOST: u64 = 1_000;
