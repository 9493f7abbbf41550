//! HTTP+SSE of 2024-11-05 below a path: the message URL that a stream begins with.
//!
//! Promises: the first `endpoint` event of a stream names `P/message?s=TOKEN` instead of the server's
//! own URL; every other byte passes as it came and when it came. TOKEN seals the server's path and
//! query to the caller and the server, so that any gateway with the same key can serve it. Must not:
//! hold anything once that event has passed, nor let a stream name a second URL: clients follow each,
//! and so one server could have a caller's messages sent to another one.
//!
//! Start at [`Rewrite::pass`]; [`message_target`] is the way back.
//!
//! # Why
//! The URL is written as an absolute path. That is the one form that every client resolves to the
//! same: some know no relative references, some take other references against the root.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use url::Url;

use super::session::{Holder, Seals};
use super::table::CompiledRoute;
use crate::domain::principal::Principal;
use crate::protocol::sse::{Event, Parser, TooLong};

/// Why a stream was ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What comes before the end of the first event is too long.
    #[error("the stream's {0}")]
    TooLong(TooLong),
    /// Not a URL, or one that nothing can be sent to.
    #[error("its endpoint event holds no URL of at most {TARGET_BYTES} bytes that can be sent to")]
    Malformed,
    /// Elsewhere: the caller's messages and the server's credentials must not go there.
    #[error(
        "its endpoint event names {named}, another origin than the server's {own}; let the server name a path, or register it at that origin"
    )]
    OtherOrigin {
        /// Where messages should go.
        named: String,
        /// Where the stream comes from.
        own: String,
    },
    /// A second `endpoint` event.
    #[error("it has a second endpoint event")]
    Repeated,
    /// The cryptographic library refused.
    #[error("the message URL could not be sealed")]
    Unsealed,
}

impl Error {
    /// A stable label for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "event_too_long",
            Self::Malformed => "endpoint_malformed",
            Self::OtherOrigin { .. } => "endpoint_other_origin",
            Self::Repeated => "endpoint_repeated",
            Self::Unsealed => "endpoint_unsealed",
        }
    }
}

/// A stream on its way to the client.
#[derive(Debug)]
pub struct Rewrite {
    route: Arc<CompiledRoute>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The event has not come yet.
    Looking(Box<Search>),
    /// It has passed.
    Passed(Watch),
}

/// What the rewriting takes.
#[derive(Debug)]
pub struct Search {
    parser: Parser,
    seals: Arc<Seals>,
    caller: Option<Arc<Principal>>,
    /// The URL of the stream.
    asked: Url,
    /// What clients have in front of the server's path.
    public_path: Arc<str>,
}

impl Search {
    /// For a stream that was asked for at `asked`, path and query of the server.
    pub fn new(
        route: &CompiledRoute,
        asked: &PathAndQuery,
        seals: Arc<Seals>,
        caller: Option<Arc<Principal>>,
        public_path: Arc<str>,
    ) -> Self {
        let mut url = route.route.endpoints.sse.as_url().clone();
        url.set_query(asked.query());
        Self {
            parser: Parser::new(EVENT_BYTES),
            seals,
            caller,
            asked: url,
            public_path,
        }
    }

    /// The event with our URL in the place of the server's.
    fn rewritten(&self, event: &Event, data: &[u8], route: &CompiledRoute) -> Result<Event, Error> {
        let target = resolve(&self.asked, data)?;
        let holder = Holder {
            server: route.path(),
            caller: self.caller.as_deref(),
        };
        let token = self
            .seals
            .seal(&target, purpose(route), holder)
            .ok_or(Error::Unsealed)?;
        let url = [
            &*self.public_path,
            route.path().as_str(),
            MESSAGE,
            "?",
            PARAMETER,
            &token,
        ];
        Ok(event.with_data(&url.concat()))
    }
}

impl Rewrite {
    /// Nothing has passed yet.
    pub fn new(route: Arc<CompiledRoute>, search: Search) -> Self {
        Self {
            route,
            state: State::Looking(Box::new(search)),
        }
    }

