use super::*;
use crate::config::names::{NAMED, SECRETS, generic};

/// Each key of the manual with the comment above it.
fn manual() -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let (mut section, mut comment) = (String::new(), String::new());
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
            comment.push('\n');
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((name, _)) = line.split_once(" = ") {
            entries.insert(format!("{section}{name}"), comment.clone());
        }
        comment.clear();
    }
    entries
}

#[test]
fn the_manual_tells_meaning_name_unit_and_part_of_every_key() {
    let schema = Schema::compiled().unwrap();
    let manual = manual();
    assert_eq!(
        manual.keys().map(String::as_str).collect::<Vec<_>>(),
        schema.keys().collect::<Vec<_>>()
    );
    for (key, comment) in &manual {
        let (meaning, facts) = comment
            .split_once(" env: ")
            .unwrap_or_else(|| panic!("{key}: {comment}"));
        assert!(meaning.trim().len() > 10, "{key} has no meaning");
        let (names, rest) = facts.split_once(" | unit: ").unwrap();
        let (unit, parts) = rest.split_once(" | used by: ").unwrap();
        assert!(!unit.trim().is_empty(), "{key} has no unit");
        let known = |part: &str| ["registry", "gateway", "none yet"].contains(&part.trim());
        assert!(parts.split(',').all(known), "{key}: {parts}");
        assert_eq!(
            meaning.contains("Secret."),
            SECRETS.contains(&key.as_str()),
            "{key}"
        );
        match NAMED.iter().find(|named| named.key == key) {
            Some(own) => {
                let missing: Vec<_> = own
                    .names
                    .iter()
                    .filter(|name| !names.contains(**name))
                    .collect();
                assert!(missing.is_empty(), "{key}: {missing:?}");
            }
            None => assert!(names.contains(&generic(key)), "{key}: {names}"),
        }
    }
}

#[test]
fn every_name_and_secret_belongs_to_a_key() {
    let schema = Schema::compiled().unwrap();
    for key in NAMED
        .iter()
        .map(|named| named.key)
        .chain(SECRETS.iter().copied())
    {
        assert!(schema.entry(key).is_some(), "{key}");
    }
}

#[test]
fn every_field_of_every_section_is_in_the_manual() {
    let sections = [
        ("registry.", include_str!("../registry.rs")),
        ("catalog.", include_str!("../catalog.rs")),
        ("store.", include_str!("../store.rs")),
        ("auth.", include_str!("../auth.rs")),
        ("oidc.", include_str!("../oidc.rs")),
        ("metrics.", include_str!("../metrics.rs")),
        ("tls.", include_str!("../tls.rs")),
        ("http.", include_str!("../http.rs")),
        ("network.", include_str!("../network.rs")),
        ("ops.", include_str!("../ops.rs")),
        ("log.", include_str!("../log.rs")),
        ("audit.", include_str!("../audit.rs")),
        ("", include_str!("../gateway.rs")),
        ("", include_str!("../../config.rs")),
    ];
    let schema = Schema::compiled().unwrap();
    let mut fields = 0;
    for (prefix, source) in sections {
        let mut prefix = prefix;
        for line in source.lines() {
            prefix = match line {
                "pub struct GatewayConfig {" => "gateway.",
                "pub struct LimitsConfig {" => "gateway.limits.",
                "pub struct TimeoutsConfig {" => "gateway.timeouts.",
                _ => prefix,
            };
            let Some((field, _)) = line
                .strip_prefix("    pub ")
                .and_then(|field| field.split_once(": "))
            else {
                continue;
            };
            if field.contains(' ') {
                continue;
            }
            let key = format!("{prefix}{field}");
            assert!(
                schema.entry(&key).is_some() || schema.is_section(&key),
                "{key}"
            );
            fields += 1;
        }
    }
    assert_eq!(
        fields,
        schema.keys().count() + 15,
        "fifteen sections, and a field for each key"
    );
}
