//! `GET /api/servers`

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::super::super::Registry;
use super::super::super::info::{ServerHealth, number};
use super::super::super::view::{Entry, Listing, View};
use super::super::caller::Caller;
use super::super::openapi::ServerMap;
use super::super::reply;
use super::filter::{Filter, sees_all, select};
use crate::domain::path::ServerPath;
use crate::http::Problem;
use crate::http::etag::none_match_hits;
use crate::http::query::Query;

/// All servers, by path.
///
/// With `limit` the answer is one page, and the `Link` header leads to the next. With `wait` and
/// `If-None-Match` the answer is held until something changed.
#[utoipa::path(
    get,
    path = "/api/servers",
    operation_id = "list_servers",
    tag = "servers",
    params(
        ("query" = Option<String>, Query, description = "part of name, path, description or a tag"),
        ("tag" = Option<String>, Query, description = "has this tag"),
        ("enabled" = Option<bool>, Query, description = "is enabled, or is not"),
        ("health" = Option<String>, Query, description = "healthy, unhealthy, unknown or disabled"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "page size"),
        ("cursor" = Option<String>, Query, description = "from the Link header of the page before"),
        ("wait" = Option<u64>, Query, maximum = 25, description = "seconds to hold a conditional request"),
        ("shape" = Option<String>, Query, description = "list: the form that existing clients know"),
        ("offset" = Option<u64>, Query, description = "skips so many; implies shape=list"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag that was read"),
    ),
    responses(
        (status = 200, description = "path to server; or a list with shape=list", body = ServerMap,
            headers(("ETag" = String, description = "for If-None-Match"), ("Link" = String, description = "the next page"))),
        (status = 304, description = "nothing has changed"),
        (status = 503, description = "too many held requests", body = Problem),
    ),
)]
pub(in super::super) async fn list(
    State(registry): State<Registry>,
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::parse(
        query.as_deref().unwrap_or(""),
        registry.0.settings.registry.wait_max.get(),
    )?;
    let answer = asked.answer(&registry.view(), &caller);
    if !none_match_hits(&headers, &answer.listing.etag) {
        return Ok(answer.full());
    }
    match asked.wait {
        None => Ok(answer.not_modified()),
        Some(wait) => held(&registry, &asked, &caller, &headers, wait).await,
    }
}

/// Waits until the answer is another, the time is up, or the process stops.
async fn held(
    registry: &Registry,
    asked: &Asked,
    caller: &Caller,
    headers: &HeaderMap,
    wait: Duration,
) -> Result<Response, Problem> {
    let _permit = registry.0.held.try_acquire().map_err(|_| {
        Problem::later(
            StatusCode::SERVICE_UNAVAILABLE,
            1,
            "too many requests wait for changes; ask without wait",
        )
    })?;
    let deadline = Instant::now() + wait;
    let mut views = registry.0.view.subscribe();
    loop {
        let view = Arc::clone(&views.borrow_and_update());
        let answer = asked.answer(&view, caller);
        if !none_match_hits(headers, &answer.listing.etag) {
            return Ok(answer.full());
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return Ok(answer.not_modified()) },
            () = sleep_until(deadline) => return Ok(answer.not_modified()),
            () = registry.0.stop.cancelled() => return Ok(answer.not_modified()),
        }
    }
}

/// The parameters.
struct Asked {
    filter: Filter,
    page: Page,
    wait: Option<Duration>,
}

enum Page {
    /// Everything, as a map.
    All,
    /// A page of the map, after a path.
    Map {
        limit: usize,
        after: Option<ServerPath>,
    },
    /// A page in the existing clients' form.
    List { limit: Option<usize>, offset: usize },
}

impl Asked {
    fn parse(query: &str, wait_max: Duration) -> Result<Self, Problem> {
        let mut query = Query::parse(query)?;
        let filter = Filter::take(&mut query)?;
        let limit = query
            .number("limit", 1, 1_000)?
            .and_then(|limit| usize::try_from(limit).ok());
        let offset = query.number("offset", 0, 1_000_000)?;
        let cursor = query.text("cursor");
        let wait = query
            .number("wait", 0, wait_max.as_secs())?
            .filter(|wait| *wait > 0);
        let list = match query.text("shape").as_deref() {
            None | Some("map") => offset.is_some(),
            Some("list") => true,
            Some(_) => {
                return Err(Problem::bad_request(
                    "the parameter shape must be map or list",
                ));
            }
        };
        // Existing clients ask for it; tools are always part of the answer.
        let _ = query.text("include_tools");
        query.end()?;
        let page = match (list, limit, cursor) {
            (true, _, Some(_)) => {
                return Err(Problem::bad_request(
                    "the parameter cursor does not go with shape=list; use offset",
                ));
            }
            (true, limit, None) => Page::List {
                limit,
                offset: offset
                    .and_then(|offset| usize::try_from(offset).ok())
                    .unwrap_or(0),
            },
            (false, None, None) => Page::All,
            (false, limit, cursor) => Page::Map {
                limit: limit.unwrap_or(100),
                after: cursor.map(|cursor| cursor_path(&cursor)).transpose()?,
            },
        };
        Ok(Self {
            filter,
            page,
            wait: wait.map(Duration::from_secs),
        })
    }

