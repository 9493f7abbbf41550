//! What a polled list means: a lenient reader of other people's registries.
//!
//! Accepted are the map path → info, the list form (`{"servers": […]}`, `is_enabled`), a bare list,
//! and the short form of an info, `{"enabled", "port", "protocol", "host"}`. What cannot be
//! understood is skipped by name, one entry at a time; a route in use whose entry cannot be
//! understood stays. Never panics, whatever is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::trouble::Trouble;
use crate::catalog::snapshot::{Routes, Snapshot};
use crate::domain::endpoint::{Endpoints, UpstreamUrl};
use crate::domain::path::ServerPath;
use crate::domain::secret::Secret;
use crate::domain::server::{Route, UpstreamHeader, UpstreamTls};

/// One server as it is written; the path is empty where there is none.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) info: Value,
}

/// One answer.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// Where the list form goes on.
    pub(super) next_offset: Option<u64>,
}

/// Takes an answer apart.
pub(super) fn parse(body: &[u8]) -> Result<Page, Trouble> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() && !body.is_empty() {
            Trouble::CutOff("JSON ends in the middle".to_owned())
        } else {
            Trouble::Malformed
        }
    })?;
    match body {
        Value::Array(items) => Ok(Page {
            entries: listed(items),
            next_offset: None,
        }),
        Value::Object(mut map) => match map.remove("servers") {
            Some(Value::Array(items)) => {
                let next_offset = next_offset(&map, items.len());
                Ok(Page {
                    entries: listed(items),
                    next_offset,
                })
            }
            other => {
                map.extend(other.map(|info| ("servers".to_owned(), info)));
                let entries = map
                    .into_iter()
                    .map(|(path, info)| Entry { path, info })
                    .collect();
                Ok(Page {
                    entries,
                    next_offset: None,
                })
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(Trouble::Malformed)
        }
    }
}

fn listed(items: Vec<Value>) -> Vec<Entry> {
    let path = |info: &Value| {
        info.get("path")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    items
        .into_iter()
        .map(|info| Entry {
            path: path(&info),
            info,
        })
        .collect()
}

fn next_offset(page: &Map<String, Value>, count: usize) -> Option<u64> {
    let more = page
        .get("has_next")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let offset = page
        .get("offset")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let count = u64::try_from(count)
        .ok()
        .filter(|count| more && *count > 0)?;
    offset.checked_add(count)
}

/// The list's address, from this entry on.
pub(super) fn at_offset(servers: &Url, offset: u64) -> Url {
    let mut url = servers.clone();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != "offset")
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair("offset", &offset.to_string());
    url
}

/// The target of `rel="next"` (RFC 8288), on the same origin only: the token goes there too.
pub(super) fn next_link(here: &Url, header: &str) -> Option<Url> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
        let url = here.join(target).ok()?;
        (is_next && url.origin() == here.origin()).then_some(url)
    })
}

/// What a list comes to.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) routes: Routes,
    /// By name, and why.
    pub(super) skipped: BTreeMap<String, String>,
}

/// Makes routes of entries. Those that are as in use keep their `Arc`.
///
/// # Errors
/// [`Trouble::Malformed`] when there are entries and not one makes sense.
pub(super) fn read(
    entries: Vec<Entry>,
    default_host: &str,
    current: Option<&Snapshot>,
) -> Result<Reading, Trouble> {
    let held = |path: &ServerPath| {
        current
            .and_then(|current| current.routes.get(path))
            .cloned()
    };
    let mut seen = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    let (mut understood, mut some) = (false, false);
    for Entry { path: name, info } in entries {
        some = true;
        let path = match ServerPath::parse(&name) {
            Ok(path) => path,
            Err(error) => {
                skipped.insert(name, format!("path: {error}"));
                continue;
            }
        };
        if seen.contains_key(&path) {
            skipped.insert(name, "path: is there twice".to_owned());
            continue;
        }
        let old = held(&path);
        let route = match route(&path, &info, default_host, old.as_deref()) {
            Ok(route) => {
                understood = true;
                route.map(|route| match old {
                    Some(old) if *old == route => old,
                    Some(_) | None => Arc::new(route),
                })
            }
            Err(why) => {
                skipped.insert(name, why);
                old
            }
        };
        seen.insert(path, route);
    }
    if some && !understood {
        return Err(Trouble::Malformed);
    }
    let routes = seen
        .into_iter()
        .filter_map(|(path, route)| Some((path, route?)))
        .collect();
    Ok(Reading { routes, skipped })
}

/// The route of one info; `None` when it is not enabled or cannot be routed to (`stdio`).
fn route(
    path: &ServerPath,
    info: &Value,
    default_host: &str,
    old: Option<&Route>,
) -> Result<Option<Route>, String> {
    let info = Info(info.as_object().ok_or("must be an object")?);
    let enabled = match info.flag("enabled")? {
        Some(enabled) => Some(enabled),
        None => info.flag("is_enabled")?,
    };
    if enabled != Some(true) {
        return Ok(None);
    }
    let mcp = info.url("mcp_endpoint")?;
    let sse = info.url("sse_endpoint")?;
    let base = match info.url("proxy_pass_url")? {
        Some(url) => Some(url),
        None => info.short_form(default_host)?.or_else(|| mcp.clone()),
    };
    let Some(base) = base else {
        if info.is_stdio() {
            return Ok(None);
        }
        return Err("proxy_pass_url: is missing, and so is port".to_owned());
    };
    let endpoints = Endpoints::derive(&base, mcp.as_ref(), sse.as_ref());
    let headers = info.headers(old.filter(|old| old.endpoints.base.same_origin(&base)))?;
    Ok(Some(Route {
        path: path.clone(),
        endpoints,
        public: info.flag("public")?.unwrap_or_default(),
        passthrough: info.flag("passthrough")?.unwrap_or_default(),
        forward_authorization: info.flag("forward_authorization")?.unwrap_or_default(),
        timeout: info.timeout()?,
        tls: info.tls()?,
        headers,
    }))
}

