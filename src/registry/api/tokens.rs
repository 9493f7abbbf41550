//! `/api/tokens`: tokens and API keys.

pub(super) mod generate;
pub(super) mod list;
pub(super) mod revoke;

use super::caller::User;
use crate::registry::tokens::Holder;

/// The caller as somebody who has tokens.
fn holder(user: &User) -> Holder {
    Holder::new(&user.principal, user.session.as_ref())
}
