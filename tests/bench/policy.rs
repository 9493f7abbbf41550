//! What a decision costs: fifty scopes, each with rules for a thousand servers.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use divan::{Bencher, black_box};
use mcp::domain::path::ServerPath;
use mcp::domain::policy::{Action, Names, Policy, Rules, ScopeRules, ServerRule};
use mcp::domain::principal::{AuthMethod, Principal};

fn main() {
    divan::main();
}

const SCOPES: usize = 50;
const SERVERS: usize = 1_000;

fn only(names: impl IntoIterator<Item = String>) -> Names {
    Names::Only(names.into_iter().collect())
}

/// Every scope allows five methods and two tools of its own at every server.
fn rules() -> Rules {
    let methods = [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
        "resources/list",
    ];
    let scope = |number: usize| {
        let servers = (0..SERVERS).map(|server| ServerRule {
            servers: only([format!("team/server-{server}")]),
            methods: only(methods.map(str::to_owned)),
            tools: only([format!("tool-{number}"), "shared".to_owned()]),
        });
        let rules = ScopeRules {
            servers: servers.collect(),
            ..ScopeRules::default()
        };
        (format!("mcp-servers/scope-{number}"), rules)
    };
    let all: BTreeSet<String> = (0..SCOPES)
        .map(|number| format!("mcp-servers/scope-{number}"))
        .collect();
    Rules {
        scopes: (0..SCOPES).map(scope).collect(),
        groups: BTreeMap::from([("everything".to_owned(), all)]),
    }
}

fn caller(scopes: usize, group: Option<&str>) -> Principal {
    Principal {
        subject: "ada".into(),
        username: "ada".into(),
        scopes: (0..scopes)
            .map(|number| Arc::from(format!("mcp-servers/scope-{number}")))
            .collect(),
        groups: group.into_iter().map(Arc::from).collect(),
        method: AuthMethod::Session,
        client_id: None,
        token_id: None,
        expires_at: None,
    }
}

fn server() -> ServerPath {
    ServerPath::parse("/team/server-777").unwrap()
}

/// The only scope that allows it is the caller's last.
#[divan::bench(args = [1, 5, 50])]
fn allows(bencher: Bencher<'_, '_>, scopes: usize) {
    let (policy, caller, server) = (Policy::new(rules()), caller(scopes, None), server());
    let tool = format!("tool-{}", scopes - 1);
    assert!(policy.allows(&caller, &server, Action::Tool(&tool)));
    bencher.bench(|| policy.allows(black_box(&caller), black_box(&server), Action::Tool(&tool)));
}

/// All the caller's scopes are looked at: one that they do not have would allow it.
#[divan::bench(args = [1, 5, 49])]
fn refuses(bencher: Bencher<'_, '_>, scopes: usize) {
    let (policy, caller, server) = (Policy::new(rules()), caller(scopes, None), server());
    let tool = format!("tool-{}", SCOPES - 1);
    assert!(!policy.allows(&caller, &server, Action::Tool(&tool)));
    bencher.bench(|| policy.allows(black_box(&caller), black_box(&server), Action::Tool(&tool)));
}

#[divan::bench]
fn allows_by_group(bencher: Bencher<'_, '_>) {
    let (policy, caller, server) = (
        Policy::new(rules()),
        caller(0, Some("everything")),
        server(),
    );
    let action = Action::Method("tools/list");
    assert!(policy.allows(&caller, &server, action));
    bencher.bench(|| policy.allows(black_box(&caller), black_box(&server), action));
}

/// One tool of a list, when the caller's scopes are known.
#[divan::bench]
fn reach_allows(bencher: Bencher<'_, '_>) {
    let (policy, caller, server) = (Policy::new(rules()), caller(49, None), server());
    let reach = policy.reach(&caller, &server);
    let tool = format!("tool-{}", SCOPES - 1);
    bencher.bench(|| reach.allows(Action::Tool(black_box(&tool))));
}

#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    let rules = rules();
    bencher
        .with_inputs(|| rules.clone())
        .bench_values(Policy::new);
}
