//! Commands that speak to a registry: `mcp login`, `servers`, `token`, `users`,
//! `service-accounts`, `gateways`, `policy`, `explain`, `audit`.
//!
//! Promises: a credential goes only to the registry that it was kept for, and never into an
//! argument, a message or a log; what a registry sends is printed without terminal commands. Which
//! registry: `--url`, else `MCP_URL`, else that of the last login. Which credential: `MCP_TOKEN`,
//! else what was kept for that registry. Start with [`run`].

mod accounts;
mod api;
mod ask;
mod audit;
mod explain;
mod gateways;
mod kept;
mod login;
mod policy;
mod print;
mod servers;
mod tokens;
mod users;

use serde_json::Value;

use self::api::Api;
use self::kept::Kept;
use super::{Failure, say};
use crate::cli::client::{ClientArgs, Talk};
use crate::domain::secret::Secret;

/// Runs a command.
pub(super) async fn run(talk: Talk<'_>, env: &[(String, String)]) -> Result<(), Failure> {
    match talk {
        Talk::Login(args) => login::login(args, env).await,
        Talk::Logout(args) => login::logout(args, env).await,
        Talk::Servers(args) => {
            let client = Client::open(&args.client, env)?;
            servers::run(&client, &args.command).await
        }
        Talk::Token(args) => {
            let client = Client::open(&args.client, env)?;
            tokens::run(&client, &args.command).await
        }
        Talk::Users(args) => {
            let client = Client::open(&args.client, env)?;
            users::run(&client, &args.command).await
        }
        Talk::ServiceAccounts(args) => {
            let client = Client::open(&args.client, env)?;
            accounts::run(&client, &args.command).await
        }
        Talk::Gateways(args) => {
            let client = Client::open(&args.client, env)?;
            gateways::run(&client, &args.command).await
        }
        Talk::Policy(args) => policy::run(args, env).await,
        Talk::Explain(args) => {
            let client = Client::open(&args.client, env)?;
            explain::run(&client, args).await
        }
        Talk::Audit(args) => {
            let client = Client::open(&args.client, env)?;
            audit::run(&client, args).await
        }
    }
}

/// A registry, and how to print what it says.
struct Client {
    api: Api,
    json: bool,
}

impl Client {
    fn open(args: &ClientArgs, env: &[(String, String)]) -> Result<Self, Failure> {
        let kept = Kept::open(env)?;
        let said = args.url.clone().or_else(|| variable(env, "MCP_URL"));
        let url = match (&said, kept.current()) {
            (Some(url), _) => api::base(url)?,
            (None, Some(url)) => api::base(url)?,
            (None, None) => api::base(DEFAULT_URL)?,
        };
        let token = variable(env, "MCP_TOKEN")
            .map(Secret::new)
            .or_else(|| kept.token(&url));
        let token = token.ok_or_else(|| {
            Failure::Usage(format!(
                "not logged in at {url}: run `mcp login {url}`, or set MCP_TOKEN"
            ))
        })?;
        Ok(Self {
            api: Api::new(url, ca_file(args, env), Some(token))?,
            json: args.json,
        })
    }

    /// The registry's answer, as it is where that was asked for.
    fn print(&self, answer: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json {
            say(&print::json(answer));
        } else {
            say(text(answer).trim_end());
        }
    }

    /// What was done, where the answer says nothing.
    fn done(&self, text: &str) {
        if !self.json {
            say(&print::safe(text));
        }
    }
}

fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.clone())
}

fn ca_file(args: &ClientArgs, env: &[(String, String)]) -> Option<std::path::PathBuf> {
    args.ca_file.clone().or_else(|| {
        ["REGISTRY_CA_FILE", "EXTRA_CA_FILE"]
            .into_iter()
            .find_map(|name| variable(env, name))
            .map(Into::into)
    })
}

const DEFAULT_URL: &str = "http://127.0.0.1:7860";
