//! The operator's commands.

use clap::CommandFactory as _;

use super::{Failure, health, say};
use crate::app::mode::Mode;
use crate::cli::client::Talk;
use crate::cli::{AdminCommand, CertsArgs, Cli, ConfigCommand, HealthArgs, ServerArgs};
use crate::config::{self, Loaded, Parts, Sources};
use crate::domain::time::Clock;
use crate::net::dev_ca;

/// The settings of a command or a mode.
pub(super) fn settings(
    cli: &Cli,
    env: Vec<(String, String)>,
    parts: Parts,
) -> Result<Loaded, config::Errors> {
    config::load(&Sources {
        file: cli.settings.config.clone(),
        env,
        flags: cli.flags(),
        parts,
    })
}

/// The mode that the command line or the environment asks for.
pub(super) fn mode(cli: &Cli, env: &[(String, String)]) -> Result<Mode, Failure> {
    Mode::resolve(cli.mode, env).map_err(|error| Failure::Usage(error.to_string()))
}

fn loaded(cli: &Cli, env: Vec<(String, String)>) -> Result<(Mode, Loaded), Failure> {
    let mode = mode(cli, &env)?;
    let loaded =
        settings(cli, env, mode.parts()).map_err(|errors| Failure::Usage(errors.to_string()))?;
    Ok((mode, loaded))
}

/// `mcp config show|check`.
pub(super) fn config(
    cli: &Cli,
    command: ConfigCommand,
    env: Vec<(String, String)>,
) -> Result<(), Failure> {
    let mode = mode(cli, &env)?;
    let loaded = settings(cli, env, mode.parts());
    match command {
        ConfigCommand::Check => say(config::check(&loaded).map_err(Failure::Usage)?.trim_end()),
        ConfigCommand::Show => {
            let loaded = loaded.map_err(|errors| Failure::Usage(errors.to_string()))?;
            say(loaded.show().trim_end());
        }
    }
    Ok(())
}

/// `mcp health`.
pub(super) fn health(
    cli: &Cli,
    args: &HealthArgs,
    env: Vec<(String, String)>,
) -> Result<(), Failure> {
    let question = match &args.url {
        Some(url) => health::Question {
            url: url.clone(),
            extra_ca_file: None,
        },
        None => {
            let (mode, loaded) = loaded(cli, env)?;
            health::question(&loaded.config, mode.parts()).map_err(anyhow::Error::from)?
        }
    };
    let answer = runtime()?
        .block_on(health::check(&question))
        .map_err(anyhow::Error::from)?;
    say(&answer);
    Ok(())
}

/// A command that speaks to a registry.
#[cfg(any(feature = "registry", feature = "gateway", feature = "examples"))]
pub(super) fn client(talk: Talk<'_>, env: &[(String, String)]) -> Result<(), Failure> {
    runtime()?.block_on(super::client::run(talk, env))
}

/// A command that speaks to a registry, in a build without an HTTP client.
#[cfg(not(any(feature = "registry", feature = "gateway", feature = "examples")))]
pub(super) fn client(_: Talk<'_>, _: &[(String, String)]) -> Result<(), Failure> {
    Err(Failure::Usage(
        "this build has no HTTP client: build with `--features registry` or `gateway`".to_owned(),
    ))
}

/// `mcp certs`.
pub(super) fn certs(
    cli: &Cli,
    args: &CertsArgs,
    env: Vec<(String, String)>,
) -> Result<(), Failure> {
    let (_, loaded) = loaded(cli, env)?;
    let config = &loaded.config;
    let directory = args
        .dir
        .clone()
        .unwrap_or_else(|| config.data_dir.join("ssl/dev"));
    let names: Vec<String> = config
        .tls
        .dev_names
        .iter()
        .chain(&args.name)
        .cloned()
        .collect();
    if args.force {
        dev_ca::forget_leaf(&directory).map_err(anyhow::Error::from)?;
    }
    let made = dev_ca::ensure(&directory, &names, &Clock::system()).map_err(anyhow::Error::from)?;
    say(&format!("CA certificate  {}", made.ca.display()));
    say(&format!("certificate     {}", made.cert.display()));
    say(&format!("private key     {}", made.key.display()));
    if args.trust {
        say("");
        say(dev_ca::trust_instructions(&made.ca).trim_end());
    }
    Ok(())
}

/// `mcp openapi`.
#[cfg(feature = "registry")]
pub(super) fn openapi() -> Result<(), Failure> {
    say(&crate::registry::api::openapi()
        .to_pretty_json()
        .map_err(anyhow::Error::from)?);
    Ok(())
}

/// `mcp openapi`, in a build without a registry.
#[cfg(not(feature = "registry"))]
pub(super) fn openapi() -> Result<(), Failure> {
    Err(Failure::Usage(
        "this build has no registry, so it has no API: build with `--features registry`".to_owned(),
    ))
}

/// `mcp completions`.
pub(super) fn completions(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mcp", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
}

/// `mcp admin`.
#[cfg(feature = "registry")]
pub(super) fn admin(
    cli: &Cli,
    command: AdminCommand,
    env: Vec<(String, String)>,
) -> Result<(), Failure> {
    let AdminCommand::ResetPassword = command;
    let (_, loaded) = loaded(cli, env)?;
    let config = &loaded.config;
    if config.auth.admin_password.is_some() {
        return Err(Failure::Usage(
            "ADMIN_PASSWORD sets the password: change it there and restart the registry".to_owned(),
        ));
    }
    let file =
        crate::registry::reset_admin_password(&config.data_dir).map_err(anyhow::Error::from)?;
    say(&format!(
        "a new password lies in {}; restart the registry to take it into use",
        file.display()
    ));
    Ok(())
}

/// `mcp admin`, in a build without a registry.
#[cfg(not(feature = "registry"))]
pub(super) fn admin(_: &Cli, _: AdminCommand, _: Vec<(String, String)>) -> Result<(), Failure> {
    Err(Failure::Usage(
        "this build has no registry: build with `--features registry`".to_owned(),
    ))
}

/// `mcp server NAME`.
#[cfg(feature = "examples")]
pub(super) fn server(args: &ServerArgs) -> Result<(), Failure> {
    use std::net::SocketAddr;

    use crate::examples::{ExampleName, Options, PolygonOptions, serve};
    use crate::net::listen;

    let name: ExampleName = args
        .name
        .parse()
        .map_err(|error| Failure::Usage(format!("{error}")))?;
    let socket = listen::bind(SocketAddr::new(args.bind, args.port()), "--port")
        .map_err(anyhow::Error::from)?;
    runtime()?.block_on(async {
        let lifecycle = super::lifecycle::Lifecycle::new();
        lifecycle
            .listen_for_signals()
            .map_err(anyhow::Error::from)?;
        let listener = tokio::net::TcpListener::from_std(socket).map_err(anyhow::Error::from)?;
        let address = listener.local_addr().map_err(anyhow::Error::from)?;
        say(&format!("listening on http://{address}"));
        let env = crate::cli::environment();
        let variable = |name: &str| {
            env.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let options = Options {
            allowed_hosts: args.allowed_host.clone(),
            polygon: PolygonOptions::read(variable)?,
        };
        serve(name, listener, options, lifecycle.stop.soft.clone()).await?;
        Ok(())
    })
}

/// `mcp server NAME`, in a build without the examples.
#[cfg(not(feature = "examples"))]
pub(super) fn server(_: &ServerArgs) -> Result<(), Failure> {
    Err(Failure::Usage(
        "this build has no example servers: build with `--features examples`".to_owned(),
    ))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::Other(anyhow::Error::from(error).context("cannot start a runtime"))
        })
}
