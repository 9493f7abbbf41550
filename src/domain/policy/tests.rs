//! What the decisions promise.

use proptest::prelude::*;

use super::*;

fn caller(scopes: &[&str], groups: &[&str], method: AuthMethod) -> Principal {
    let set = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    Principal {
        subject: "u".into(),
        username: "u".into(),
        scopes: set(scopes),
        groups: set(groups),
        method,
        client_id: None,
        token_id: None,
        expires_at: None,
    }
}

fn with_token(scopes: &[&str]) -> Principal {
    caller(scopes, &[], AuthMethod::Token)
}

fn path(text: &str) -> ServerPath {
    ServerPath::parse(text).unwrap()
}

fn only(names: &[&str]) -> Names {
    Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
}

fn rule(servers: Names, methods: Names, tools: Names) -> ServerRule {
    ServerRule {
        servers,
        methods,
        tools,
    }
}

fn policy_of(scopes: &[(&str, Vec<ServerRule>)], groups: &[(&str, &[&str])]) -> Policy {
    let scopes = scopes.iter().map(|(name, servers)| {
        let rules = ScopeRules {
            servers: servers.clone(),
            ..ScopeRules::default()
        };
        ((*name).to_owned(), rules)
    });
    let groups = groups.iter().map(|(group, scopes)| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        ((*group).to_owned(), scopes)
    });
    Policy::new(Rules {
        scopes: scopes.collect(),
        groups: groups.collect(),
    })
}

const EVERY_KIND: [Action<'_>; 4] = [
    Action::Method("ping"),
    Action::Tool("t"),
    Action::Everything,
    Action::Stream,
];

#[test]
fn nobody_may_do_anything_without_a_scope() {
    let server = path("/x");
    for action in EVERY_KIND {
        let allowed = |scopes: &[&str]| {
            let caller = with_token(scopes);
            let policy = Policy::default();
            let allowed = policy.allows(&caller, &server, action);
            assert_eq!(policy.reach(&caller, &server).allows(action), allowed);
            allowed
        };
        assert!(!allowed(&[]));
        assert!(!allowed(&["unknown"]));
        assert!(allowed(&[ADMIN_SCOPE]));
        assert!(!Policy::default().allows(&anonymous(), &server, action));
    }
}

#[test]
fn a_tool_needs_the_method_and_the_tool_in_one_rule() {
    let methods = only(&["tools/call", "tools/list"]);
    let policy = policy_of(
        &[(
            "s",
            vec![
                rule(only(&["x"]), methods, only(&["read"])),
                // Together with the rule above this must not add up to calling `write`.
                rule(only(&["x"]), only(&["ping"]), only(&["write"])),
                rule(only(&["x"]), only(&["ping"]), Names::All),
            ],
        )],
        &[],
    );
    let caller = with_token(&["s"]);
    let may = |server: &str, action| policy.allows(&caller, &path(server), action);
    assert!(may("/x", Action::Tool("read")));
    assert!(!may("/x", Action::Tool("write")));
    assert!(!may("/x", Action::Tool("Read")));
    assert!(may("/x", Action::Method("ping")));
    assert!(!may("/x", Action::Method("resources/list")));
    assert!(!may("/x", Action::Everything));
    assert!(may("/x", Action::Stream));
    assert!(!may("/y", Action::Tool("read")));
    assert!(!may("/y", Action::Stream));
}

#[test]
fn everything_needs_one_rule_with_every_method_and_every_tool() {
    let halves = vec![
        rule(Names::All, Names::All, only(&["a"])),
        rule(Names::All, only(&["tools/call"]), Names::All),
    ];
    let policy = policy_of(
        &[
            ("halves", halves),
            ("whole", vec![rule(only(&["x"]), Names::All, Names::All)]),
        ],
        &[],
    );
    let may =
        |scope, server| policy.allows(&with_token(&[scope]), &path(server), Action::Everything);
    assert!(!may("halves", "/x"));
    assert!(may("whole", "/x") && !may("whole", "/y"));
}

#[test]
fn who_may_open_a_session_may_say_what_belongs_to_it() {
    let methods = only(&["initialize", "tools/list"]);
    let policy = policy_of(&[("s", vec![rule(Names::All, methods, only(&[]))])], &[]);
    let may = |method| policy.allows(&with_token(&["s"]), &path("/x"), Action::Method(method));
    for method in ["notifications/cancelled", "server/discover", "ping"] {
        assert!(may(method), "{method}");
    }
    for method in ["notifications/other", "resources/list", "tools/call", ""] {
        assert!(!may(method), "{method}");
    }
}

#[test]
fn groups_give_their_scopes() {
    let open = vec![rule(Names::All, Names::All, Names::All)];
    let policy = policy_of(&[("s", open)], &[("staff", &["s", "nowhere"])]);
    let may = |group| {
        let caller = caller(&[], &[group, "strangers"], AuthMethod::Session);
        let allowed = policy.allows(&caller, &path("/x"), Action::Tool("t"));
        assert_eq!(policy.scopes_of(&caller).contains("s"), allowed);
        let reach = policy.reach(&caller, &path("/x"));
        assert_eq!(reach.allows(Action::Tool("t")), allowed);
        allowed
    };
    assert!(may("staff") && !may("others"));
}

