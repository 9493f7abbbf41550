//! What a caller may hand on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::policy::Policy;
use crate::domain::principal::Principal;

/// Every scope that the caller has.
pub(super) fn scopes_of(_policy: &Policy, caller: &Principal) -> BTreeSet<Arc<str>> {
    caller.scopes.clone()
}

/// Whether the caller may hand on this scope: it is one of theirs, or they administer the registry
/// (and could give it to themselves) and it exists.
pub(super) fn may_hand_on(policy: &Policy, caller: &Principal, scope: &str) -> bool {
    scopes_of(policy, caller).contains(scope)
        || (policy.is_admin(caller) && policy.scopes.contains_key(scope))
}
