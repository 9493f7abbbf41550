//! What can be wrong with a registry.

use std::error::Error as _;
use std::fmt::Write as _;

use reqwest::StatusCode;

use crate::catalog::wire;
use crate::domain::ids::Revision;

/// Why the last good snapshot stays. Holds nothing of what the registry sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the registry cannot be reached: {0}")]
    Unreachable(String),
    #[error("the registry did not answer in time")]
    Timeout,
    #[error(
        "the registry answers {0}: it does not accept this gateway's token; set REGISTRY_API_TOKEN to one that it accepts"
    )]
    Unauthorized(StatusCode),
    #[error("the registry answers {0}")]
    Status(StatusCode),
    #[error(
        "the registry answers with a web page; check that REGISTRY_API_URL is its list of servers"
    )]
    Html,
    #[error(
        "the registry's answer is larger than the limit; raise MCP__CATALOG__SNAPSHOT_BYTES if that is meant"
    )]
    TooLarge,
    #[error("the registry's answer was cut off: {0}")]
    CutOff(String),
    #[error("the registry's answer is not a list of servers")]
    Malformed,
    #[error("the registry fell silent")]
    Stalled,
    #[error("the registry ended the watch")]
    Closed,
    #[error(
        "the registry is behind: it offers revision {offered}, revision {held} is in use; a replica may be lagging, or an older backup was restored"
    )]
    Older { offered: Revision, held: Revision },
    #[error("the registry is at revision {0}, which it never told; asking for everything again")]
    Missed(Revision),
    #[error("the registry says that there is no server at all; waiting for it to say so again")]
    Emptied,
    #[error(transparent)]
    Wire(#[from] wire::Error),
}

impl Trouble {
    /// A stable label. Two troubles with one label are the same state.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Unauthorized(_) => "unauthorized",
            Self::Status(_) => "status",
            Self::Html => "html",
            Self::TooLarge => "oversized",
            Self::CutOff(_) => "cut_off",
            Self::Malformed => "malformed",
            Self::Stalled => "stalled",
            Self::Closed => "closed",
            Self::Older { .. } => "older_revision",
            Self::Missed(_) => "missed",
            Self::Emptied => "emptied",
            Self::Wire(error) => error.reason(),
        }
    }

    /// Whether the registry offered something that was refused, rather than nothing.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Html
            | Self::TooLarge
            | Self::CutOff(_)
            | Self::Malformed
            | Self::Older { .. }
            | Self::Emptied
            | Self::Wire(_) => true,
            Self::Unreachable(_)
            | Self::Timeout
            | Self::Unauthorized(_)
            | Self::Status(_)
            | Self::Stalled
            | Self::Closed
            | Self::Missed(_) => false,
        }
    }

    /// From a request that got no answer.
    pub(super) fn of_request(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Unreachable(chain(error))
        }
    }

    /// From an answer whose body broke off.
    pub(super) fn of_body(error: reqwest::Error) -> Self {
        Self::CutOff(chain(error))
    }

    /// From a status that is not one of success.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized(status),
            other => Self::Status(other),
        }
    }
}

/// The causes of an error in one line, without the URL.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
