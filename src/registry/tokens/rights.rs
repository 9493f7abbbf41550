//! What a caller may hand on.

use crate::domain::policy::Policy;
use crate::domain::principal::Principal;

/// Whether the caller may hand on this scope: it is one of theirs, or they administer the registry
/// (and could give it to themselves) and it exists.
pub(super) fn may_hand_on(policy: &Policy, caller: &Principal, scope: &str) -> bool {
    policy.scopes_of(caller).contains(scope)
        || (policy.is_admin(caller) && policy.rules().scopes.contains_key(scope))
}
