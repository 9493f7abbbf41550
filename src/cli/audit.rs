//! `mcp audit`: what can be said, no behaviour.

use clap::{Args, ValueEnum};

use super::client::ClientArgs;

/// What to look for in the audit log.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// Only what this user did
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only what was done to or at this server, such as /currenttime
    #[arg(long, value_name = "PATH")]
    pub server: Option<String>,
    /// Only calls of this tool
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only what was decided so
    #[arg(long, value_enum)]
    pub decision: Option<AuditDecision>,
    /// Only changes and logins, or only uses of servers
    #[arg(long, value_enum)]
    pub kind: Option<AuditKind>,
    /// Only changes of this kind, such as server.create
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only this request: the request id of an error's body answers why it was refused
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// At this moment or later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "MOMENT")]
    pub since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "MOMENT")]
    pub until: Option<String>,
    /// The newest so many
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "export")]
    pub limit: u32,
    /// All of them, as lines of JSON
    #[arg(long)]
    pub export: bool,
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditDecision {
    /// Done, or passed on
    Allow,
    /// Refused
    Deny,
    /// Something failed
    Error,
}

impl AuditDecision {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditKind {
    /// Changes and logins
    Change,
    /// Uses of servers
    Access,
}

impl AuditKind {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Access => "access",
        }
    }
}
