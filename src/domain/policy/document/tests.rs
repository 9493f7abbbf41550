//! What the readers promise.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::policy::tests::any_rules;

fn mistakes(result: Result<Reading, Vec<FieldError>>) -> Vec<String> {
    let mistakes = result.unwrap_err();
    mistakes.into_iter().map(|one| one.field).collect()
}

fn places(notes: &[FieldError]) -> Vec<&str> {
    notes.iter().map(|one| one.field.as_str()).collect()
}

fn only(names: &[&str]) -> Names {
    Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn every_spelling_of_a_file_is_understood() {
    let file = json!({
        "UI-Scopes": {
            "users": {
                "list_service": ["currenttime", "/fininfo/"],
                "health_check_service": ["all"],
                "list_agents": ["/code-reviewer"],
            },
            "registry-admins": {},
        },
        "group_mappings": { "4c46ec66-a4f7": ["users", "servers/read"] },
        "servers/read": [
            { "server": "*", "methods": ["tools/list", "GET"], "tools": "*" },
            { "server": "/team/search/", "methods": ["all"], "tools": ["all"] },
            { "server": "api", "methods": "*" },
            { "agents": { "actions": [{ "action": "get_agent", "resources": ["all"] }] } },
        ],
    });
    let Reading { rules, notes } = read_file(&file).unwrap();
    assert_eq!(notes, []);
    let users = &rules.scopes["users"];
    assert_eq!(users.ui["list_service"], only(&["currenttime", "fininfo"]));
    assert_eq!(users.ui["health_check_service"], Names::All);
    assert_eq!(users.ui["list_agents"], only(&["/code-reviewer"]));
    assert!(!users.admin && !rules.scopes["registry-admins"].admin);
    let servers = &rules.scopes["servers/read"].servers;
    assert_eq!(servers[0].servers, Names::All);
    assert_eq!(servers[0].methods, only(&["tools/list", "GET"]));
    assert_eq!(servers[0].tools, Names::All);
    assert_eq!(servers[1].servers, only(&["team/search"]));
    assert_eq!(
        (&servers[1].methods, &servers[1].tools),
        (&Names::All, &Names::All)
    );
    assert_eq!(servers[2].tools, only(&[]));
    assert_eq!(rules.scopes["servers/read"].agents[0].resources, Names::All);
    let mapped: Vec<_> = rules.groups["4c46ec66-a4f7"].iter().collect();
    assert_eq!(mapped, ["servers/read", "users"]);
}

#[test]
fn who_administers_in_an_existing_file_is_said() {
    let all: serde_json::Map<String, Value> = [
        "list_service",
        "register_service",
        "modify_service",
        "toggle_service",
        "health_check_service",
    ]
    .map(|name| (name.to_owned(), json!(["all"])))
    .into_iter()
    .collect();
    let file = |ui: Value| json!({ "UI-Scopes": ui });
    let of = |name: &str, ui: Value| {
        let Reading { rules, notes } = read_file(&file(json!({ name: ui }))).unwrap();
        (rules.scopes[name].admin, notes.len())
    };
    let mut fewer = all.clone();
    fewer.remove("modify_service");
    let mut refused = all.clone();
    refused.insert("admin".to_owned(), json!(false));
    assert_eq!(of("registry-admins", json!(all)), (true, 1));
    assert_eq!(of("registry-admins", json!(fewer)), (false, 0));
    assert_eq!(of("registry-admins", json!(refused)), (false, 0));
    assert_eq!(of("managers", json!(all)), (false, 0));
    assert_eq!(of("managers", json!({ "admin": true })), (true, 0));
    assert_eq!(of(ADMIN_SCOPE, json!({ "list_service": ["x"] })), (true, 0));
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let file = json!({
        "UI-Scopes": { "a": { "list_service": [1, "no such/../path"], "admin": "yes" } },
        "group_mappings": { "g": "a", "": [] },
        "with space": [],
        "b": [
            { "server": "a b", "methods": ["x"] },
            { "server": 5, "methods": {}, "tools": "read" },
            { "methods": ["x"] },
            "text",
        ],
        "c": "text",
    });
    assert_eq!(
        mistakes(read_file(&file)),
        [
            "/b/0/server",
            "/b/1/server",
            "/b/1/methods",
            "/b/1/tools",
            "/b/2",
            "/b/3",
            "/c",
            "/with space",
            "/UI-Scopes/a/admin",
            "/UI-Scopes/a/list_service/0",
            "/UI-Scopes/a/list_service",
            "/group_mappings/",
            "/group_mappings/g",
        ]
    );
    assert_eq!(mistakes(read_file(&json!(["a"]))), [""]);
    assert_eq!(mistakes(read(&json!({}))), ["/scopes"]);
    let own = json!({
        "scopes": {
            "a": { "servers": [{ "methods": ["*"] }], "server": [] },
            "b": { "ui_permissions": { "list_servers": ["*"] } },
            ADMIN_SCOPE: { "admin": false },
        },
        "UI-Scopes": {},
    });
    assert_eq!(
        mistakes(read(&own)),
        [
            "/UI-Scopes",
            "/scopes/a/server",
            "/scopes/a/servers/0/servers",
            "/scopes/b/ui_permissions/list_servers",
            "/scopes/mcp-registry-admin/admin",
        ]
    );
}

#[test]
fn what_a_file_has_that_is_not_known_is_left_out_and_named() {
    let file = json!({
        "UI-Scopes": { "a": { "fly": ["all"], "change_lifecycle_status": ["all"] } },
        "group_mappings": { "g": ["a", "nowhere"] },
        "a": [{ "server": "x", "method": ["tools/call"], "tools": ["t"] }],
    });
    let Reading { rules, notes } = read_file(&file).unwrap();
    let expected = [
        "/a/0/method",
        "/a/0",
        "/UI-Scopes/a/fly",
        "/group_mappings/g",
    ];
    assert_eq!(places(&notes), expected);
    assert_eq!(rules.scopes["a"].servers[0].methods, only(&[]));
    let permissions: Vec<_> = rules.scopes["a"].ui.keys().collect();
    assert_eq!(permissions, ["change_lifecycle_status"]);
}

#[test]
fn a_flood_of_mistakes_is_cut() {
    let items: Vec<Value> = (0..5_000).map(Value::from).collect();
    assert_eq!(mistakes(read_file(&json!({ "a": items }))).len(), 100);
}

#[test]
fn the_answer_can_be_sent_back_as_it_came() {
    let mut document = write(&Rules::default());
    for (name, value) in [
        ("version", json!(3)),
        ("updated_at", json!(null)),
        ("updated_by", json!("ada")),
        ("warnings", json!([])),
    ] {
        document[name] = value;
    }
    let reading = read(&document).unwrap();
    assert_eq!((reading.rules, reading.notes), (Rules::default(), vec![]));
}

/// Rules as they come out of a reader: a file has one server per rule.
fn as_in_a_file(mut rules: Rules) -> Rules {
    for scope in rules.scopes.values_mut() {
        scope.servers = std::mem::take(&mut scope.servers)
            .into_iter()
            .flat_map(|rule| match rule.servers.clone() {
                Names::All => vec![rule],
                Names::Only(ids) => {
                    let one = |id| ServerRule {
                        servers: Names::Only(BTreeSet::from([id])),
                        ..rule.clone()
                    };
                    ids.into_iter().map(one).collect()
                }
            })
            .collect();
    }
    rules
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(rules in any_rules()) {
        let rules = as_in_a_file(rules);
        prop_assert_eq!(&read(&write(&rules)).unwrap().rules, &rules);
        prop_assert_eq!(&read_file(&write_file(&rules)).unwrap().rules, &rules);
    }

    #[test]
    fn no_value_makes_a_reader_panic(text in "[\\[\\]{}\":,a-z*/0-9]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = read(&value);
            let _ = read_file(&value);
        }
    }
}
