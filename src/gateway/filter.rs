//! What of an answer a caller with part of the rights gets to see: `tools/list` cut down to their tools.
//!
//! Promises: a tool that the caller may not call is in no answer at the server's MCP endpoints, whichever way the list
//! comes (JSON, an event of any stream, a batch, a resumed stream); where nothing is taken out, the bytes pass as they
//! came; what is held has a bound. Callers with every right, and everybody at a `public` server, have no [`View`]: their
//! answers are not looked at. Must not: trust the listing – a hidden tool is refused by name when it is called.
//!
//! Start at [`answer`]: one of one piece is held and cut there, a stream gets its [`Events`].
//!
//! # Why answers are refused
//! An answer that cannot be read (compressed, cut, a key twice) or held may list anything, so such a caller gets an error
//! with a reason instead of it. Those with every right get it as it is.

mod events;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use tokio::time::Instant;

pub use self::events::Events;
use super::fields::{FieldList, Name};
use super::message;
use super::reason::Reason;
use super::respond;
use super::table::CompiledRoute;
use super::upstream::{Answer, AnswerBody};
use crate::catalog::snapshot::Access;
use crate::domain::policy::Action;
use crate::domain::principal::Principal;
use crate::protocol::EnvelopeError;
use crate::protocol::listing::{self, Restricted};

/// What a caller may see at a server of which they may not use every tool.
#[derive(Clone, Debug)]
pub struct View {
    access: Arc<Access>,
    route: Arc<CompiledRoute>,
    caller: Arc<Principal>,
    limit: usize,
}

/// Why an answer did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It, or an event of it, is too long to be held.
    #[error("it has more than {limit} bytes without an end; raise gateway.limits.message_bytes")]
    TooLarge {
        /// How much is held.
        limit: usize,
    },
    /// It may list tools, but cannot be read.
    #[error("its {0}")]
    Unreadable(#[from] EnvelopeError),
    /// It is encoded, or a part of something.
    #[error("it is compressed or partial, though neither was asked for")]
    Encoded,
}

impl Error {
    /// What the caller is told.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::AnswerTooLarge,
            Self::Unreadable(_) | Self::Encoded => Reason::AnswerUnreadable,
        }
    }
}

/// A text that passes.
enum Passed {
    /// As it came.
    AsItCame {
        /// There is a list in it.
        lists: bool,
    },
    /// With tools taken out.
    Cut(String),
}

impl View {
    /// For a caller without every right there. At most `limit` bytes are held.
    pub fn new(
        access: &Arc<Access>,
        route: &Arc<CompiledRoute>,
        caller: &Arc<Principal>,
        limit: usize,
    ) -> Self {
        Self {
            access: Arc::clone(access),
            route: Arc::clone(route),
            caller: Arc::clone(caller),
            limit,
        }
    }

    fn restrict(&self, text: &[u8]) -> Result<Passed, Error> {
        if !listing::may_hold_tools(text) {
            return Ok(Passed::AsItCame { lists: false });
        }
        let reach = self.access.policy.reach(&self.caller, self.route.path());
        let restricted = listing::restrict(text, |tool| reach.allows(Action::Tool(tool)))?;
        Ok(match restricted {
            Restricted::NoList => Passed::AsItCame { lists: false },
            Restricted::Untouched => Passed::AsItCame { lists: true },
            Restricted::Changed(text) => Passed::Cut(text),
        })
    }

    fn refused(&self, error: &Error) {
        tracing::warn!(
            server = %self.route.path(),
            user = %self.caller.username,
            reason = error.reason().label(),
            "answer refused to a caller who may not see every tool: {error}"
        );
    }
}

/// How long an answer of one piece may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two parts of it.
    pub silence: Duration,
    /// All of it.
    pub deadline: Instant,
}

/// Prepares an answer for a caller with a view: one of one piece is held and cut, a stream gets its filter.
///
/// # Errors
/// The reason to answer the caller with.
pub async fn answer(
    view: View,
    mut answer: Answer,
    patience: Patience,
) -> Result<(Answer, Option<Box<Events>>), Reason> {
    let checked = check(answer.status, &answer.fields).inspect_err(|error| view.refused(error));
    checked.map_err(|error| error.reason())?;
    if respond::is_event_stream(&answer.fields) {
        answer.fields.remove(Name::ContentLength);
        return Ok((answer, Some(Box::new(Events::new(view)))));
    }
    if !answer.body.is_end_stream() {
        whole(&view, &mut answer, patience).await?;
    }
    Ok((answer, None))
}

/// Whether what comes can be read as it comes.
fn check(status: StatusCode, fields: &FieldList) -> Result<(), Error> {
    let is_identity = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"identity");
    let is_plain = fields.all(Name::ContentEncoding).all(is_identity)
        && fields.all(Name::ContentType).all(is_utf8);
    if is_plain && status != StatusCode::PARTIAL_CONTENT {
        Ok(())
    } else {
        Err(Error::Encoded)
    }
}

/// Whether a media type names no other alphabet than UTF-8.
fn is_utf8(kind: &[u8]) -> bool {
    let mut parameters = kind.split(|byte| *byte == b';').skip(1);
    parameters.all(|parameter| {
        let (name, value) = parameter
            .iter()
            .position(|byte| *byte == b'=')
            .and_then(|at| parameter.split_at_checked(at))
            .unwrap_or((parameter, &[]));
        !name.trim_ascii().eq_ignore_ascii_case(b"charset")
            || ["utf-8", "utf8", "us-ascii"].iter().any(|known| {
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let bare = value.strip_prefix(b"\"").unwrap_or(value);
                let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
                bare.eq_ignore_ascii_case(known.as_bytes())
            })
    })
}

async fn whole(view: &View, answer: &mut Answer, patience: Patience) -> Result<(), Reason> {
    let came = message::hold(
        &mut answer.body,
        view.limit,
        patience.silence,
        patience.deadline,
    )
    .await;
    let came = came.map_err(|failure| match failure {
        message::Failure::TooLarge => {
            let error = Error::TooLarge { limit: view.limit };
            view.refused(&error);
            error.reason()
        }
        message::Failure::Silent => Reason::UpstreamFirstByte,
        message::Failure::Broken => Reason::UpstreamProtocol,
    })?;
    let passed = view
        .restrict(&came)
        .inspect_err(|error| view.refused(error));
    let fields = &mut answer.fields;
    let body = match passed.map_err(|error| error.reason())? {
        Passed::AsItCame { lists } => {
            if lists {
                fields.set("cache-control", PRIVATE);
            }
            came
        }
        Passed::Cut(text) => {
            fields.set("cache-control", PRIVATE);
            fields.remove(Name::OfTheBytes);
            fields.set("content-length", text.len().to_string().as_bytes());
            Bytes::from(text)
        }
    };
    answer.body = AnswerBody::Whole(Some(body));
    Ok(())
}

const PRIVATE: &[u8] = b"private, no-store";

#[cfg(test)]
mod tests;
