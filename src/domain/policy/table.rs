//! The rules by server, method and tool, each with the set of scopes that allow it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::rules::{
    INITIALIZE, Names, PART_OF_A_SESSION, Permission, Rules, ServerRule, TOOLS_CALL,
};
use super::{ADMIN_SCOPE, Action, Principal};

type Map<K, V> = HashMap<K, V, RandomState>;

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    /// By name; the number is the scope's place in every [`ScopeSet`].
    scopes: Map<Box<str>, usize>,
    /// The scopes of each group.
    groups: Map<Box<str>, ScopeSet>,
    admins: ScopeSet,
    /// By server id.
    servers: Map<Box<str>, AtServer>,
    /// Rules for every server.
    everywhere: AtServer,
    permissions: [Permitted; Permission::ALL.len()],
}

/// A set of scopes, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ScopeSet(Vec<u64>);

/// What is allowed at one server, and by which scopes.
#[derive(Debug, Default)]
struct AtServer {
    /// Some rule applies.
    any: ScopeSet,
    /// Every method and every tool.
    everything: ScopeSet,
    methods: Named,
    /// Those that `tools/call` may name.
    tools: Named,
}

/// Scopes by name, and those for which every name will do.
#[derive(Debug, Default)]
struct Named {
    all: ScopeSet,
    only: Map<Box<str>, ScopeSet>,
}

/// Who has a permission, by server id.
type Permitted = Named;

impl Table {
    pub(super) fn new(rules: &Rules) -> Self {
        let mut table = Self {
            scopes: Map::default(),
            groups: Map::default(),
            admins: ScopeSet::default(),
            servers: Map::default(),
            everywhere: AtServer::default(),
            permissions: Default::default(),
        };
        for (name, scope) in &rules.scopes {
            let id = table.scope(name);
            if scope.admin {
                table.admins.insert(id);
            }
            for rule in &scope.servers {
                table.add(rule, id);
            }
            for (permission, permitted) in Permission::ALL.iter().zip(&mut table.permissions) {
                if let Some(names) = scope.ui.get(permission.as_str()) {
                    permitted.add(names, id);
                }
            }
        }
        let admin = table.scope(ADMIN_SCOPE);
        table.admins.insert(admin);
        for (group, scopes) in &rules.groups {
            let ids: ScopeSet = scopes.iter().map(|scope| table.scope(scope)).collect();
            table.groups.insert(group.as_str().into(), ids);
        }
        table
    }

    fn scope(&mut self, name: &str) -> usize {
        let next = self.scopes.len();
        *self.scopes.entry(name.into()).or_insert(next)
    }

    fn add(&mut self, rule: &ServerRule, scope: usize) {
        match &rule.servers {
            Names::All => self.everywhere.add(rule, scope),
            Names::Only(servers) => {
                for server in servers {
                    entry(&mut self.servers, server).add(rule, scope);
                }
            }
        }
    }

    pub(super) fn allows(&self, caller: &Principal, server: &str, action: Action<'_>) -> bool {
        self.holds(caller, &self.allowing(server, action))
    }

    pub(super) fn reach(&self, caller: &Principal, server: &str) -> Reach<'_> {
        Reach {
            here: self.servers.get(server),
            everywhere: &self.everywhere,
            held: self.held(caller),
        }
    }

    pub(super) fn is_admin(&self, caller: &Principal) -> bool {
        self.holds(caller, &[&self.admins])
    }

    pub(super) fn permits(&self, caller: &Principal, permission: Permission, server: &str) -> bool {
        let permitted = self.permitted(permission);
        let [all, only] = permitted.get(server);
        self.holds(caller, &[&self.admins, all, only])
    }

    pub(super) fn permits_all(&self, caller: &Principal, permission: Permission) -> bool {
        self.holds(caller, &[&self.admins, &self.permitted(permission).all])
    }

    pub(super) fn permits_some(&self, caller: &Principal, permission: Permission) -> bool {
        let permitted = self.permitted(permission);
        let held = self.held(caller);
        self.permits_all(caller, permission)
            || permitted.only.values().any(|scopes| scopes.meets(&held))
    }

    pub(super) fn permitted_to(&self, caller: &Principal, permission: Permission) -> Names {
        if self.permits_all(caller, permission) {
            return Names::All;
        }
        let held = self.held(caller);
        let named = self.permitted(permission).only.iter();
        let mine = named.filter(|(_, scopes)| scopes.meets(&held));
        Names::Only(mine.map(|(id, _)| String::from(&**id)).collect())
    }

    fn permitted(&self, permission: Permission) -> &Permitted {
        // In the order of `Permission::ALL`.
        let [list, register, modify, toggle, delete, health_check] = &self.permissions;
        match permission {
            Permission::List => list,
            Permission::Register => register,
            Permission::Modify => modify,
            Permission::Toggle => toggle,
            Permission::Delete => delete,
            Permission::HealthCheck => health_check,
        }
    }

    /// The sets of scopes each of which allows it.
    fn allowing(&self, server: &str, action: Action<'_>) -> [&ScopeSet; 4] {
        let here = self.servers.get(server);
        let [a, b] = here.map_or([&EMPTY, &EMPTY], |at| at.allowing(action));
        let [c, d] = self.everywhere.allowing(action);
        [a, b, c, d]
    }

    /// Whether one of the caller's scopes is in one of the sets.
    fn holds(&self, caller: &Principal, sets: &[&ScopeSet]) -> bool {
        if sets.iter().all(|set| set.is_empty()) {
            return false;
        }
        let has = |id| sets.iter().any(|set| set.contains(id));
        caller
            .scopes
            .iter()
            .filter_map(|scope| self.scopes.get(&**scope))
            .any(|id| has(*id))
            || caller
                .groups
                .iter()
                .filter_map(|group| self.groups.get(&**group))
                .any(|scopes| sets.iter().any(|set| set.meets(scopes)))
    }

    fn held(&self, caller: &Principal) -> ScopeSet {
        let own = caller.scopes.iter();
        let mut held: ScopeSet = own
            .filter_map(|scope| self.scopes.get(&**scope).copied())
            .collect();
        for group in &caller.groups {
            if let Some(scopes) = self.groups.get(&**group) {
                held.extend(scopes);
            }
        }
        held
    }
}

