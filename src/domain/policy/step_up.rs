//! Which scopes a caller may be told to ask an identity provider for.
//!
//! Promises: what is named has a rule for the very server, is granted by the provider by its own
//! (public) word, and administers nothing; with what [`Offer::step_up`] names, the caller would be
//! let in. Must not be asked where a call succeeds: it reads rules. Start with [`Policy::offer`].
//!
//! # Why
//! Most policies give rights to groups, which nobody gets by asking for them. A challenge that names
//! no scope that helps, or one that the provider does not know, sends clients round in circles.

use std::collections::BTreeSet;

use super::rules::{INITIALIZE, Names, ScopeRules, ServerRule};
use super::{Action, Policy, Principal};
use crate::domain::path::ServerPath;

/// What a provider can grant at one server, those first that allow least.
#[derive(Debug)]
pub struct Offer<'p> {
    policy: &'p Policy,
    server: &'p ServerPath,
    scopes: Vec<(&'p str, &'p ScopeRules)>,
}

impl Policy {
    /// What of these scopes means something at this server.
    pub fn offer<'p>(
        &'p self,
        server: &'p ServerPath,
        granted: impl IntoIterator<Item = &'p str>,
    ) -> Offer<'p> {
        let known = &self.rules().scopes;
        let mut scopes: Vec<_> = granted
            .into_iter()
            .filter_map(|name| known.get_key_value(name))
            .filter(|(_, scope)| !scope.admin && rules_at(scope, server).next().is_some())
            .map(|(name, scope)| (name.as_str(), scope))
            .collect();
        scopes.sort_by_key(|(name, scope)| (breadth(scope, server), *name));
        scopes.dedup_by_key(|(name, _)| *name);
        Offer {
            policy: self,
            server,
            scopes,
        }
    }
}

impl<'p> Offer<'p> {
    /// All of them.
    pub fn scopes(&self) -> impl Iterator<Item = &'p str> {
        self.scopes.iter().map(|(name, _)| *name)
    }

    /// What somebody needs to begin with: the least that opens a session, else the least.
    pub fn first(&self) -> Option<&'p str> {
        let opens = |scope: &&(&str, &ScopeRules)| {
            rules_at(scope.1, self.server).any(|rule| rule.has_method(INITIALIZE))
        };
        let found = self.scopes.iter().find(opens);
        found.or_else(|| self.scopes.first()).map(|(name, _)| *name)
    }

    /// What the caller needs, beside what they have, to do all of this; `None` where no scope on
    /// offer helps, or nothing is missing.
    pub fn step_up(&self, caller: &Principal, wanted: &[Action<'_>]) -> Option<BTreeSet<&'p str>> {
        let refused: Vec<Action<'_>> = wanted
            .iter()
            .copied()
            .filter(|action| !self.policy.allows(caller, self.server, *action))
            .collect();
        let least = |refused: &[Action<'_>]| {
            let allows = |scope: &ScopeRules, action: Action<'_>| {
                rules_at(scope, self.server).any(|rule| rule.allows(action))
            };
            self.scopes
                .iter()
                .find(|(_, scope)| refused.iter().all(|action| allows(scope, *action)))
                .map(|(name, _)| *name)
        };
        if refused.is_empty() {
            return None;
        }
        if let Some(one) = least(&refused) {
            return Some(BTreeSet::from([one]));
        }
        refused
            .iter()
            .map(|action| least(std::slice::from_ref(action)))
            .collect()
    }

    /// Those on offer that the caller's token names already.
    pub fn held(&self, caller: &Principal) -> impl Iterator<Item = &'p str> {
        self.scopes().filter(|name| caller.scopes.contains(*name))
    }
}

fn rules_at<'p>(
    scope: &'p ScopeRules,
    server: &'p ServerPath,
) -> impl Iterator<Item = &'p ServerRule> {
    let rules = scope.servers.iter();
    rules.filter(|rule| rule.servers.contains(server.id()))
}

