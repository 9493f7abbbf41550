//! Header names of MCP, the encoded form of their values, and the check of headers against the body.
//!
//! Promises: [`HeaderCheck`] finds every way in which `Mcp-*` headers and body can tell two stories. Must not: be the
//! ground of a permission; what is allowed is decided on the body alone.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use super::envelope::{Envelope, Kind, Message};
use super::{error, version};

/// The revision of a request.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The body's method, mirrored.
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The body's target, mirrored.
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The session of revisions before 2026-07-28.
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The last event that a resuming client has seen.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Stops buffering in proxies on the way.
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// What the names of mirrored tool arguments start with.
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// The media type of an event stream.
pub const EVENT_STREAM: &str = "text/event-stream";
/// The media type of a message.
pub const JSON: &str = "application/json";

/// The values of a header that may stand in a request once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Single<'a> {
    /// It does not stand there.
    #[default]
    Absent,
    /// It stands there once.
    One(&'a [u8]),
    /// It stands there several times, with whatever values.
    Many,
}

impl<'a> Single<'a> {
    /// Counts the values of one header.
    pub fn of(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Many,
        }
    }

    fn text(self, header: &'static str) -> Result<Option<&'a str>, Mismatch> {
        match self {
            Self::Absent => Ok(None),
            Self::One(value) => trimmed(value)
                .map(Some)
                .ok_or(Mismatch::Malformed { header }),
            Self::Many => Err(Mismatch::Repeated { header }),
        }
    }
}

/// The headers that mirror the body.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderCheck<'a> {
    /// `MCP-Protocol-Version`.
    pub version: Single<'a>,
    /// `Mcp-Method`.
    pub method: Single<'a>,
    /// `Mcp-Name`.
    pub name: Single<'a>,
}

/// How headers and body differ. The answer is 400 with [`Mismatch::code`] and the request's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A header stands there several times.
    #[error("header {header} stands in the request more than once; send it once")]
    Repeated {
        /// Which one.
        header: &'static str,
    },
    /// A value that is not printable ASCII, or whose encoded form is broken.
    #[error("header {header} is not printable ASCII, or its base64 form is broken")]
    Malformed {
        /// Which one.
        header: &'static str,
    },
    /// A header that the revision demands is missing.
    #[error("header {header} is missing; this revision demands it")]
    Missing {
        /// Which one.
        header: &'static str,
    },
    /// Header and body differ.
    #[error("header {header} differs from `{field}` in the body")]
    Differs {
        /// Which header.
        header: &'static str,
        /// The field it mirrors.
        field: &'static str,
    },
    /// A batch, in a revision that has none.
    #[error("this revision has no batches; send one message per request")]
    Batch,
}

impl Mismatch {
    /// The JSON-RPC error code for it.
    pub const fn code(&self) -> i32 {
        match self {
            Self::Batch => error::INVALID_REQUEST,
            Self::Repeated { .. }
            | Self::Malformed { .. }
            | Self::Missing { .. }
            | Self::Differs { .. } => error::HEADER_MISMATCH,
        }
    }
}

impl HeaderCheck<'_> {
    /// The revision that the header names, trimmed; nothing when it is absent, repeated or malformed.
    pub fn version(&self) -> Option<&str> {
        self.version.text(VERSION).ok().flatten()
    }

    /// Whether the request is of the era in which headers mirror the body.
    pub fn is_modern(&self) -> bool {
        self.version().is_some_and(version::is_modern)
    }

    /// Compares the headers with the body.
    ///
    /// Repeated headers are refused in every era, since two readers may pick two of them, and so is a body that names
    /// another revision than the header. Beyond that only requests of revision 2026-07-28 and later are compared: earlier
    /// ones do not mirror, and nothing here trusts their headers.
    ///
    /// # Errors
    /// The first difference found.
    pub fn compare(&self, envelope: &Envelope<'_>) -> Result<(), Mismatch> {
        let version = self.version.text(VERSION)?;
        let method = self.method.text(METHOD)?;
        let name = self.name.text(NAME)?;
        let Some(version) = version else {
            return Ok(());
        };
        let mut in_body = envelope.messages().iter();
        if in_body.any(|message| {
            message
                .version
                .as_deref()
                .is_some_and(|body| body != version)
        }) {
            return Err(Mismatch::Differs {
                header: VERSION,
                field: "params._meta protocolVersion",
            });
        }
        if !version::is_modern(version) {
            return Ok(());
        }
        let message = envelope.single().ok_or(Mismatch::Batch)?;
        compare_method(message, method)?;
        compare_name(message, name)
    }
}

fn compare_method(message: &Message<'_>, header: Option<&str>) -> Result<(), Mismatch> {
    match header {
        Some(method) if method == message.method => Ok(()),
        Some(_) => Err(Mismatch::Differs {
            header: METHOD,
            field: "method",
        }),
        None if message.kind == Kind::Request => Err(Mismatch::Missing { header: METHOD }),
        None => Ok(()),
    }
}

fn compare_name(message: &Message<'_>, header: Option<&str>) -> Result<(), Mismatch> {
    const DIFFERS: Mismatch = Mismatch::Differs {
        header: NAME,
        field: "the target",
    };
    match (header, &message.target) {
        (Some(header), Some(target)) => {
            let name = decode(header).ok_or(Mismatch::Malformed { header: NAME })?;
            if name == *target {
                Ok(())
            } else {
                Err(DIFFERS)
            }
        }
        (Some(_), None) => Err(DIFFERS),
        // Rules for notifications are undefined in 2026-07-28, so none is demanded of them.
        (None, Some(_)) if message.kind == Kind::Request && demands_name(&message.method) => {
            Err(Mismatch::Missing { header: NAME })
        }
        (None, _) => Ok(()),
    }
}

/// Whether the revision demands `Mcp-Name` of this method. It knows neither `tasks/result` nor `tasks/list`: the server
/// answers these, and the answer is that there is no such method.
fn demands_name(method: &str) -> bool {
    matches!(
        method,
        "tools/call"
            | "prompts/get"
            | "resources/read"
            | "tasks/get"
            | "tasks/update"
            | "tasks/cancel"
    )
}

/// The value of a header that may be written as `=?base64?…?=`; nothing when that form is broken.
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    match value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="))
    {
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
        None => Some(Cow::Borrowed(value)),
    }
}

/// The value without outer blanks; nothing unless it is visible ASCII with inner blanks at most.
fn trimmed(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    text.bytes()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        .then_some(text)
}

const VERSION: &str = "MCP-Protocol-Version";
const METHOD: &str = "Mcp-Method";
const NAME: &str = "Mcp-Name";

#[cfg(test)]
mod tests;