#[test]
fn callers_without_a_credential_have_what_their_group_has() {
    let named = vec![rule(only(&["open"]), Names::All, Names::All)];
    let policy = policy_of(&[("public", named)], &[(ANONYMOUS, &["public"])]);
    assert!(policy.allows(&anonymous(), &path("/open"), Action::Tool("t")));
    assert!(!policy.allows(&anonymous(), &path("/other"), Action::Stream));
    assert!(!policy.is_admin(&anonymous()));
}

#[test]
fn no_policy_locks_the_local_admin_out() {
    let nothing = policy_of(&[], &[]);
    assert!(nothing.is_admin(&with_token(&[ADMIN_SCOPE])));
    assert!(!nothing.is_admin(&with_token(&["other"])));
    for permission in Permission::ALL {
        assert!(nothing.permits(&with_token(&[ADMIN_SCOPE]), permission, &path("/x")));
        assert!(nothing.permits_all(&with_token(&[ADMIN_SCOPE]), permission));
    }
    // What goes to servers is another matter: there the rules alone count.
    assert!(!nothing.allows(&with_token(&[ADMIN_SCOPE]), &path("/x"), Action::Stream));
}

#[test]
fn permissions_hold_for_their_servers_only() {
    let mut rules = Rules::default();
    let ui = [
        ("list_service", Names::All),
        ("toggle_service", only(&["x"])),
    ];
    let scope = ScopeRules {
        ui: ui.map(|(name, names)| (name.to_owned(), names)).into(),
        ..ScopeRules::default()
    };
    rules.scopes.insert("s".to_owned(), scope);
    let policy = Policy::new(rules);
    let user = with_token(&["s"]);
    let may = |permission, server| policy.permits(&user, permission, &path(server));
    assert!(may(Permission::List, "/x") && may(Permission::List, "/team/y"));
    assert!(may(Permission::Toggle, "/x") && !may(Permission::Toggle, "/y"));
    assert!(!may(Permission::Modify, "/x") && !may(Permission::Register, "/x"));
    assert!(policy.permits_all(&user, Permission::List));
    assert!(!policy.permits_all(&user, Permission::Toggle));
    assert!(policy.permits_some(&user, Permission::Toggle));
    assert!(!policy.permits_some(&user, Permission::Delete));
    assert!(!policy.is_admin(&user));
    assert!(!policy.allows(&user, &path("/x"), Action::Stream));
}

#[test]
fn the_snapshot_of_a_version_without_groups_is_read() {
    let old = r#"{"scopes":{"a":{"servers":[{"servers":"all","methods":{"only":["ping"]},"tools":"all"}],"admin":true}}}"#;
    let policy: Policy = serde_json::from_str(old).unwrap();
    assert!(policy.is_admin(&with_token(&["a"])));
    assert!(policy.allows(&with_token(&["a"]), &path("/x"), Action::Method("ping")));
    assert!(!policy.allows(&with_token(&["a"]), &path("/x"), Action::Tool("t")));
    let again: Policy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
    assert_eq!(again, policy);
}

pub(super) fn any_names(names: &'static [&'static str]) -> impl Strategy<Value = Names> {
    prop_oneof![
        1 => Just(Names::All),
        4 => prop::sample::subsequence(names, 0..=names.len())
            .prop_map(|names| Names::Only(names.into_iter().map(str::to_owned).collect())),
    ]
}

pub(super) fn any_rules() -> impl Strategy<Value = Rules> {
    let server_rule = (any_names(SERVERS), any_names(METHODS), any_names(TOOLS))
        .prop_map(|(servers, methods, tools)| rule(servers, methods, tools));
    let ui = prop::collection::btree_map(
        prop::sample::select(Permission::ALL.map(|one| one.as_str().to_owned()).to_vec()),
        any_names(SERVERS),
        0..3,
    );
    let scope = (prop::collection::vec(server_rule, 0..4), any::<bool>(), ui).prop_map(
        |(servers, admin, ui)| ScopeRules {
            servers,
            admin,
            ui,
            agents: Vec::new(),
        },
    );
    let names =
        |names: &'static [&'static str]| prop::sample::select(names).prop_map(str::to_owned);
    let scopes = prop::collection::btree_map(names(SCOPES), scope, 0..5);
    let groups = prop::collection::btree_map(
        names(GROUPS),
        prop::collection::btree_set(names(SCOPES), 0..4),
        0..4,
    );
    (scopes, groups).prop_map(|(scopes, groups)| Rules { scopes, groups })
}

pub(super) fn any_caller() -> impl Strategy<Value = Principal> {
    (
        prop::sample::subsequence(SCOPES, 0..=SCOPES.len()),
        prop::sample::subsequence(GROUPS, 0..=GROUPS.len()),
        prop::sample::select(vec![
            AuthMethod::Token,
            AuthMethod::Session,
            AuthMethod::Anonymous,
        ]),
    )
        .prop_map(|(scopes, groups, method)| caller(&scopes, &groups, method))
}

