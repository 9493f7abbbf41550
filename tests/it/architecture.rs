//! Who may import whom: the table in `src/lib.rs`, held by reading the `crate::` paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Module → what it may import beside itself.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let edge = ["domain", "config", "telemetry", "net", "auth"];
    let above = [
        "domain",
        "protocol",
        "config",
        "telemetry",
        "net",
        "store",
        "catalog",
        "auth",
        "http",
    ];
    let without_store = above
        .iter()
        .copied()
        .filter(|module| *module != "store")
        .collect();
    BTreeMap::from([
        ("domain", vec![]),
        ("protocol", vec![]),
        ("config", vec!["domain"]),
        ("telemetry", vec!["config"]),
        ("net", vec!["config", "domain", "telemetry"]),
        ("store", vec!["domain", "config", "telemetry"]),
        (
            "catalog",
            vec!["domain", "protocol", "config", "telemetry", "net"],
        ),
        ("auth", vec!["domain", "config", "telemetry", "net"]),
        ("http", edge.to_vec()),
        ("registry", above.to_vec()),
        ("gateway", without_store),
        ("examples", vec!["protocol", "config", "telemetry", "net"]),
        ("ui", vec!["config", "http"]),
        (
            "validate",
            vec![
                "domain",
                "protocol",
                "config",
                "telemetry",
                "net",
                "auth",
                "catalog",
                "http",
            ],
        ),
    ])
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = table();
    let mut broken = Vec::new();
    for file in rust_files(&source) {
        let below = file.strip_prefix(&source).unwrap();
        let module = below
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let Some(allowed) = table.get(module.as_str()) else {
            continue;
        };
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            for target in imports(line) {
                if target != module && !allowed.contains(&target.as_str()) {
                    broken.push(format!(
                        "{}:{}: {module} imports {target}",
                        below.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "against the table in src/lib.rs:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_module_is_in_the_table_or_composes() {
    let lib = include_str!("../../src/lib.rs");
    let declared = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in declared {
        assert!(
            table().contains_key(module) || ["app", "cli", "metrics"].contains(&module),
            "{module}"
        );
    }
}

/// First segments of the `crate::` paths in a line of code, of `crate::{a, b}` too.
fn imports(line: &str) -> Vec<String> {
    let code = line.trim();
    if code.starts_with("//") {
        return Vec::new();
    }
    let segment = |text: &str| {
        text.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split(',').map(|one| segment(one.trim())).collect(),
            None => vec![segment(rest)],
        })
        .filter(|name| name.chars().next().is_some_and(|c| c.is_ascii_lowercase()))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