    /// What goes on to the client now that these bytes came; may be nothing.
    ///
    /// # Errors
    /// The stream must end here.
    pub fn pass(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let passed = match &mut self.state {
            State::Passed(watch) => watch.look(&bytes).map(|()| bytes),
            State::Looking(search) => match look(search, &bytes, &self.route) {
                Ok((passed, None)) => Ok(passed),
                Ok((passed, Some(watch))) => {
                    self.state = State::Passed(watch);
                    Ok(passed)
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = &passed {
            tracing::warn!(
                server = %self.route.path(),
                reason = error.reason(),
                "legacy event stream ended: {error}"
            );
        }
        passed
    }
}

/// Passes whole events up to the one that is looked for, and with it the rest.
fn look(
    search: &mut Search,
    bytes: &[u8],
    route: &CompiledRoute,
) -> Result<(Bytes, Option<Watch>), Error> {
    search.parser.push(bytes);
    let mut passed = BytesMut::new();
    while let Some(event) = search.parser.next_event().map_err(Error::TooLong)? {
        // An event without data is none: clients wait for the next one.
        let data = event.data().filter(|_| event.name() == Some(b"endpoint"));
        let Some(data) = data else {
            passed.extend_from_slice(event.raw());
            continue;
        };
        passed.extend_from_slice(search.rewritten(&event, &data, route)?.raw());
        let rest = std::mem::replace(&mut search.parser, Parser::new(0)).into_rest();
        let mut watch = Watch::default();
        watch.look(&rest)?;
        passed.extend_from_slice(&rest);
        return Ok((passed.freeze(), Some(watch)));
    }
    Ok((passed.freeze(), None))
}

/// Path and query that messages go to, by the rules of URLs relative to the stream's own.
fn resolve(asked: &Url, data: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(data).map_err(|_| Error::Malformed)?;
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Error::Malformed);
    }
    let url = asked.join(text).map_err(|_| Error::Malformed)?;
    if url.origin() != asked.origin() || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::OtherOrigin {
            named: url.origin().ascii_serialization(),
            own: asked.origin().ascii_serialization(),
        });
    }
    let target = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    if target.len() > TARGET_BYTES || PathAndQuery::try_from(target.as_str()).is_err() {
        return Err(Error::Malformed);
    }
    Ok(target)
}

/// Whether a query is that of a message URL of ours.
pub fn has_token(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.starts_with(PARAMETER))
}

/// Where the message URL with this query leads; `None` when it was not made for this caller of this
/// server, whatever is wrong with it.
pub fn message_target(
    query: Option<&str>,
    seals: &Seals,
    route: &CompiledRoute,
    caller: Option<&Principal>,
) -> Option<PathAndQuery> {
    let token = query?.strip_prefix(PARAMETER)?;
    let holder = Holder {
        server: route.path(),
        caller,
    };
    let target = seals.open(token, purpose(route), holder)?;
    PathAndQuery::try_from(target).ok()
}

/// The server's address is part of it: a message must not reach another server that took the path.
fn purpose(route: &CompiledRoute) -> &str {
    route.route.endpoints.sse.as_str()
}

/// Looks for the line `event: endpoint` in what passes.
#[derive(Debug, Default)]
struct Watch {
    /// How the line begins that is not whole yet, as far as it matters.
    line: Vec<u8>,
}

impl Watch {
    fn look(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.keep(line);
            if matches!(&*self.line, b"event: endpoint" | b"event:endpoint") {
                return Err(Error::Repeated);
            }
            self.line.clear();
            rest = after.get(1..).unwrap_or_default();
        }
        self.keep(rest);
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) {
        let room = WATCHED_BYTES.saturating_sub(self.line.len());
        self.line.extend(part.iter().take(room));
    }
}

/// What lies below a server's path for its messages.
pub const MESSAGE: &str = "/message";
const PARAMETER: &str = "s=";
/// The longest first event, and the longest of those before it.
const EVENT_BYTES: usize = 16 * 1024;
/// The longest path and query of a message URL, so that its token fits into a request's target.
const TARGET_BYTES: usize = 4 * 1024;
/// One more than the longest line that is looked for.
const WATCHED_BYTES: usize = b"event: endpoint".len() + 1;

#[cfg(test)]
mod tests;