    fn answer(&self, view: &View, caller: &Caller) -> Answer {
        if matches!(self.page, Page::All)
            && self.filter == Filter::default()
            && sees_all(view, caller)
        {
            return Answer {
                listing: view.all().clone(),
                next: None,
            };
        }
        let selected = select(view, caller, &self.filter);
        match &self.page {
            Page::All => Answer {
                listing: Listing::of(selected.values().map(|entry| &***entry)),
                next: None,
            },
            Page::Map { limit, after } => {
                let rest = selected
                    .iter()
                    .filter(|(path, _)| after.as_ref().is_none_or(|after| **path > after));
                let page: Vec<&Entry> = rest
                    .clone()
                    .take(*limit)
                    .map(|(_, entry)| &***entry)
                    .collect();
                let more = rest.count() > page.len();
                let last = page
                    .last()
                    .filter(|_| more)
                    .map(|entry| &entry.stored.definition.path);
                let next = last.map(|last| self.next_address(*limit, last));
                let listing = Listing::of(page.into_iter()).with(next.as_deref().unwrap_or(""));
                Answer { listing, next }
            }
            Page::List { limit, offset } => {
                let entries: Vec<&Entry> = selected.values().map(|entry| &***entry).collect();
                Answer {
                    listing: list_form(entries, *limit, *offset),
                    next: None,
                }
            }
        }
    }

    fn next_address(&self, limit: usize, last: &ServerPath) -> String {
        let mut parameters = url::form_urlencoded::Serializer::new(String::new());
        self.filter.write(&mut parameters);
        parameters.append_pair("limit", &limit.to_string());
        parameters.append_pair("cursor", &URL_SAFE_NO_PAD.encode(last.as_str()));
        format!("</api/servers?{}>; rel=\"next\"", parameters.finish())
    }
}

fn cursor_path(cursor: &str) -> Result<ServerPath, Problem> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| ServerPath::parse(&text).ok())
        .ok_or_else(|| Problem::bad_request("the parameter cursor must be one from a Link header"))
}

/// As existing clients know it: by display name, with counts.
fn list_form(mut entries: Vec<&Entry>, limit: Option<usize>, offset: usize) -> Listing {
    entries.sort_by_cached_key(|entry| entry.stored.definition.server_name.to_lowercase());
    let total = entries.len();
    let limit = limit.unwrap_or_else(|| total.max(1));
    let page: Vec<Value> = entries
        .iter()
        .skip(offset)
        .take(limit)
        .map(|entry| list_item(entry))
        .collect();
    let body = json!({
        "servers": page,
        "total_count": total,
        "limit": limit,
        "offset": offset,
        "has_next": offset.saturating_add(limit) < total,
    });
    Listing::of_text(body.to_string())
}

fn list_item(entry: &Entry) -> Value {
    let definition = &entry.stored.definition;
    let health = ServerHealth::new(&entry.health, definition.enabled);
    json!({
        "display_name": definition.server_name,
        "path": definition.path,
        "description": definition.description,
        "proxy_pass_url": definition.proxy_pass_url,
        "is_enabled": definition.enabled,
        "tags": definition.tags,
        "num_tools": definition.tool_list.len(),
        "num_stars": number(definition.num_stars),
        "is_python": definition.is_python,
        "license": definition.license,
        "health_status": health.status(),
        "last_checked_iso": health.checked_at(),
    })
}

struct Answer {
    listing: Listing,
    next: Option<String>,
}

impl Answer {
    fn full(self) -> Response {
        let mut response = Body::from(self.listing.body).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(next) = self.next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            response.headers_mut().insert(LINK, next);
        }
        cacheable(response, &self.listing.etag)
    }

    fn not_modified(self) -> Response {
        cacheable(StatusCode::NOT_MODIFIED.into_response(), &self.listing.etag)
    }
}

/// Kept only to be asked again, and only by who asked.
fn cacheable(mut response: Response, etag: &str) -> Response {
    reply::set_etag(&mut response, etag);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(
        VARY,
        HeaderValue::from_static("authorization, cookie, x-authorization"),
    );
    response
}
