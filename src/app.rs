//! Composition root: from the command line to a running process, and to its end.
//!
//! [`main`] parses and dispatches; [`run`] starts the parts of a mode and waits; [`assemble`] is the
//! only place that knows whether a gateway's registry is in this process or elsewhere.

#[cfg_attr(
    not(any(feature = "registry", feature = "gateway")),
    expect(
        dead_code,
        unused_imports,
        unused_variables,
        reason = "such a build has nothing to assemble"
    )
)]
mod assemble;
#[cfg(any(feature = "registry", feature = "gateway", feature = "examples"))]
mod client;
mod commands;
pub mod health;
mod lifecycle;
mod listeners;
pub mod mode;
pub mod ops;
pub mod readiness;
mod run;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::app::mode::Mode;
use crate::cli::client::Talk;
use crate::cli::{Cli, Command, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, environment};

/// Runs the program: parses, dispatches, prints the chain of causes of a failure.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A broken pipe while printing help is nobody's trouble.
            let _ = error.print();
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return ExitCode::from(if asked { EXIT_OK } else { EXIT_USAGE });
        }
    };
    let env = environment();
    let outcome = match &cli.command {
        None => commands::mode(&cli, &env).and_then(|mode| run::run(&cli, mode, env)),
        Some(Command::AuthServer) => run::run(&cli, Mode::AuthServer, env),
        Some(Command::Server(args)) => commands::server(args),
        Some(Command::Login(args)) => commands::client(Talk::Login(args), &env),
        Some(Command::Logout(args)) => commands::client(Talk::Logout(args), &env),
        Some(Command::Servers(args)) => commands::client(Talk::Servers(args), &env),
        Some(Command::Token(args)) => commands::client(Talk::Token(args), &env),
        Some(Command::Users(args)) => commands::client(Talk::Users(args), &env),
        Some(Command::Policy(args)) => commands::client(Talk::Policy(args), &env),
        Some(Command::Explain(args)) => commands::client(Talk::Explain(args), &env),
        Some(Command::Audit(args)) => commands::client(Talk::Audit(args), &env),
        Some(Command::Gateways(args)) => commands::client(Talk::Gateways(args), &env),
        Some(Command::ServiceAccounts(args)) => commands::client(Talk::ServiceAccounts(args), &env),
        Some(Command::Config(command)) => commands::config(&cli, *command, env),
        Some(Command::Health(args)) => commands::health(&cli, args, env),
        Some(Command::Certs(args)) => commands::certs(&cli, args, env),
        Some(Command::Openapi) => commands::openapi(),
        Some(Command::Admin(command)) => commands::admin(&cli, *command, env),
        Some(Command::Completions { shell }) => {
            commands::completions(*shell);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::from(EXIT_OK),
        Err(failure) => {
            say_error(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

/// Why the program ends otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Wrong usage or configuration; the text lists everything.
    #[error("{0}")]
    Usage(String),
    /// Anything else.
    #[error("error: {0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::Other(_) => EXIT_FAILURE,
        }
    }
}

/// Prints to standard output; a closed pipe is no failure.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints to standard error.
pub(crate) fn say_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
