//! The audit log as lines of JSON, as long as it is: read page by page as the client takes it.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::super::super::audit::{Cursor, Line, Search};
use super::super::super::{Error, Registry};
use super::AuditLine;
use crate::http::Problem;

/// All that match, or so many.
pub(super) async fn export(
    registry: Registry,
    search: Search,
    after: Option<Cursor>,
    limit: Option<u32>,
) -> Result<Response, Problem> {
    let mut export = Export {
        registry,
        search,
        after,
        left: limit.unwrap_or(u32::MAX),
    };
    // A database that does not answer is an error, not an empty export.
    let first = export.page().await?;
    let pages = stream::unfold((Some(first), export), |(page, mut export)| async move {
        let page = match page {
            Some(page) => page,
            None => match export.page().await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an export of the audit log broke off"
                    );
                    return Some((Err(BrokenOff), (Some(Bytes::new()), export)));
                }
            },
        };
        (!page.is_empty()).then_some((Ok(page), (None, export)))
    });
    let headers = [(CONTENT_TYPE, LINES), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// The connection is cut, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer")]
struct BrokenOff;

struct Export {
    registry: Registry,
    search: Search,
    after: Option<Cursor>,
    left: u32,
}

impl Export {
    /// The next lines; empty at the end.
    async fn page(&mut self) -> Result<Bytes, Error> {
        let limit = self.left.min(AT_ONCE);
        if limit == 0 {
            return Ok(Bytes::new());
        }
        let search = self.registry.search_audit(&self.search, self.after, limit);
        let lines = search.await?;
        self.after = lines.last().map(Line::cursor).or(self.after);
        self.left -= u32::try_from(lines.len()).unwrap_or(self.left);
        let mut text = Vec::new();
        for line in lines {
            if serde_json::to_writer(&mut text, &AuditLine::from(line)).is_err() {
                return Err(Error::Internal("an audit entry cannot be written"));
            }
            text.push(b'\n');
        }
        Ok(text.into())
    }
}

/// The type of an export.
pub(super) const LINES: &str = "application/x-ndjson";
const AT_ONCE: u32 = 500;
