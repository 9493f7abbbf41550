//! Phases five and six: the message of a call, and whether each part of it is allowed.

use http::HeaderValue;
use tokio::time::Instant;

use super::super::head::RequestHead;
use super::super::message;
use super::super::pipeline::Exchange;
use super::super::reason::Reason;
use super::super::shared::Gateway;
use super::super::table::CompiledRoute;
use super::challenge::forbidden;
use super::judge::Inbound;
use super::{Call, may};
use crate::catalog::asks;
use crate::catalog::snapshot::Access;
use crate::protocol::envelope::Envelope;
use crate::protocol::headers::{self, HeaderCheck, Single};

/// Holds and parses the message, and checks each part of it. Says how many more than one there are.
pub(super) async fn read_message(
    gateway: &Gateway,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
    call: &mut Call,
    body: Inbound,
    deadline: Instant,
) -> Result<usize, Reason> {
    message::check_media(&exchange.head)?;
    let limit = gateway.limits.message_bytes.bytes();
    let silence = gateway.timeouts.body_idle.get();
    let bytes = body.hold(limit, silence, deadline).await?;
    let envelope = Envelope::parse(&bytes).map_err(|error| {
        tracing::debug!(reason = error.reason(), "message refused");
        Reason::BadMessage
    })?;
    exchange.reply.rpc_id = envelope.id().map(|id| bytes.slice_ref(id.as_bytes()));
    if let Some(line) = &mut exchange.record.line {
        line.read(envelope.messages(), &bytes);
    }
    cross_check(&exchange.head, &envelope)?;
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
    let more = envelope.messages().len().saturating_sub(1);
    call.message = Some(bytes);
    Ok(more)
}

fn cross_check(head: &RequestHead, envelope: &Envelope<'_>) -> Result<(), Reason> {
    let single = |name| Single::of(head.header_all(name).map(HeaderValue::as_bytes));
    let check = HeaderCheck {
        version: single(headers::MCP_PROTOCOL_VERSION),
        method: single(headers::MCP_METHOD),
        name: single(headers::MCP_NAME),
    };
    check.compare(envelope).map_err(|mismatch| {
        tracing::debug!(%mismatch, "message refused");
        Reason::HeaderMismatch
    })
}
