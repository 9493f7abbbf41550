//! May they: scopes, what each allows, and which groups have them. Deny is the default.
//!
//! Promises: what no scope of the caller allows is refused, whatever else is unknown or missing; a
//! further scope never takes a right away; a decision is a handful of look-ups without allocation
//! ([`Policy::allows`]). Must not know where a policy comes from. Start with [`Rules`] (what people
//! write), then [`Policy`] (the same, ready to decide); [`document`] reads and writes the texts,
//! [`explain`] says why, [`step_up`] what a caller could ask a provider for.
//!
//! # Why
//! A policy is built once and asked a million times: [`Policy::new`] turns the rules into tables by
//! server, method and tool whose entries are sets of scopes, so that the number of rules does not
//! matter to a request.

pub mod document;
pub mod explain;
mod rules;
pub mod step_up;
mod table;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::path::ServerPath;
use super::principal::{AuthMethod, Principal};
pub use rules::{AgentRule, Names, Permission, Rules, ScopeRules, ServerRule};
pub use table::Reach;
use table::Table;

/// The scope of the local admin: it administers whatever a policy says, so that no policy locks
/// everybody out.
pub const ADMIN_SCOPE: &str = "mcp-registry-admin";

/// The group of callers that show no credential. A policy that maps it to scopes opens what these
/// scopes allow to everybody.
pub const ANONYMOUS: &str = "anonymous";

/// Rules, ready to decide. Immutable; a clone is a handle.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rules,
    table: Table,
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
    /// Makes the tables.
    pub fn new(rules: Rules) -> Self {
        let table = Table::new(&rules);
        Self(Arc::new(Inner { rules, table }))
    }

    /// What it was made of.
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Whether the caller may do this at this server.
    pub fn allows(&self, caller: &Principal, server: &ServerPath, action: Action<'_>) -> bool {
        self.0.table.allows(caller, server.id(), action)
    }

    /// What the caller may do at one server, for many questions in a row such as the tools of a
    /// list.
    pub fn reach(&self, caller: &Principal, server: &ServerPath) -> Reach<'_> {
        self.0.table.reach(caller, server.id())
    }

    /// Whether the caller may change everything in the registry.
    pub fn is_admin(&self, caller: &Principal) -> bool {
        self.0.table.is_admin(caller)
    }

    /// Whether the caller has a permission of the registry's API for a server; admins have all.
    pub fn permits(&self, caller: &Principal, permission: Permission, server: &ServerPath) -> bool {
        self.0.table.permits(caller, permission, server.id())
    }

    /// Whether the caller has the permission for every server, those to come included.
    pub fn permits_all(&self, caller: &Principal, permission: Permission) -> bool {
        self.0.table.permits_all(caller, permission)
    }

    /// The servers that the caller has the permission for.
    pub fn permitted(&self, caller: &Principal, permission: Permission) -> Names {
        self.0.table.permitted_to(caller, permission)
    }

    /// Whether there may be a server that the caller has the permission for.
    pub fn permits_some(&self, caller: &Principal, permission: Permission) -> bool {
        self.0.table.permits_some(caller, permission)
    }

    /// The caller's scopes, those of their groups included. A credential for which somebody chose
    /// scopes names no groups: they would bring all the others back.
    pub fn scopes_of(&self, caller: &Principal) -> BTreeSet<Arc<str>> {
        let mut scopes = caller.scopes.clone();
        for group in &caller.groups {
            let mapped = self.0.rules.groups.get(&**group).into_iter().flatten();
            scopes.extend(mapped.map(|scope| Arc::from(scope.as_str())));
        }
        scopes
    }
}

/// A caller that shows no credential.
pub fn anonymous() -> Principal {
    let name: Arc<str> = ANONYMOUS.into();
    Principal {
        subject: Arc::clone(&name),
        username: Arc::clone(&name),
        scopes: BTreeSet::new(),
        groups: BTreeSet::from([name]),
        method: AuthMethod::Anonymous,
        client_id: None,
        token_id: None,
        expires_at: None,
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.rules == other.0.rules
    }
}

impl Eq for Policy {}

impl Serialize for Policy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.rules.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Rules::deserialize(deserializer).map(Self::new)
    }
}
