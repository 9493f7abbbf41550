use clap::CommandFactory as _;

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"mcp").chain(arguments))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn flags_are_settings_wherever_they_stand() {
    let before = parse(&["--ssl-dev", "--log-level", "debug", "config", "show"]).unwrap();
    let after = parse(&["config", "show", "--ssl-dev", "--log-level", "debug"]).unwrap();
    let keys: Vec<_> = before
        .flags()
        .into_iter()
        .map(|flag| (flag.key, flag.name, flag.value))
        .collect();
    assert_eq!(
        keys,
        [
            ("tls.dev", "--ssl-dev", "true".to_owned()),
            ("log.level", "--log-level", "debug".to_owned())
        ]
    );
    assert_eq!(before.flags(), after.flags());
}

#[test]
fn a_flag_not_given_sets_nothing() {
    assert_eq!(parse(&[]).unwrap().flags(), []);
}

#[test]
fn every_mode_parses_in_every_build() {
    for (word, mode) in [
        ("full", Mode::Full),
        ("registry", Mode::Registry),
        ("gateway", Mode::Gateway),
    ] {
        assert_eq!(parse(&["--mode", word]).unwrap().mode, Some(mode));
    }
    let error = parse(&["--mode", "standalone"]).unwrap_err();
    assert_eq!(error.exit_code(), i32::from(EXIT_USAGE));
    assert!(
        error
            .to_string()
            .contains("[possible values: full, registry, gateway]"),
        "{error}"
    );
}

#[test]
fn example_servers_have_their_own_ports() {
    for (arguments, port) in [
        (&["server", "currenttime"][..], 8000),
        (&["server", "fininfo"], 8001),
        (&["server", "realserverfaketools"], 8002),
        (&["server", "fininfo", "--port", "9"], 9),
    ] {
        let Some(Command::Server(server)) = parse(arguments).unwrap().command else {
            panic!("{arguments:?} is not a server");
        };
        assert_eq!(server.port(), port, "{arguments:?}");
        assert!(server.bind.is_loopback());
    }
    assert!(parse(&["server", "nosuch"]).is_err());
}

#[test]
fn hosts_and_names_may_be_given_several_times() {
    let arguments = [
        "server",
        "fininfo",
        "--allowed-host",
        "a,b",
        "--allowed-host",
        "c",
    ];
    let Some(Command::Server(server)) = parse(&arguments).unwrap().command else {
        panic!("not a server");
    };
    assert_eq!(server.allowed_host, ["a", "b", "c"]);
    let Some(Command::Certs(certs)) = parse(&["certs", "--name", "x", "--name", "y"])
        .unwrap()
        .command
    else {
        panic!("not certs");
    };
    assert_eq!(certs.name, ["x", "y"]);
}

#[test]
fn help_teaches_examples_environment_and_exit_codes() {
    let help = Cli::command().render_long_help().to_string();
    for part in [
        "Examples:",
        "Environment",
        "Exit codes:",
        "REGISTRY_API_TOKEN",
        "mcp --ssl-dev",
    ] {
        assert!(help.contains(part), "{part} is missing in\n{help}");
    }
}
