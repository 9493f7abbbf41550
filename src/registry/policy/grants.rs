//! What the caller of a request may do in the registry, for the use cases.

use std::sync::Arc;

use super::super::Error;
use crate::domain::path::ServerPath;
use crate::domain::policy::{Permission, Policy};
use crate::domain::principal::Principal;

/// A caller, and the policy that was in force when the request came.
#[derive(Clone, Debug)]
pub(in super::super) struct Grants {
    policy: Policy,
    principal: Arc<Principal>,
}

impl Grants {
    pub(in super::super) const fn new(policy: Policy, principal: Arc<Principal>) -> Self {
        Self { policy, principal }
    }

    pub(in super::super) fn is_admin(&self) -> bool {
        self.policy.is_admin(&self.principal)
    }

    pub(in super::super) fn may(&self, permission: Permission, server: &ServerPath) -> bool {
        self.policy.permits(&self.principal, permission, server)
    }

    /// Refuses without the permission.
    pub(in super::super) fn need(
        &self,
        permission: Permission,
        server: &ServerPath,
    ) -> Result<(), Error> {
        if self.may(permission, server) {
            Ok(())
        } else {
            Err(Error::NotPermitted(permission, server.clone()))
        }
    }
}
