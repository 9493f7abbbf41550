//! Commands that speak to a registry: what can be said, no behaviour.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::audit::AuditArgs;
use super::gateways::GatewaysArgs;
use super::policy::{ExplainArgs, PolicyArgs};

/// A command that speaks to a registry.
#[derive(Clone, Copy, Debug)]
pub enum Talk<'a> {
    /// `mcp login`
    Login(&'a LoginArgs),
    /// `mcp logout`
    Logout(&'a LogoutArgs),
    /// `mcp servers`
    Servers(&'a ServersArgs),
    /// `mcp token`
    Token(&'a TokenArgs),
    /// `mcp users`
    Users(&'a UsersArgs),
    /// `mcp service-accounts`
    ServiceAccounts(&'a ServiceAccountsArgs),
    /// `mcp gateways`
    Gateways(&'a GatewaysArgs),
    /// `mcp policy`
    Policy(&'a PolicyArgs),
    /// `mcp explain`
    Explain(&'a ExplainArgs),
    /// `mcp audit`
    Audit(&'a AuditArgs),
}

/// Which registry, and how to print.
#[derive(Clone, Debug, Default, Args)]
pub struct ClientArgs {
    /// The registry [env: MCP_URL] [default: the one of the last `mcp login`]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Also trust the certificate authorities in this PEM file [env: REGISTRY_CA_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// Where to log in, and as whom.
#[derive(Clone, Debug, Args)]
pub struct LoginArgs {
    /// The registry, or a gateway in front of it [env: MCP_URL] [default: http://127.0.0.1:7860]
    #[arg(value_name = "URL")]
    pub to: Option<String>,
    /// User name; asked for where it is not given
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "token_stdin")]
    pub password_stdin: bool,
    /// Keep a token or an API key read from standard input, in place of a login
    #[arg(long, conflicts_with = "user")]
    pub token_stdin: bool,
    /// Days until a new login is needed
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What to forget.
#[derive(Clone, Debug, Args)]
pub struct LogoutArgs {
    /// Which registry.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Tokens and API keys.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token or an API key and print it; it is shown this once
    Create(TokenCreateArgs),
    /// List tokens and API keys
    List {
        /// Everybody's
        #[arg(long, conflicts_with = "service_account")]
        all: bool,
        /// Those of this service account
        #[arg(long, value_name = "NAME")]
        service_account: Option<String>,
    },
    /// Revoke one
    Revoke {
        /// Its id, as listed
        id: String,
    },
}

/// What the token shall be.
#[derive(Clone, Debug, Args)]
pub struct TokenCreateArgs {
    /// token: signed, for hours; api-key: for months
    #[arg(long, value_enum, default_value = "token")]
    pub kind: TokenKind,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Only this scope; may be given several times [default: all rights of its owner]
    #[arg(long, value_name = "SCOPE", conflicts_with = "no_scopes")]
    pub scope: Vec<String>,
    /// No scopes at all: it says who, and allows nothing
    #[arg(long)]
    pub no_scopes: bool,
    /// Hours until it ends [default: 8, or 2160 for an API key]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8_784))]
    pub hours: Option<u32>,
    /// For this service account
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<String>,
}

/// The two kinds of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenKind {
    /// Signed.
    Token,
    /// Random, kept as its hash.
    ApiKey,
}

/// Local users.
#[derive(Clone, Debug, Args)]
pub struct UsersArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: UsersCommand,
}

/// What to do with users.
#[derive(Clone, Debug, Subcommand)]
pub enum UsersCommand {
    /// List the local users
    List,
    /// Add a user; the password is asked for
    Add {
        /// Login name
        name: String,
        /// A group; may be given several times
        #[arg(long, value_name = "GROUP")]
        group: Vec<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user
    Set {
        /// Login name
        name: String,
        /// A group; may be given several times, and replaces all there were
        #[arg(long, value_name = "GROUP", conflicts_with = "no_groups")]
        group: Vec<String>,
        /// Take all groups away
        #[arg(long)]
        no_groups: bool,
        /// End sessions, tokens and keys, and let nothing new begin
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Let the user log in again
        #[arg(long)]
        enable: bool,
        /// Set a new password, which is asked for; ends sessions, tokens and keys
        #[arg(long)]
        password: bool,
        /// The same, read from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user, with sessions, tokens and keys
    Remove {
        /// Login name
        name: String,
    },
    /// End all sessions, tokens and API keys of a user, local or of an identity provider
    ///
    /// Access tokens that the provider has signed for them up to now do not count any more either.
    /// Who can still log in there may begin anew: disable the user at the provider first.
    End {
        /// User name; of a provider's user also the subject (`sub`) of their tokens
        name: String,
        /// Only a user of this one: local, oidc or keycloak
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
}

/// Accounts of programs.
#[derive(Clone, Debug, Args)]
pub struct ServiceAccountsArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: ServiceAccountsCommand,
}

/// What to do with service accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum ServiceAccountsCommand {
    /// List the service accounts
    List,
    /// Add one
    Add {
        /// Its name
        name: String,
        /// What it is and may
        #[command(flatten)]
        facts: AccountFacts,
    },
    /// Change one
    Set {
        /// Its name
        name: String,
        /// What it is and may
        #[command(flatten)]
        facts: AccountFacts,
        /// Take all groups away
        #[arg(long, conflicts_with = "group")]
        no_groups: bool,
        /// Take all scopes away
        #[arg(long, conflicts_with = "scope")]
        no_scopes: bool,
        /// End tokens and keys, and let nothing new begin
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Let new tokens be made
        #[arg(long)]
        enable: bool,
    },
    /// Remove one, with tokens and keys
    Remove {
        /// Its name
        name: String,
    },
}

/// What a service account is and may.
#[derive(Clone, Debug, Args)]
pub struct AccountFacts {
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// A group; may be given several times, and replaces all there were
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// A scope; may be given several times, and replaces all there were
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
}

/// Definitions of MCP servers.
#[derive(Clone, Debug, Args)]
pub struct ServersArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: ServersCommand,
}

/// What to do with definitions.
#[derive(Clone, Debug, Subcommand)]
pub enum ServersCommand {
    /// List the servers
    List {
        /// Only those in which this text is found
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those with this tag
        #[arg(long)]
        tag: Option<String>,
    },
    /// Print a definition
    Get {
        /// Path, such as /currenttime
        path: String,
    },
    /// Add a server: by path and address, or from a file of JSON
    Add(ServerAddArgs),
    /// Remove a server
    Remove {
        /// Path
        path: String,
    },
    /// Route a server
    Enable {
        /// Path
        path: String,
    },
    /// Do not route a server; open streams are closed
    Disable {
        /// Path
        path: String,
    },
    /// Print all definitions as JSON, path to definition; secret header values are not in it
    Export,
}

/// The server to be.
#[derive(Clone, Debug, Args)]
pub struct ServerAddArgs {
    /// Path at the gateway, such as /currenttime
    #[arg(required_unless_present = "file", requires = "to")]
    pub path: Option<String>,
    /// Where the server is, such as http://127.0.0.1:8000/
    #[arg(value_name = "URL")]
    pub to: Option<String>,
    /// Display name [default: the path]
    #[arg(long)]
    pub name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// A tag; may be given several times
    #[arg(long)]
    pub tag: Vec<String>,
    /// One definition, or what `servers export` prints; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "to", "name", "description", "tag"])]
    pub file: Option<PathBuf>,
}
