//! `mcp policy` and `mcp explain`: what can be said, no behaviour.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::ClientArgs;

/// Who may do what.
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What to do with the policy.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the scopes and the groups that have them
    Show,
    /// Put the policy of a file in force: a scopes.yml, or JSON as `show --json` prints it
    Import {
        /// The file; - is standard input
        file: PathBuf,
        /// Only where the policy there has this version
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
    /// Print the policy as a scopes.yml
    Export,
    /// Look for mistakes in a scopes.yml or a policy in JSON, without a registry
    Check {
        /// The file; - is standard input
        file: PathBuf,
    },
}

/// What to explain.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A local user, a service account, or anonymous
    pub user: String,
    /// Path of the server, such as /currenttime
    pub server: String,
    /// A tool that they would call
    pub tool: Option<String>,
    /// A JSON-RPC method that they would use
    #[arg(long, conflicts_with = "tool")]
    pub method: Option<String>,
    /// A group that their token names, for users of an identity provider; may be given several times
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// A scope that it names; may be given several times
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
}