/// The members of an info. Absent, `null` and the empty string are the same.
struct Info<'a>(&'a Map<String, Value>);

impl Info<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.0
            .get(name)
            .filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.value(name)
            .map(|value| {
                value
                    .as_bool()
                    .ok_or_else(|| format!("{name}: must be true or false"))
            })
            .transpose()
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        self.value(name)
            .map(|value| {
                value
                    .as_str()
                    .ok_or_else(|| format!("{name}: must be text"))
            })
            .transpose()
    }

    fn url(&self, name: &str) -> Result<Option<UpstreamUrl>, String> {
        self.text(name)?
            .map(|text| UpstreamUrl::parse(text).map_err(|error| format!("{name}: {error}")))
            .transpose()
    }

    /// `{"port": 8001, "protocol": "http", "host": "fininfo-server"}`.
    fn short_form(&self, default_host: &str) -> Result<Option<UpstreamUrl>, String> {
        let Some(port) = self.value("port") else {
            return Ok(None);
        };
        let port = port
            .as_u64()
            .or_else(|| port.as_str()?.parse().ok())
            .filter(|port| (1..=u64::from(u16::MAX)).contains(port))
            .ok_or("port: must be 1 to 65535")?;
        let protocol = self
            .text("protocol")?
            .unwrap_or("http")
            .to_ascii_lowercase();
        let host = self.text("host")?.unwrap_or(default_host);
        if host.contains(['/', '@', '?', '#']) {
            return Err("host: must be a host name or an address".to_owned());
        }
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let host = if is_bare_ipv6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        UpstreamUrl::parse(&format!("{protocol}://{host}:{port}/"))
            .map(Some)
            .map_err(|error| format!("host, port, protocol: {error}"))
    }

    fn is_stdio(&self) -> bool {
        let only = |value: &Value| {
            value.as_array().is_some_and(|all| {
                !all.is_empty() && all.iter().all(|one| one.as_str() == Some("stdio"))
            })
        };
        self.value("supported_transports").is_some_and(only)
    }

    fn timeout(&self) -> Result<Option<Duration>, String> {
        let rule = "timeout: must be seconds, above 0";
        let Some(value) = self.value("timeout") else {
            return Ok(None);
        };
        let seconds = value.as_u64().filter(|seconds| *seconds > 0).ok_or(rule)?;
        Ok(Some(Duration::from_secs(seconds.min(u32::MAX.into()))))
    }

    fn tls(&self) -> Result<UpstreamTls, String> {
        let Some(value) = self.value("tls") else {
            return Ok(UpstreamTls::default());
        };
        let tls = Info(value.as_object().ok_or("tls: must be an object")?);
        Ok(UpstreamTls {
            ca: tls.text("ca")?.map(str::to_owned),
            insecure: tls.flag("insecure")?.unwrap_or_default(),
        })
    }

    /// A map, a list of maps or a list of `{"name", "value"}`. A hidden value stays what `old` has;
    /// where it has none, the header is left out rather than sent as stars.
    fn headers(&self, old: Option<&Route>) -> Result<Vec<UpstreamHeader>, String> {
        let rule = "headers: must be a map of texts or a list of such maps";
        let mut pairs = Vec::new();
        match self.value("headers") {
            None => {}
            Some(Value::Object(map)) => {
                pairs.extend(map.iter().map(|(name, value)| (name.as_str(), value)));
            }
            Some(Value::Array(list)) => {
                for item in list {
                    let map = item.as_object().ok_or(rule)?;
                    match (map.get("name").and_then(Value::as_str), map.get("value")) {
                        (Some(name), Some(value)) => pairs.push((name, value)),
                        _ => pairs.extend(map.iter().map(|(name, value)| (name.as_str(), value))),
                    }
                }
            }
            Some(_) => return Err(rule.to_owned()),
        }
        let mut headers = Vec::new();
        for (name, value) in pairs {
            let value = value.as_str().ok_or(rule)?;
            http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| rule)?;
            http::HeaderValue::from_str(value).map_err(|_| rule)?;
            let value = if value == HIDDEN {
                stored(old, name)
            } else {
                Some(Secret::new(value.to_owned()))
            };
            headers.extend(value.map(|value| UpstreamHeader {
                name: name.to_owned(),
                value,
            }));
        }
        Ok(headers)
    }
}

fn stored(old: Option<&Route>, name: &str) -> Option<Secret<String>> {
    let header = old?
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(header.value.clone())
}

/// What a registry shows in place of a secret.
const HIDDEN: &str = "***";

#[cfg(test)]
mod tests;