/// The same question to the rules themselves, as somebody would answer it who reads them.
fn by_reading(
    rules: &Rules,
    scopes: &BTreeSet<Arc<str>>,
    server: &str,
    action: Action<'_>,
) -> bool {
    let mut applying = scopes
        .iter()
        .filter_map(|scope| rules.scopes.get(&**scope))
        .flat_map(|scope| &scope.servers)
        .filter(|rule| rule.servers.contains(server));
    applying.any(|rule| match action {
        Action::Method(method) => rule.has_method(method),
        Action::Tool(tool) => rule.methods.contains("tools/call") && rule.tools.contains(tool),
        Action::Everything => rule.methods == Names::All && rule.tools == Names::All,
        Action::Stream => true,
    })
}

pub(super) fn every_question() -> impl Iterator<Item = (ServerPath, Action<'static>)> {
    let servers = SERVERS.iter().chain(&["unnamed"]).map(|id| path(id));
    servers.flat_map(|server| {
        let methods = METHODS.iter().chain(&["ping", "unnamed"]);
        let tools = TOOLS.iter().chain(&["unnamed"]);
        let methods = methods.map(|method| Action::Method(method));
        let actions: Vec<_> = methods
            .chain(tools.map(|tool| Action::Tool(tool)))
            .chain([Action::Everything, Action::Stream])
            .collect();
        actions
            .into_iter()
            .map(move |action| (server.clone(), action))
    })
}

proptest! {
    #[test]
    fn the_tables_decide_as_the_rules_read(rules in any_rules(), caller in any_caller()) {
        let policy = Policy::new(rules.clone());
        let scopes = policy.scopes_of(&caller);
        for (server, action) in every_question() {
            let allowed = policy.allows(&caller, &server, action);
            prop_assert_eq!(allowed, by_reading(&rules, &scopes, server.id(), action));
            prop_assert_eq!(allowed, policy.reach(&caller, &server).allows(action));
        }
        for permission in Permission::ALL {
            let admin = policy.is_admin(&caller);
            for server in SERVERS {
                let named = scopes.iter().filter_map(|scope| rules.scopes.get(&**scope)).any(
                    |scope| scope.ui.get(permission.as_str()).is_some_and(|names| names.contains(server)),
                );
                prop_assert_eq!(policy.permits(&caller, permission, &path(server)), admin || named);
            }
        }
    }

    #[test]
    fn a_further_scope_or_group_takes_nothing_away(
        rules in any_rules(),
        caller in any_caller(),
        scope in prop::sample::select(SCOPES),
        group in prop::sample::select(GROUPS),
    ) {
        let policy = Policy::new(rules);
        let mut more = caller.clone();
        more.scopes.insert(scope.into());
        more.groups.insert(group.into());
        for (server, action) in every_question() {
            if policy.allows(&caller, &server, action) {
                prop_assert!(policy.allows(&more, &server, action));
            }
        }
        prop_assert!(!policy.is_admin(&caller) || policy.is_admin(&more));
        for permission in Permission::ALL {
            for server in SERVERS.iter().map(|id| path(id)) {
                if policy.permits(&caller, permission, &server) {
                    prop_assert!(policy.permits(&more, permission, &server));
                }
            }
        }
    }

    #[test]
    fn a_wildcard_allows_what_any_name_in_its_place_does(
        mut rules in any_rules(),
        caller in any_caller(),
    ) {
        let narrow = Policy::new(rules.clone());
        for rule in rules.scopes.values_mut().flat_map(|scope| &mut scope.servers) {
            rule.servers = Names::All;
            rule.methods = Names::All;
            rule.tools = Names::All;
        }
        let wide = Policy::new(rules);
        for (server, action) in every_question() {
            if narrow.allows(&caller, &server, action) {
                prop_assert!(wide.allows(&caller, &server, action));
            }
        }
    }

    #[test]
    fn what_nobody_wrote_down_is_refused(rules in any_rules(), stranger in "[a-z]{3,8}") {
        let policy = Policy::new(rules);
        let name = format!("stranger-{stranger}");
        let caller = caller(&[&name], &[&name], AuthMethod::Session);
        for (server, action) in every_question() {
            prop_assert!(!policy.allows(&caller, &server, action));
        }
        prop_assert!(!policy.is_admin(&caller));
        for permission in Permission::ALL {
            prop_assert!(!policy.permits_some(&caller, permission));
        }
    }
}

const SERVERS: &[&str] = &["a", "b", "team/c"];
const METHODS: &[&str] = &["initialize", "tools/list", "tools/call", "resources/list"];
const TOOLS: &[&str] = &["read", "write"];
const SCOPES: &[&str] = &["s1", "s2", "mcp-servers/read", "registry-admins"];
const GROUPS: &[&str] = &["g1", "g2", ANONYMOUS];
