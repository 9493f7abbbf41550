//! Why something is allowed or refused, in plain words.
//!
//! Promises: the verdict is that of [`Policy::allows`], and the reasons are read from the same
//! rules. Start with [`explain`]. Slow beside a decision: it reads every rule.

use std::collections::BTreeSet;

use super::{Action, Names, Policy, ServerRule};
use crate::domain::path::ServerPath;
use crate::domain::principal::Principal;

/// A verdict and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// As the gateway decides.
    pub allowed: bool,
    /// The whole of it in a sentence.
    pub summary: String,
    /// Each scope of the caller.
    pub scopes: Vec<HeldScope>,
    /// Scopes that would allow it, and who has them; only where it is refused.
    pub remedies: Vec<Remedy>,
}

/// A scope of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldScope {
    /// Its name.
    pub name: String,
    /// The groups it comes from; none where the credential itself names it.
    pub groups: Vec<String>,
    /// The credential names it.
    pub own: bool,
    /// Whether the policy knows it.
    pub known: bool,
    /// Its rules for the server.
    pub rules: Vec<RuleFinding>,
}

/// What one rule says to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFinding {
    /// Its place among the scope's rules, from 1.
    pub number: usize,
    /// It allows the whole of it.
    pub allows: bool,
    /// In words.
    pub says: String,
}

/// A scope that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Its name.
    pub scope: String,
    /// The groups that have it.
    pub groups: Vec<String>,
}

/// Explains a decision.
pub fn explain(
    policy: &Policy,
    caller: &Principal,
    server: &ServerPath,
    action: Action<'_>,
) -> Explanation {
    let allowed = policy.allows(caller, server, action);
    let scopes: Vec<HeldScope> = policy
        .scopes_of(caller)
        .iter()
        .map(|name| held(policy, caller, name, server, action))
        .collect();
    let remedies = if allowed {
        Vec::new()
    } else {
        remedies(policy, server, action)
    };
    let summary = summary(caller, server, action, &scopes, allowed);
    Explanation {
        allowed,
        summary,
        scopes,
        remedies,
    }
}

fn held(
    policy: &Policy,
    caller: &Principal,
    name: &str,
    server: &ServerPath,
    action: Action<'_>,
) -> HeldScope {
    let rules = policy.rules();
    let groups = caller.groups.iter().filter(|group| {
        let scopes = rules.groups.get(&***group);
        scopes.is_some_and(|scopes| scopes.contains(name))
    });
    let known = rules.scopes.get(name);
    let numbered = (1..).zip(known.into_iter().flat_map(|scope| &scope.servers));
    HeldScope {
        name: name.to_owned(),
        groups: groups.map(ToString::to_string).collect(),
        own: caller.scopes.contains(name),
        known: known.is_some(),
        rules: numbered
            .filter(|(_, rule)| rule.servers.contains(server.id()))
            .map(|(number, rule)| finding(number, rule, action))
            .collect(),
    }
}

fn finding(number: usize, rule: &ServerRule, action: Action<'_>) -> RuleFinding {
    let (allows, says) = judge(rule, action);
    let place = match rule.servers {
        Names::All => "applies to every server",
        Names::Only(_) => "names this server",
    };
    RuleFinding {
        number,
        allows,
        says: format!("{place}, {says}"),
    }
}

fn judge(rule: &ServerRule, action: Action<'_>) -> (bool, String) {
    match action {
        Action::Method(method) if rule.has_method(method) => {
            (true, format!("and has the method {method}"))
        }
        Action::Method(method) => (false, format!("but not with the method {method}")),
        Action::Tool(tool) => match (rule.has_method("tools/call"), rule.tools.contains(tool)) {
            (true, true) => (
                true,
                format!("and has the method tools/call and the tool {tool}"),
            ),
            (true, false) => (
                false,
                format!("and has the method tools/call, but not the tool {tool}"),
            ),
            (false, true) => (
                false,
                format!("and has the tool {tool}, but not the method tools/call"),
            ),
            (false, false) => (
                false,
                format!("but neither with the method tools/call nor with the tool {tool}"),
            ),
        },
        Action::Everything if rule.methods == Names::All && rule.tools == Names::All => {
            (true, "and has every method and every tool".to_owned())
        }
        Action::Everything => (
            false,
            "but not with every method and every tool, which this needs".to_owned(),
        ),
        Action::Stream => (true, "and any right there is enough".to_owned()),
    }
}

fn remedies(policy: &Policy, server: &ServerPath, action: Action<'_>) -> Vec<Remedy> {
    let rules = policy.rules();
    let allowing = rules.scopes.iter().filter(|(_, scope)| {
        let mut applying = scope.servers.iter();
        applying.any(|rule| rule.servers.contains(server.id()) && judge(rule, action).0)
    });
    allowing
        .map(|(name, _)| Remedy {
            scope: name.clone(),
            groups: groups_with(policy, name),
        })
        .collect()
}

fn groups_with(policy: &Policy, scope: &str) -> Vec<String> {
    let has = |scopes: &BTreeSet<String>| scopes.contains(scope);
    let groups = policy.rules().groups.iter();
    groups
        .filter(|(_, scopes)| has(scopes))
        .map(|(group, _)| group.clone())
        .collect()
}

fn summary(
    caller: &Principal,
    server: &ServerPath,
    action: Action<'_>,
    scopes: &[HeldScope],
    allowed: bool,
) -> String {
    let who = &caller.username;
    let what = wish(action);
    if allowed {
        let giving = scopes.iter().find_map(|scope| {
            let rule = scope.rules.iter().find(|rule| rule.allows)?;
            Some((scope, rule))
        });
        let why = giving.map_or_else(String::new, |(scope, rule)| {
            format!(
                ": rule {} of the scope {} ({}) {}",
                rule.number,
                scope.name,
                origin(scope),
                rule.says
            )
        });
        return format!("{who} may {what} {server}{why}");
    }
    let applying = scopes.iter().any(|scope| !scope.rules.is_empty());
    let why = if scopes.is_empty() {
        "has no scope"
    } else if scopes.iter().all(|scope| !scope.known) {
        "has only scopes that the policy does not know"
    } else if applying {
        "has no rule that allows all of it"
    } else {
        "has no rule for this server"
    };
    format!("{who} may not {what} {server}: {who} {why}")
}

fn wish(action: Action<'_>) -> String {
    match action {
        Action::Method(method) => format!("use the method {method} at"),
        Action::Tool(tool) => format!("call the tool {tool} at"),
        Action::Everything => "do everything at".to_owned(),
        Action::Stream => "use".to_owned(),
    }
}

fn origin(scope: &HeldScope) -> String {
    match (scope.groups.as_slice(), scope.own) {
        ([], _) => "of the credential".to_owned(),
        ([group], _) => format!("of the group {group}"),
        (groups, _) => format!("of the groups {}", groups.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{any_caller, any_rules, every_question};
    use super::*;

    proptest! {
        #[test]
        fn the_reasons_fit_the_verdict(rules in any_rules(), caller in any_caller()) {
            let policy = Policy::new(rules);
            for (server, action) in every_question() {
                let told = explain(&policy, &caller, &server, action);
                prop_assert_eq!(told.allowed, policy.allows(&caller, &server, action));
                let mut found = told.scopes.iter().flat_map(|scope| &scope.rules);
                prop_assert_eq!(told.allowed, found.any(|rule| rule.allows));
                for remedy in &told.remedies {
                    let mut more = caller.clone();
                    more.scopes.insert(remedy.scope.as_str().into());
                    prop_assert!(!told.allowed && policy.allows(&more, &server, action));
                }
            }
        }
    }
}
