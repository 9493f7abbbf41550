//! What a refused caller is told: who gives tokens, and with which scopes one would do (RFC 6750 §3.1,
//! RFC 9728 §5.1).
//!
//! Promises: it costs a call that succeeds nothing; a 403 names scopes only to who can get them,
//! with a token of a provider that says that it grants them; no scope is named that the server's
//! metadata document does not name. Start with [`forbidden`] and [`told`].

use std::collections::BTreeSet;

use super::super::foreign;
use super::super::pipeline::{Context, Exchange};
use super::super::reason::Reason;
use super::super::table::CompiledRoute;
use crate::catalog::snapshot::Access;
use crate::domain::policy::Action;
use crate::domain::policy::step_up::Offer;
use crate::domain::principal::{AuthMethod, Principal};

/// A call that the policy refuses, and what of it: notes the scopes that would do, where the caller
/// can get them.
#[cold]
pub(super) fn forbidden<'a>(
    exchange: &mut Exchange,
    access: &Access,
    route: &CompiledRoute,
    caller: Option<&Principal>,
    wanted: impl IntoIterator<Item = Action<'a>>,
) -> Reason {
    let Some(caller) = caller else {
        return Reason::Forbidden;
    };
    match caller.method {
        // Whoever has shown nothing yet may come back with a token of a provider.
        AuthMethod::Oidc | AuthMethod::Keycloak | AuthMethod::Anonymous => {}
        // Nobody gets more of these by asking.
        AuthMethod::Token | AuthMethod::ApiKey | AuthMethod::Session | AuthMethod::External => {
            return Reason::Forbidden;
        }
    }
    let offer = foreign::offer(access, route);
    let wanted: Vec<_> = wanted.into_iter().collect();
    if let Some(needed) = offer.step_up(caller, &wanted) {
        exchange.reply.scope = listed(&offer, caller, needed);
    }
    Reason::Forbidden
}

/// Why a call is refused in the end, with what its caller is told: who has shown nothing may yet show
/// something.
#[cold]
pub(super) fn told(
    context: &Context,
    exchange: &mut Exchange,
    access: Option<&Access>,
    route: &CompiledRoute,
    reason: Reason,
) -> Reason {
    let reason = match reason {
        Reason::Forbidden if exchange.reply.anonymous => Reason::Unauthenticated,
        reason => reason,
    };
    let Some(access) = access.filter(|access| !access.trust.issuers.is_empty()) else {
        return reason;
    };
    match reason {
        Reason::Unauthenticated => {
            if exchange.reply.scope.is_none() {
                let offer = foreign::offer(access, route);
                exchange.reply.scope = offer.first().map(str::to_owned);
            }
        }
        Reason::Forbidden if exchange.reply.scope.is_some() => {}
        _ => return reason,
    }
    exchange.reply.resource_metadata = Some(foreign::metadata_url(context, exchange));
    reason
}

/// What is needed, and what the caller has already, so that a new token is not worth less; as the
/// field holds it.
fn listed(offer: &Offer<'_>, caller: &Principal, needed: BTreeSet<&str>) -> Option<String> {
    let all: BTreeSet<&str> = needed.iter().copied().chain(offer.held(caller)).collect();
    let join = |names: BTreeSet<&str>| Vec::from_iter(names).join(" ");
    let fits = |list: &String| list.len() <= MAX_SCOPE_LIST;
    Some(join(all))
        .filter(fits)
        .or_else(|| Some(join(needed)).filter(fits))
}

/// Clients and proxies take only so much of a header.
const MAX_SCOPE_LIST: usize = 1_024;
