//! Users and what they may do with the local user that an address names.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::super::super::Registry;
use super::User;
use crate::http::Problem;
use crate::store::LOCAL;

/// The local user in the address who is logged in, or an admin. Who may not look at a user does not
/// learn whether there is one.
pub(in super::super) struct SelfOrAdmin {
    pub(in super::super) user: User,
    pub(in super::super) username: String,
    /// It is themselves; a token is not enough for that.
    pub(in super::super) own: bool,
    pub(in super::super) admin: bool,
}

impl FromRequestParts<Registry> for SelfOrAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Registry) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, registry).await?;
        let Path(username): Path<String> = Path::from_request_parts(parts, registry)
            .await
            .map_err(|_| Problem::not_found("there is no user with this name"))?;
        let own = user.session.as_ref().is_some_and(|session| {
            session.provider == LOCAL && *session.principal.subject == *username
        });
        let admin = registry.view().access.policy.is_admin(&user.principal);
        if !own && !admin {
            return Err(Problem::forbidden("none of your scopes allows this"));
        }
        Ok(Self {
            user,
            username,
            own,
            admin,
        })
    }
}
