//! The command line: what can be said, and what `--help` teaches. No behaviour.
//!
//! Start reading at [`Cli`]. [`Cli::flags`] is the top layer of the settings.

pub mod audit;
pub mod client;
pub mod gateways;
pub mod policy;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use self::audit::AuditArgs;
use self::client::{LoginArgs, LogoutArgs, ServersArgs, ServiceAccountsArgs, TokenArgs, UsersArgs};
use self::gateways::GatewaysArgs;
use self::policy::{ExplainArgs, PolicyArgs};
use crate::app::mode::Mode;
use crate::config::Flag;

/// Exit status when all went well.
pub const EXIT_OK: u8 = 0;
/// Exit status of a failure.
pub const EXIT_FAILURE: u8 = 1;
/// Exit status of wrong usage or configuration.
pub const EXIT_USAGE: u8 = 2;

/// Registers, guards and routes MCP servers.
#[derive(Clone, Debug, Parser)]
#[command(name = "mcp", version, long_about = ABOUT, after_long_help = MORE, after_help = SHORT_MORE)]
pub struct Cli {
    /// What this process is [env: MCP_MODE] [default: full]
    #[arg(long, global = true, value_enum)]
    pub mode: Option<Mode>,
    /// Settings that hold for every command.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// What to do; nothing: run the mode.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Settings that are made on the command line.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingsArgs {
    /// Read settings from this TOML file; the environment and flags override it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Serve TLS with certificates of our own making [env: SSL_DEV]
    ///
    /// A local CA and a certificate for localhost and this machine's name are made under
    /// ssl/dev in the data directory and kept. `mcp certs --trust` says how to trust the CA.
    #[arg(long, global = true)]
    pub ssl_dev: bool,
    /// error, warning, info, debug, trace, or directives such as info,mcp::gateway=debug [env: LOG_LEVEL]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// A command other than running the mode.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Answer other people's gateways whether a request is allowed
    ///
    /// Follows the registry at REGISTRY_API_URL with REGISTRY_API_TOKEN, serves /auth/validate,
    /// /validate and /health at AUTH_BIND [default: 127.0.0.1:8888], and passes /oauth2/ on to the
    /// registry. docs/external-gateways.md has settings for NGINX, HAProxy, Envoy and Caddy.
    AuthServer,
    /// Run an example MCP server
    Server(ServerArgs),
    /// Log in at a registry, for the commands below; a key for them is kept in the user's
    /// configuration folder
    Login(LoginArgs),
    /// Forget the login, and revoke its key
    Logout(LogoutArgs),
    /// List, add, change and remove MCP servers
    Servers(ServersArgs),
    /// Make, list and revoke tokens and API keys
    Token(TokenArgs),
    /// List, add, change and remove local users
    Users(UsersArgs),
    /// List, add, change and remove accounts of programs
    ServiceAccounts(ServiceAccountsArgs),
    /// List gateways; make and take out credentials of other people's
    Gateways(GatewaysArgs),
    /// Show, replace and check the policy: which scope may do what, and which groups have it
    Policy(PolicyArgs),
    /// Say why somebody may use a server or a tool, or may not
    Explain(ExplainArgs),
    /// Say who changed what, and who used what
    Audit(AuditArgs),
    /// Show or check the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running process whether it serves: exit 0 when it does, else 1
    ///
    /// Finds scheme and port of the front listener in the same settings as the process itself, so
    /// that it fits as a container's health check. A certificate of our own making is accepted on
    /// loopback.
    Health(HealthArgs),
    /// Make the certificates of `--ssl-dev` by hand, or say how to trust their CA
    Certs(CertsArgs),
    /// Print the registry's OpenAPI document
    Openapi,
    /// Look after the local administrator
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Print completions for a shell
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// What to run as an example server.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = SERVER_MORE)]
pub struct ServerArgs {
    /// Which one
    #[arg(value_parser = ["currenttime", "fininfo", "realserverfaketools"])]
    pub name: String,
    /// Port [default: 8000 currenttime, 8001 fininfo, 8002 realserverfaketools]
    #[arg(long)]
    pub port: Option<u16>,
    /// Address to listen at
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub bind: IpAddr,
    /// Also answer requests for this Host; may be given several times
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub allowed_host: Vec<String>,
}

impl ServerArgs {
    /// The port asked for, else the server's own.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.name.as_str() {
            "fininfo" => 8001,
            "realserverfaketools" => 8002,
            _ => 8000,
        })
    }
}

/// What to do with the settings.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its value and where that came from; secrets are hidden
    Show,
    /// Check every setting: exit 0 when all is sound, else 2 and the whole list of mistakes
    Check,
}

