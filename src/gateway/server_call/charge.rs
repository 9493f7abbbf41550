//! What a call takes from its caller's share of a server.

use super::super::pipeline::{self, Context, Exchange};
use super::super::reason::Reason;
use super::super::table::CompiledRoute;
use crate::domain::principal::{AuthMethod, Principal};

/// Takes calls from the caller's share of a server, where there is a limit.
pub(super) fn charge(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    caller: Option<&Principal>,
    calls: usize,
) -> Result<(), Reason> {
    let gateway = &context.gateway;
    let Some(limit) = gateway.call_limit.as_ref().filter(|_| calls > 0) else {
        return Ok(());
    };
    let caller = counted_as(context, exchange, caller);
    let now = gateway.began.elapsed();
    limit
        .take(&caller, route.path().as_str(), calls, now)
        .map_err(|wait| {
            exchange.reply.retry_after = wait.as_secs() + 1;
            Reason::TooManyCalls
        })
}

/// Whom a call counts for: the caller, or the address that it comes from where nobody is known.
pub(super) fn counted_as(
    context: &Context,
    exchange: &Exchange,
    caller: Option<&Principal>,
) -> Vec<u8> {
    match caller.filter(|caller| caller.method != AuthMethod::Anonymous) {
        Some(caller) => caller.subject.as_bytes().to_vec(),
        None => {
            let address = pipeline::forwarded(context, exchange).client;
            [b"@", address].concat()
        }
    }
}
