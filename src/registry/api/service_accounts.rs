//! `/api/service-accounts`: accounts of programs.

pub(super) mod create;
pub(super) mod list;
pub(super) mod patch;
pub(super) mod read;
pub(super) mod remove;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::service_accounts::AccountPatch;
use super::written;
use crate::domain::validate::fields::Fields;
use crate::store::StoredServiceAccount;

/// An account of a program.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountInfo {
    name: String,
    description: String,
    groups: Vec<String>,
    scopes: Vec<String>,
    /// Nothing of it counts.
    disabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<StoredServiceAccount> for AccountInfo {
    fn from(account: StoredServiceAccount) -> Self {
        Self {
            name: account.name,
            description: account.description,
            groups: account.groups,
            scopes: account.scopes,
            disabled: account.disabled,
            created_at: account.created_at.to_rfc3339(),
            updated_at: account.updated_at.to_rfc3339(),
        }
    }
}

/// The fields that can be written at any time.
fn facts(fields: &mut Fields<'_>) -> AccountPatch {
    AccountPatch {
        description: fields
            .has("description")
            .then(|| written::description(fields).unwrap_or_default()),
        groups: written::groups(fields, "groups"),
        scopes: written::scopes(fields, "scopes"),
        disabled: fields.flag("disabled"),
    }
}
