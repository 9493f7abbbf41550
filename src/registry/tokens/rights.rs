//! What a caller may hand on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::policy::Policy;
use crate::domain::principal::Principal;

/// Every scope that the caller has, by name or by group.
pub(super) fn scopes_of(policy: &Policy, caller: &Principal) -> BTreeSet<Arc<str>> {
    policy.scopes_of(caller)
}

/// Whether the caller may hand on this scope: it is one of theirs, or they administer the registry
/// (and could give it to themselves) and it exists.
pub(super) fn may_hand_on(policy: &Policy, caller: &Principal, scope: &str) -> bool {
    scopes_of(policy, caller).contains(scope)
        || (policy.is_admin(caller) && policy.rules().scopes.contains_key(scope))
}