/// What to ask.
#[derive(Clone, Debug, Args)]
pub struct HealthArgs {
    /// Ask this URL in place of the one that the settings give
    #[arg(long)]
    pub url: Option<url::Url>,
}

/// Which certificates to make.
#[derive(Clone, Debug, Args)]
pub struct CertsArgs {
    /// Where to [default: ssl/dev in the data directory]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// One more name or IP address in the certificate; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub name: Vec<String>,
    /// Make a new certificate even if the one that is there still serves; the CA stays
    #[arg(long)]
    pub force: bool,
    /// Say how to trust the CA (browser, curl, Node.js, OpenSSL)
    #[arg(long)]
    pub trust: bool,
}

/// What to do with the local administrator.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum AdminCommand {
    /// Give the local administrator a new password, print where it lies, and end its sessions
    ResetPassword,
}

impl Cli {
    /// What the command line sets, as the top layer of the settings.
    pub fn flags(&self) -> Vec<Flag> {
        let dev = self.settings.ssl_dev.then(|| Flag {
            key: "tls.dev",
            name: "--ssl-dev",
            value: "true".to_owned(),
        });
        let level = self.settings.log_level.as_ref().map(|level| Flag {
            key: "log.level",
            name: "--log-level",
            value: level.clone(),
        });
        dev.into_iter().chain(level).collect()
    }
}

/// The environment of this process, as far as it is text.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

const ABOUT: &str = "\
Registers, guards and routes MCP servers.

One executable is the registry (definitions, REST API, web UI), the gateway (TLS, who is calling, \
may they, streaming to the MCP servers), or both. Without a command it runs the mode until it is \
told to stop: the first SIGTERM or Ctrl-C lets open requests finish, the second stops at once.";

const SHORT_MORE: &str = "`mcp --help` has examples, the environment and exit codes.";

const MORE: &str = "\
Examples:
  mcp                                    everything on this machine: http://127.0.0.1:8080
  mcp --ssl-dev                          the same, also https://localhost:8443
  mcp --mode registry                    registry and UI alone: http://127.0.0.1:7860
  REGISTRY_API_URL=http://registry:7860/api/servers REGISTRY_API_TOKEN_FILE=/run/token \\
    mcp --mode gateway                   the front door alone, following that registry
  mcp server currenttime                 an MCP server to try it with, port 8000
  mcp login http://127.0.0.1:7860        for the commands that speak to a registry
  mcp servers add /time http://127.0.0.1:8000/
                                         route a server
  mcp token create --kind api-key        a key for a program
  mcp explain ada /time now              why ada may call the tool now at /time, or may not
  mcp audit --decision deny              who was refused what, and why
  mcp config show                        every setting and where it came from
  mcp config check --config mcp.toml     what is wrong with it, all at once

Environment (empty means not set; `mcp config show` lists every setting):
  MCP_MODE                               full, registry or gateway
  REGISTRY_API_URL, POLL_INTERVAL        the registry that a gateway follows
  REGISTRY_API_TOKEN                     what the gateway shows and the registry accepts
  REGISTRY_BIND, GATEWAY_HTTP_BIND, GATEWAY_HTTPS_BIND, OPS_BIND
                                         addresses to listen at
  SSL_ENABLED, SSL_CERTFILE, SSL_KEYFILE, SSL_KEYFILE_PASSWORD, SSL_DEV
                                         TLS of the front listener
  DATA_DIR, SERVERS_DIR, DATABASE_URL    state
  ADMIN_USER, ADMIN_PASSWORD, SECRET_KEY the local administrator, and what keys are made from
  ALLOWED_HOSTS, ALLOWED_ORIGINS, PUBLIC_URL, GATEWAY_PUBLIC_URL
                                         who may be asked for, by which name
  TRUST_PROXY_HEADERS, TRUSTED_PROXIES   proxies in front
  LOG_LEVEL, LOG_FORMAT, LOG_FILE        logs
  MCP_URL, MCP_TOKEN                     registry and credential of the commands that speak to one
  MCP__SECTION__KEY                      every other setting, such as MCP__GATEWAY__ACCESS_LOG
  NAME_FILE                              a file that holds the secret NAME

Exit codes:
  0  stopped as asked; the command did what it says
  1  failure
  2  wrong usage or configuration";

const SERVER_MORE: &str = "\
Examples:
  mcp server currenttime
  mcp server fininfo --port 9001
  mcp server realserverfaketools --bind 0.0.0.0 --allowed-host realserverfaketools-server

Environment:
  POLYGON_API_KEY                        fininfo asks Polygon with this key; without one it says so";

#[cfg(test)]
mod tests;
