//! What people write: scopes with what each allows, and the groups that have them.
//!
//! The serialised form is what the snapshot carries and the database keeps; its names change only
//! together with the snapshot's format.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ADMIN_SCOPE, Action};

/// All scopes and groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// What each scope allows; a scope that is not here allows nothing.
    pub scopes: BTreeMap<String, ScopeRules>,
    /// The scopes of each group of the identity provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

impl Default for Rules {
    /// The embedded default: the admin scope allows everything, the group of the same name has it,
    /// nothing else exists.
    fn default() -> Self {
        let everything = ServerRule {
            servers: Names::All,
            methods: Names::All,
            tools: Names::All,
        };
        let admin = ScopeRules {
            servers: vec![everything],
            admin: true,
            ..ScopeRules::default()
        };
        let name = ADMIN_SCOPE.to_owned();
        Self {
            scopes: BTreeMap::from([(name.clone(), admin)]),
            groups: BTreeMap::from([(name.clone(), BTreeSet::from([name]))]),
        }
    }
}

/// What one scope allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRules {
    /// MCP traffic.
    #[serde(default)]
    pub servers: Vec<ServerRule>,
    /// The registry's API: may change and read everything.
    #[serde(default)]
    pub admin: bool,
    /// The registry's API for chosen servers, by the permission's name. Names that are no
    /// [`Permission`] are kept for the systems that know them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ui: BTreeMap<String, Names>,
    /// Rules for agents: kept, not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentRule>,
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

impl ServerRule {
    /// Whether the method is allowed where the rule applies.
    pub fn has_method(&self, method: &str) -> bool {
        self.methods.contains(method)
            || (PART_OF_A_SESSION.contains(&method) && self.methods.contains(INITIALIZE))
    }

    /// Whether it allows the whole of this where it applies.
    pub fn allows(&self, action: Action<'_>) -> bool {
        match action {
            Action::Method(method) => self.has_method(method),
            Action::Tool(tool) => self.has_method(TOOLS_CALL) && self.tools.contains(tool),
            Action::Everything => self.methods == Names::All && self.tools == Names::All,
            Action::Stream => true,
        }
    }
}

/// A rule for agents, as existing files have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRule {
    /// Such as `list_agents`.
    pub action: String,
    /// Paths of agents.
    pub resources: Names,
}

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

/// What the registry's API lets do with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See that it is there, and its definition.
    List,
    /// Add it.
    Register,
    /// Change its definition.
    Modify,
    /// Enable and disable it.
    Toggle,
    /// Remove it.
    Delete,
    /// Have its health and tools looked at anew.
    HealthCheck,
}

impl Permission {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::List,
        Self::Register,
        Self::Modify,
        Self::Toggle,
        Self::Delete,
        Self::HealthCheck,
    ];

    /// Its name in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list_service",
            Self::Register => "register_service",
            Self::Modify => "modify_service",
            Self::Toggle => "toggle_service",
            Self::Delete => "delete_service",
            Self::HealthCheck => "health_check_service",
        }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Opens a session.
pub(super) const INITIALIZE: &str = "initialize";

/// Uses a tool.
pub(super) const TOOLS_CALL: &str = "tools/call";

/// What whoever may open a session may say in it: existing rules name none of these, and clients
/// break without them.
pub(super) const PART_OF_A_SESSION: &[&str] = &[
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "server/discover",
];
