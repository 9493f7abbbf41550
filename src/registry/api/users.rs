//! `/api/users`: local users; what stands for any user.

pub(super) mod create;
pub(super) mod end;
pub(super) mod list;
pub(super) mod patch;
pub(super) mod read;
pub(super) mod remove;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::users::User;
use crate::domain::time::Timestamp;

/// A local user.
#[derive(Serialize, ToSchema)]
pub(super) struct UserInfo {
    username: String,
    groups: Vec<String>,
    /// Cannot log in; nothing of it counts.
    disabled: bool,
    /// The local administrator of the settings, which is changed there.
    built_in: bool,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        Self {
            username: user.username,
            groups: user.groups,
            disabled: user.disabled,
            built_in: user.built_in,
            updated_at: user.updated_at.map(Timestamp::to_rfc3339),
        }
    }
}