/// What a caller may do at one server.
#[derive(Debug)]
pub struct Reach<'p> {
    here: Option<&'p AtServer>,
    everywhere: &'p AtServer,
    held: ScopeSet,
}

impl Reach<'_> {
    /// Whether they may do this.
    pub fn allows(&self, action: Action<'_>) -> bool {
        let here = self.here.map_or([&EMPTY, &EMPTY], |at| at.allowing(action));
        let everywhere = self.everywhere.allowing(action);
        here.iter()
            .chain(&everywhere)
            .any(|set| set.meets(&self.held))
    }

    /// Whether everything that the other one allows is allowed here too.
    pub fn covers(&self, other: &Reach<'_>) -> bool {
        let same = |action| self.allows(action) || !other.allows(action);
        if !same(Action::Stream) || !same(Action::Everything) {
            return false;
        }
        self.allows(Action::Everything)
            || (self.covers_names(other, |at| &at.methods, Action::Method)
                && self.covers_names(other, |at| &at.tools, Action::Tool))
    }

    fn covers_names<'n>(
        &self,
        other: &'n Reach<'_>,
        of: fn(&AtServer) -> &Named,
        action: fn(&'n str) -> Action<'n>,
    ) -> bool {
        let has_all = |reach: &Reach<'_>| reach.rules().any(|at| of(at).all.meets(&reach.held));
        if has_all(self) {
            return true;
        }
        !has_all(other)
            && other
                .rules()
                .flat_map(|at| &of(at).only)
                .filter(|(_, scopes)| scopes.meets(&other.held))
                .all(|(name, _)| self.allows(action(name)))
    }

    fn rules(&self) -> impl Iterator<Item = &AtServer> {
        self.here.into_iter().chain([self.everywhere])
    }
}

impl AtServer {
    fn add(&mut self, rule: &ServerRule, scope: usize) {
        self.any.insert(scope);
        if rule.methods == Names::All && rule.tools == Names::All {
            self.everything.insert(scope);
        }
        self.methods.add(&rule.methods, scope);
        if rule.methods != Names::All && rule.methods.contains(INITIALIZE) {
            for method in PART_OF_A_SESSION {
                entry(&mut self.methods.only, method).insert(scope);
            }
        }
        if rule.methods.contains(TOOLS_CALL) {
            self.tools.add(&rule.tools, scope);
        }
    }

    fn allowing(&self, action: Action<'_>) -> [&ScopeSet; 2] {
        match action {
            Action::Method(method) => self.methods.get(method),
            Action::Tool(tool) => self.tools.get(tool),
            Action::Everything => [&self.everything, &EMPTY],
            Action::Stream => [&self.any, &EMPTY],
        }
    }
}

impl Named {
    fn add(&mut self, names: &Names, scope: usize) {
        match names {
            Names::All => self.all.insert(scope),
            Names::Only(names) => {
                for name in names {
                    entry(&mut self.only, name).insert(scope);
                }
            }
        }
    }

    fn get(&self, name: &str) -> [&ScopeSet; 2] {
        [&self.all, self.only.get(name).unwrap_or(&EMPTY)]
    }
}

impl ScopeSet {
    fn insert(&mut self, id: usize) {
        let (word, bit) = (id / BITS, id % BITS);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    fn contains(&self, id: usize) -> bool {
        self.0
            .get(id / BITS)
            .is_some_and(|word| word & (1 << (id % BITS)) != 0)
    }

    const fn is_empty(&self) -> bool {
        // Sets only grow, and never with nothing.
        self.0.is_empty()
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

impl FromIterator<usize> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = usize>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

fn entry<'m, V: Default>(map: &'m mut Map<Box<str>, V>, name: &str) -> &'m mut V {
    map.entry(name.into()).or_default()
}

static EMPTY: ScopeSet = ScopeSet(Vec::new());
const BITS: usize = 64;
