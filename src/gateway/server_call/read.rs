//! Phases five and six: the message of a call, and whether each part of it is allowed.

use bytes::Bytes;

use super::super::fields::Name;
use super::super::head::RequestHead;
use super::super::pipeline::Exchange;
use super::super::reason::Reason;
use super::super::table::CompiledRoute;
use super::challenge::forbidden;
use super::{Call, may};
use crate::catalog::asks;
use crate::catalog::snapshot::Access;
use crate::protocol::envelope::Envelope;
use crate::protocol::headers::{HeaderCheck, Single};

/// Reads what a message asks for, and notes it for the refusal and the log that may follow.
pub(super) fn parse<'m>(
    exchange: &mut Exchange,
    message: &'m Bytes,
) -> Result<Envelope<'m>, Reason> {
    let envelope = Envelope::parse(message).map_err(|error| {
        tracing::debug!(reason = error.reason(), "message refused");
        Reason::BadMessage
    })?;
    exchange.reply.rpc_id = envelope.id().map(|id| message.slice_ref(id.as_bytes()));
    if let Some(line) = &mut exchange.record.line {
        line.read(envelope.messages(), message);
    }
    Ok(envelope)
}

/// Checks each part of a message. Says how many more than one there are.
pub(super) fn check(
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
    call: &mut Call,
    envelope: &Envelope<'_>,
) -> Result<usize, Reason> {
    cross_check(&exchange.head, envelope)?;
    for message in envelope.messages() {
        if !may(access, route, call.caller.as_deref(), asks::action(message)) {
            if let Some(line) = &mut exchange.record.line {
                line.refuse(message);
            }
            let wanted = envelope.messages().iter().map(asks::action);
            let caller = call.caller.as_deref();
            return Err(forbidden(exchange, access, route, caller, wanted));
        }
    }
    if let Some(message) = envelope.messages().first() {
        call.endless = message.method == "subscriptions/listen";
        if call.caller.is_some() {
            call.tool = asks::named(message);
        }
    }
    Ok(envelope.messages().len().saturating_sub(1))
}

fn cross_check(head: &RequestHead, envelope: &Envelope<'_>) -> Result<(), Reason> {
    let single = |name| Single::of(head.fields().all(name));
    let check = HeaderCheck {
        version: single(Name::McpProtocolVersion),
        method: single(Name::McpMethod),
        name: single(Name::McpName),
    };
    check.compare(envelope).map_err(|mismatch| {
        tracing::debug!(%mismatch, "message refused");
        Reason::HeaderMismatch
    })
}
