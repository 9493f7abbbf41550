//! What the command says, and the status it ends with.

use crate::support::child::mcp;
use crate::support::deployment::folder;

#[test]
fn help_teaches_the_command() {
    let ended = mcp(&["--help"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    insta::assert_snapshot!("help", ended.out);
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    let data = folder();
    for args in [
        &["--nope"][..],
        &["server", "no-such-server"],
        &["--mode", "both"],
    ] {
        let ended = mcp(args).run();
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(!ended.err.trim().is_empty(), "{args:?}: {ended:?}");
    }
    // Nobody listens at a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = mcp(&["health"])
        .env("DATA_DIR", data.path())
        .env("GATEWAY_HTTP_BIND", free.to_string())
        .run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(&free.to_string()), "{ended:?}");
    assert_eq!(mcp(&["--version"]).run().code, Some(0));
}

#[test]
fn every_mistake_in_the_settings_is_listed_at_once_with_its_source_and_remedy() {
    let folder = folder();
    let file = folder.path().join("mcp.toml");
    std::fs::write(&file, "[gateway]\nwrokers = 3\nworkers = \"many\"\n").unwrap();
    for command in [&[][..], &["config", "check"], &["config", "show"]] {
        let ended = mcp(command)
            .arg("--config")
            .arg(&file)
            .env("DATA_DIR", folder.path())
            .env("MCP__NOPE__X", "1")
            .env("POLL_INTERVAL", "soon")
            .env("ADMIN_PASSWORD", "one-that-nobody-may-see")
            .env("ADMIN_PASSWORD_FILE", "/x")
            .run();
        assert_eq!(ended.code, Some(2), "{command:?}: {ended:?}");
        for part in [
            "5 mistakes",
            // unknown, in both layers, with a proposal
            "MCP__NOPE__X",
            "gateway.wrokers",
            "did you mean gateway.workers?",
            // of the wrong type
            "gateway.workers = \"many\"",
            "catalog.poll_interval = \"soon\" (environment POLL_INTERVAL)",
            // contradiction
            "auth.admin_password",
            "remove one of the two",
        ] {
            assert!(
                ended.err.contains(part),
                "{command:?} does not say {part:?}: {}",
                ended.err
            );
        }
        assert!(
            !ended.err.contains("nobody-may-see") && !ended.out.contains("nobody-may-see"),
            "{ended:?}"
        );
    }
}

#[test]
fn config_show_names_each_source_and_hides_secrets() {
    let secrets = [
        ("ADMIN_PASSWORD", "admin-password-in-the-clear"),
        ("SECRET_KEY", "secret-key-in-the-clear-0123456789"),
        ("REGISTRY_API_TOKEN", "gateway-token-in-the-clear-012345"),
        ("DATABASE_URL", "postgres://user:in-the-clear@database/mcp"),
        ("SSL_KEYFILE_PASSWORD", "key-password-in-the-clear"),
    ];
    let mut start = mcp(&["config", "show"])
        .env("DATA_DIR", "/somewhere")
        .env("SSL_ENABLED", "true")
        .env("POLL_INTERVAL", "7s");
    for (name, value) in secrets {
        start = start.env(name, value);
    }
    let ended = start.run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let both = format!("{}{}", ended.out, ended.err);
    assert!(!both.contains("in-the-clear"), "{both}");
    for line in [
        "data_dir = \"/somewhere\"  # environment DATA_DIR",
        "admin_password = \"***\"  # environment ADMIN_PASSWORD",
        "poll_interval = \"7s\"  # environment POLL_INTERVAL",
        "http_bind = \"127.0.0.1:8080\"  # default",
    ] {
        assert!(
            ended.out.lines().any(|is| is == line),
            "no line {line:?}: {}",
            ended.out
        );
    }
}

#[test]
fn config_check_accepts_sound_settings_and_reads_the_mode_they_are_for() {
    let ended = mcp(&["config", "check"])
        .env("DATA_DIR", "/somewhere")
        .run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("sound"), "{ended:?}");
    // A gateway has to follow somebody; a registry has not, and ignores what is said about it.
    let wrong = |mode| {
        mcp(&["config", "check", "--mode", mode])
            .env("DATA_DIR", "/somewhere")
            .env("REGISTRY_API_URL", "not-a-url")
            .run()
    };
    assert_eq!(wrong("registry").code, Some(0));
    assert_eq!(wrong("gateway").code, Some(2));
}