/// How much a scope allows, to put those first that allow little: every server, everything here, the
/// number of names.
fn breadth(scope: &ScopeRules, server: &ServerPath) -> (bool, bool, usize) {
    let number = |names: &Names| match names {
        Names::All => 1_000,
        Names::Only(names) => names.len(),
    };
    let rules = || rules_at(scope, server);
    (
        rules().any(|rule| rule.servers == Names::All),
        rules().any(|rule| rule.allows(Action::Everything)),
        rules()
            .map(|rule| number(&rule.methods) + number(&rule.tools))
            .sum(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{any_caller, any_rules, every_question};
    use super::*;

    proptest! {
        #[test]
        fn what_is_named_helps_and_is_on_offer(rules in any_rules(), caller in any_caller()) {
            let policy = Policy::new(rules);
            let known: Vec<String> = policy.rules().scopes.keys().cloned().collect();
            for (server, action) in every_question() {
                let offer = policy.offer(&server, known.iter().map(String::as_str));
                let named = offer.step_up(&caller, &[action]);
                let allowed = policy.allows(&caller, &server, action);
                prop_assert!(!(allowed && named.is_some()));
                let mut more = caller.clone();
                for name in named.iter().flatten() {
                    prop_assert!(offer.scopes().any(|one| one == *name));
                    prop_assert!(!policy.rules().scopes[*name].admin);
                    more.scopes.insert((*name).into());
                }
                prop_assert!(named.is_none() || policy.allows(&more, &server, action));
                // Nothing is left out that would help.
                let helps = |name: &str| {
                    let mut more = caller.clone();
                    more.scopes.insert(name.into());
                    policy.allows(&more, &server, action)
                };
                prop_assert!(allowed || named.is_some() || !offer.scopes().any(helps));
                prop_assert_eq!(offer.first().is_some(), offer.scopes().next().is_some());
            }
        }
    }

    fn names(names: &[&str]) -> Names {
        Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn scope(servers: Names, methods: Names, tools: Names) -> ScopeRules {
        let rule = ServerRule {
            servers,
            methods,
            tools,
        };
        ScopeRules {
            servers: vec![rule],
            ..ScopeRules::default()
        }
    }

    #[test]
    fn the_least_that_does_is_named() {
        let session = ["initialize", "tools/list", "tools/call"];
        let mut rules = super::super::Rules::default();
        let all = [
            ("everywhere", scope(Names::All, Names::All, Names::All)),
            ("here", scope(names(&["a"]), Names::All, Names::All)),
            ("read", scope(names(&["a"]), names(&session), names(&["r"]))),
            (
                "write",
                scope(names(&["a"]), names(&session), names(&["r", "w"])),
            ),
            ("ping", scope(names(&["a"]), names(&["ping"]), names(&[]))),
            ("there", scope(names(&["b"]), Names::All, Names::All)),
        ];
        rules
            .scopes
            .extend(all.map(|(name, scope)| (name.to_owned(), scope)));
        let policy = Policy::new(rules);
        let server = ServerPath::parse("/a").unwrap();
        let granted = [
            "openid",
            "everywhere",
            "here",
            "read",
            "write",
            "ping",
            "there",
            "mcp-registry-admin",
        ];
        let offer = policy.offer(&server, granted);
        let on_offer: Vec<_> = offer.scopes().collect();
        assert_eq!(on_offer, ["ping", "read", "write", "here", "everywhere"]);
        assert_eq!(offer.first(), Some("read"));
        let nobody = super::super::anonymous();
        let needs = |wanted: &[Action<'_>]| {
            let named = offer.step_up(&nobody, wanted);
            named.map(|names| names.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(needs(&[Action::Tool("r")]), Some(vec!["read"]));
        assert_eq!(
            needs(&[Action::Tool("r"), Action::Tool("w")]),
            Some(vec!["write"])
        );
        assert_eq!(needs(&[Action::Everything]), Some(vec!["here"]));
        let few = policy.offer(&server, ["read", "ping"]);
        assert_eq!(few.step_up(&nobody, &[Action::Tool("w")]), None);
        let both = [Action::Tool("r"), Action::Method("ping")];
        assert_eq!(few.step_up(&nobody, &both), Some(["read"].into()));
        let with_ping = Principal {
            scopes: BTreeSet::from(["ping".into()]),
            ..nobody.clone()
        };
        assert_eq!(few.held(&with_ping).collect::<Vec<_>>(), ["ping"]);
        assert_eq!(few.step_up(&with_ping, &[Action::Stream]), None);
        assert!(policy.offer(&server, ["there", "openid"]).first().is_none());
    }
}
