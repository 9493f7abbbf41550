//! Users and what they may do with the server that an address names.
//!
//! Promises: a handler that has one of these is not reached without a permission that its type
//! names; a server that the caller may not see is as absent as one that does not exist.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::super::super::policy::Grants;
use super::super::super::{Error, Registry};
use super::{Caller, User, not_for_gateways};
use crate::domain::path::ServerPath;
use crate::domain::policy::Permission;
use crate::http::Problem;

/// A user who has one of the permissions for the server in `{id}`.
pub(in super::super) struct OnServer<P> {
    pub(in super::super) user: User,
    pub(in super::super) path: ServerPath,
    permissions: PhantomData<P>,
}

/// A user who may add some servers; which ones is judged by what they write.
pub(in super::super) struct Registrar(pub(in super::super) User);

/// Permissions of which one is needed.
pub(in super::super) trait Permissions {
    const ANY_OF: &'static [Permission];
    /// Who shows nothing has what the policy gives to `anonymous`.
    const ANONYMOUS: bool = false;
}

/// Sees it.
pub(in super::super) struct See;

impl Permissions for See {
    const ANY_OF: &'static [Permission] = &[Permission::List];
    const ANONYMOUS: bool = true;
}

/// Changes something of it; what exactly is judged by the change.
pub(in super::super) struct Change;

impl Permissions for Change {
    const ANY_OF: &'static [Permission] = &[Permission::Modify, Permission::Toggle];
}

/// Removes it.
pub(in super::super) struct Remove;

impl Permissions for Remove {
    const ANY_OF: &'static [Permission] = &[Permission::Delete];
}

impl<P: Permissions> FromRequestParts<Registry> for OnServer<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        let user = if P::ANONYMOUS {
            match Caller::from_request_parts(parts, registry).await? {
                Caller::User(user) => user,
                Caller::Gateway => return Err(not_for_gateways()),
            }
        } else {
            User::from_request_parts(parts, registry).await?
        };
        let Path(id): Path<String> = Path::from_request_parts(parts, registry)
            .await
            .map_err(|_| no_such_id())?;
        let path = ServerPath::parse(&id).map_err(|_| no_such_id())?;
        judge::<P>(&user.grants(registry), registry, &path)?;
        Ok(Self {
            user,
            path,
            permissions: PhantomData,
        })
    }
}

fn judge<P: Permissions>(
    grants: &Grants,
    registry: &Registry,
    path: &ServerPath,
) -> Result<(), Error> {
    if P::ANY_OF.iter().any(|one| grants.may(*one, path)) {
        return Ok(());
    }
    let seen = grants.may(Permission::List, path) && registry.view().servers.get(path).is_some();
    match P::ANY_OF.first() {
        Some(missing) if seen => Err(Error::NotPermitted(*missing, path.clone())),
        _ => Err(Error::NoServer(path.clone())),
    }
}

impl FromRequestParts<Registry> for Registrar {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, registry).await?;
        let policy = &registry.view().access.policy;
        if policy.permits_some(&user.principal, Permission::Register) {
            Ok(Self(user))
        } else {
            Err(Problem::forbidden(
                "none of your scopes has register_service",
            ))
        }
    }
}

/// What cannot be a server's id is not there.
fn no_such_id() -> Problem {
    Problem::not_found("there is no server with this id")
}
