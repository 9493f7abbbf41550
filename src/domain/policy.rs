//! May they: scopes and what each allows. Deny is the default.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::path::ServerPath;
use super::principal::Principal;

/// The scope of the local admin.
pub const ADMIN_SCOPE: &str = "mcp-registry-admin";

/// Every one, or those named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// Whatever the name is, those that do not exist yet included.
    All,
    /// Exactly these.
    Only(BTreeSet<String>),
}

impl Names {
    /// Whether a name is among them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What a scope allows at some servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRule {
    /// Server ids (paths without leading slash).
    pub servers: Names,
    /// JSON-RPC methods.
    pub methods: Names,
    /// Tools, for `tools/call`.
    pub tools: Names,
}

/// What one scope allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRules {
    /// MCP traffic.
    #[serde(default)]
    pub servers: Vec<ServerRule>,
    /// The registry's API: may change definitions and read everything.
    #[serde(default)]
    pub admin: bool,
}

/// All scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What each scope allows; a scope that is not here allows nothing.
    pub scopes: BTreeMap<String, ScopeRules>,
}

impl Default for Policy {
    /// The embedded default: the admin scope allows everything, nothing else exists.
    fn default() -> Self {
        let everything = ServerRule {
            servers: Names::All,
            methods: Names::All,
            tools: Names::All,
        };
        let admin = ScopeRules {
            servers: vec![everything],
            admin: true,
        };
        Self {
            scopes: BTreeMap::from([(ADMIN_SCOPE.to_owned(), admin)]),
        }
    }
}

/// What somebody wants to do at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A JSON-RPC method other than `tools/call`.
    Method(&'a str),
    /// `tools/call` of this tool.
    Tool(&'a str),
    /// Anything at all: unparsed traffic such as a sub-path or a WebSocket.
    Everything,
    /// Opening or closing a stream (GET, DELETE): any right at this server is enough.
    Stream,
}

impl Policy {
    /// Whether the caller may do this at this server.
    pub fn allows(&self, caller: &Principal, server: &ServerPath, action: Action<'_>) -> bool {
        self.rules_of(caller)
            .flat_map(|rules| &rules.servers)
            .filter(|rule| rule.servers.contains(server.id()))
            .any(|rule| rule.allows(action))
    }

    /// Whether the caller may change the registry.
    pub fn is_admin(&self, caller: &Principal) -> bool {
        self.rules_of(caller).any(|rules| rules.admin)
    }

    fn rules_of<'p>(&'p self, caller: &'p Principal) -> impl Iterator<Item = &'p ScopeRules> {
        caller
            .scopes
            .iter()
            .filter_map(|scope| self.scopes.get(&**scope))
    }
}

impl ServerRule {
    fn allows(&self, action: Action<'_>) -> bool {
        match action {
            Action::Method(method) => self.methods.contains(method),
            Action::Tool(tool) => self.methods.contains("tools/call") && self.tools.contains(tool),
            Action::Everything => self.methods == Names::All && self.tools == Names::All,
            Action::Stream => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::AuthMethod;

    fn caller(scopes: &[&str]) -> Principal {
        Principal {
            subject: "u".into(),
            username: "u".into(),
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            groups: BTreeSet::new(),
            method: AuthMethod::Token,
            client_id: None,
            token_id: None,
            expires_at: None,
        }
    }

    #[test]
    fn nobody_may_do_anything_without_a_scope() {
        let server = ServerPath::parse("/x").unwrap();
        for action in [
            Action::Method("ping"),
            Action::Tool("t"),
            Action::Everything,
            Action::Stream,
        ] {
            assert!(!Policy::default().allows(&caller(&[]), &server, action));
            assert!(!Policy::default().allows(&caller(&["unknown"]), &server, action));
            assert!(Policy::default().allows(&caller(&[ADMIN_SCOPE]), &server, action));
        }
    }

    #[test]
    fn a_tool_needs_the_method_and_the_tool() {
        let server = ServerPath::parse("/x").unwrap();
        let rule = ServerRule {
            servers: Names::Only(["x".to_owned()].into()),
            methods: Names::Only(["tools/call".to_owned(), "tools/list".to_owned()].into()),
            tools: Names::Only(["read".to_owned()].into()),
        };
        let policy = Policy {
            scopes: [(
                "s".to_owned(),
                ScopeRules {
                    servers: vec![rule],
                    admin: false,
                },
            )]
            .into(),
        };
        let caller = caller(&["s"]);
        assert!(policy.allows(&caller, &server, Action::Tool("read")));
        assert!(!policy.allows(&caller, &server, Action::Tool("write")));
        assert!(!policy.allows(&caller, &server, Action::Method("ping")));
        assert!(!policy.allows(&caller, &server, Action::Everything));
        assert!(!policy.allows(
            &caller,
            &ServerPath::parse("/y").unwrap(),
            Action::Tool("read")
        ));
    }
}
