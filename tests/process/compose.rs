//! The settings in the compose files are settings that the binary takes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::child::mcp;
use crate::support::deployment::folder;

/// Service → its environment, as written.
type Services = BTreeMap<String, BTreeMap<String, String>>;

/// Reads as much YAML as the `environment` maps of our files use: two spaces a level, plain or
/// quoted scalars, comments on lines of their own or after a blank.
fn services(text: &str) -> Services {
    let mut found = Services::new();
    let (mut in_services, mut service, mut in_environment) = (false, String::new(), false);
    for line in text.lines() {
        let content = line.split(" #").next().unwrap().trim_end();
        let indent = content.len() - content.trim_start().len();
        let content = content.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match indent {
            0 => in_services = content == "services:",
            2 if in_services => {
                content.trim_end_matches(':').clone_into(&mut service);
                found.insert(service.clone(), BTreeMap::new());
                in_environment = false;
            }
            4 => in_environment = content == "environment:",
            6 if in_services && in_environment => {
                let (name, value) = content
                    .split_once(": ")
                    .unwrap_or_else(|| panic!("not a setting: {line:?}"));
                let value = value.trim().trim_matches('"').to_owned();
                found
                    .get_mut(&service)
                    .unwrap()
                    .insert(name.to_owned(), value);
            }
            _ => {}
        }
    }
    found
}

/// As compose puts values in, where `.env` sets only what it must: `${A:-x}` → x, `${A:?…}` → a
/// value of the operator's.
fn substituted(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else {
        return value.to_owned();
    };
    let (variable, after) = rest
        .split_once('}')
        .unwrap_or_else(|| panic!("not closed: {value}"));
    let put = match variable.split_once(':') {
        Some((_, default)) if default.starts_with('-') => default[1..].to_owned(),
        Some((name, _)) => format!("value-of-the-operator-for-{name}"),
        None if variable == "HOME" => "/home/user".to_owned(),
        None => panic!("{variable} has no default: {value}"),
    };
    format!("{before}{put}{}", substituted(after))
}

#[test]
fn the_settings_of_every_service_pass_config_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = folder();
    let mut modes = Vec::new();
    for file in ["docker-compose.yml", "docker-compose-registry-only.yml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for (service, environment) in services(&text) {
            // Only what runs a mode reads settings.
            let Some(mode) = environment.get("MCP_MODE") else {
                continue;
            };
            modes.push(format!("{file} {service} {mode}"));
            let mut start = mcp(&["config", "check"]).env("HOME", data.path());
            for (name, value) in &environment {
                start = start.env(name, substituted(value));
            }
            let ended = start.run();
            assert_eq!(ended.code, Some(0), "{file}, {service}: {}", ended.err);
            assert!(
                !ended.err.contains("warning"),
                "{file}, {service}: {}",
                ended.err
            );
        }
    }
    assert_eq!(
        modes,
        [
            "docker-compose.yml gateway gateway",
            "docker-compose.yml registry registry",
            "docker-compose-registry-only.yml registry registry",
        ]
    );
}

#[test]
fn every_command_in_the_compose_files_is_one_of_the_binary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut commands = 0;
    for file in ["docker-compose.yml", "docker-compose-registry-only.yml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for list in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("command: "))
        {
            let mut arguments: Vec<String> = serde_json::from_str(list).unwrap();
            // Parsed as usual, then answered with its help instead of being run.
            arguments.push("--help".to_owned());
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = mcp(&arguments).run();
            assert_eq!(ended.code, Some(0), "{file}: {list}: {}", ended.err);
            commands += 1;
        }
    }
    assert_eq!(
        commands, 7,
        "three example servers in each file, one auth server"
    );
}
