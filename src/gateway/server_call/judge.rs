//! Asking the external auth server about a call, where there is one.

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::time::Instant;

use super::super::body::ClientBody;
use super::super::external::{self, MAX_BODY_BYTES, Question, Verdict};
use super::super::fields::Name;
use super::super::foreign;
use super::super::message;
use super::super::pipeline::{Context, Exchange};
use super::super::reason::Reason;
use super::super::table::{CompiledRoute, Place};
use super::{Call, Found, Inbound, call_limit};
use crate::protocol::envelope::Envelope;

/// Whether the auth server is asked about calls of this server.
pub(super) fn asks(context: &Context, route: &CompiledRoute) -> bool {
    context.gateway.external.is_some() && !route.route.public
}

/// The message of a call that the auth server is asked about, which may be no longer than what it
/// takes. What is no message goes on as it comes.
pub(super) async fn hold(
    context: &Context,
    exchange: &Exchange,
    found: &Found,
    body: ClientBody,
) -> Result<Inbound, Reason> {
    let is_read = *exchange.head.method() == Method::POST
        && !exchange.websocket
        && found.place != Place::Below;
    if !is_read {
        return Ok(Inbound::Open(body));
    }
    message::check_media(&exchange.head)?;
    let gateway = &context.gateway;
    let whole = call_limit(gateway, &found.route);
    let deadline = Instant::from_std(exchange.record.started) + whole;
    let limit = gateway.limits.message_bytes.bytes().min(MAX_BODY_BYTES);
    let silence = gateway.timeouts.body_idle.get();
    let message = message::hold(body, limit, silence, deadline).await?;
    Ok(Inbound::Held(message))
}

/// What the auth server says to this call; where it agrees and the gateway could not tell who calls,
/// it does.
pub(super) async fn judged(
    context: &Context,
    exchange: &mut Exchange,
    call: &mut Call,
    message: Option<(&Bytes, &Envelope<'_>)>,
) -> Result<(), Reason> {
    let Some(auth_server) = &context.gateway.external else {
        return Ok(());
    };
    let message = message
        .map(|(bytes, envelope)| external::as_field(bytes).map(|field| (field, envelope)))
        .transpose()?;
    let url = foreign::called_url(context, exchange);
    let (name, field) = if call.own_token_elsewhere {
        (Name::XAuthorization, "x-authorization")
    } else {
        (Name::Authorization, "authorization")
    };
    let question = Question {
        credential: exchange.head.field(name).map(|shown| (field, shown)),
        url: HeaderValue::try_from(url).map_err(|_| Reason::BadTarget)?,
        method: exchange.head.method(),
        message,
        request_id: exchange.record.id,
    };
    let verdict = auth_server
        .judge(&context.pool, &context.waits, &question)
        .await?;
    match verdict {
        Verdict::Allowed(named) => {
            let caller = call.caller.take().or(named);
            call.caller = Some(caller.ok_or_else(|| auth_server.named_nobody())?);
            call.verdict = Some(auth_server.standing(&question, context.gateway.clock.now()));
        }
        Verdict::Refused(reason, challenge) => {
            exchange.reply.challenge = challenge;
            return Err(reason);
        }
    }
    if let Some(line) = &mut exchange.record.line {
        line.caller.clone_from(&call.caller);
    }
    Ok(())
}
