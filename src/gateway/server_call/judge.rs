//! Asking the external auth server about a call, where there is one.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use tokio::time::Instant;

use super::super::body::{ClientBody, RequestBody};
use super::super::external::{self, MAX_BODY_BYTES, Question, Verdict};
use super::super::foreign;
use super::super::message;
use super::super::pipeline::{self, Context, Exchange};
use super::super::reason::Reason;
use super::super::table::{CompiledRoute, Place};
use super::authenticate::X_AUTHORIZATION;
use super::{Call, call_limit};
use crate::protocol::envelope::Envelope;

/// A client's body: as it comes, or held already because it had to be judged.
pub(super) enum Inbound {
    Open(ClientBody),
    Held(Bytes),
}

impl Inbound {
    /// The whole body, within the limits of [`message::hold`].
    pub(super) async fn hold(
        self,
        limit: usize,
        silence: std::time::Duration,
        deadline: Instant,
    ) -> Result<Bytes, Reason> {
        match self {
            Self::Open(body) => Ok(message::hold(body, limit, silence, deadline).await?),
            Self::Held(bytes) => Ok(bytes),
        }
    }

    /// The body as it is sent on unread.
    pub(super) fn unread(self, context: &Context) -> RequestBody {
        match self {
            Self::Open(body) => pipeline::stream_body(body, context),
            Self::Held(bytes) => RequestBody::Held(Some(bytes)),
        }
    }
}

/// What the auth server says to this call; where it agrees and the gateway could not tell who calls,
/// it does. Messages are held for it, so they may be no longer than what it takes.
pub(super) async fn judged(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    place: Place<'_>,
    path: &str,
    call: &mut Call,
    body: ClientBody,
) -> Result<Inbound, Reason> {
    let gateway = &context.gateway;
    let asks = gateway.external.as_ref().filter(|_| !route.route.public);
    let Some(auth_server) = asks else {
        return Ok(Inbound::Open(body));
    };
    let is_read = *exchange.head.method() == Method::POST
        && !exchange.websocket
        && !matches!(place, Place::Below(_));
    let body = if is_read {
        message::check_media(&exchange.head)?;
        let deadline = Instant::from_std(exchange.record.started) + call_limit(gateway, route);
        let limit = gateway.limits.message_bytes.bytes().min(MAX_BODY_BYTES);
        let silence = gateway.timeouts.body_idle.get();
        Inbound::Held(message::hold(body, limit, silence, deadline).await?)
    } else {
        Inbound::Open(body)
    };
    let envelope = match &body {
        Inbound::Held(bytes) => Some((
            bytes,
            Envelope::parse(bytes).map_err(|_| Reason::BadMessage)?,
        )),
        Inbound::Open(_) => None,
    };
    if let Some((bytes, envelope)) = &envelope {
        exchange.reply.rpc_id = envelope.id().map(|id| bytes.slice_ref(id.as_bytes()));
    }
    let message = envelope
        .as_ref()
        .map(|(bytes, envelope)| external::as_field(bytes).map(|field| (field, envelope)))
        .transpose()?;
    let url = foreign::called_url(context, exchange, path);
    let field = if call.own_token_elsewhere {
        X_AUTHORIZATION
    } else {
        header::AUTHORIZATION
    };
    let question = Question {
        credential: exchange
            .head
            .header(&field)
            .map(|shown| (field.clone(), shown)),
        url: HeaderValue::try_from(url).map_err(|_| Reason::BadTarget)?,
        method: exchange.head.method(),
        message,
        request_id: exchange.record.id,
    };
    let verdict = auth_server.judge(&context.pool, &question).await?;
    match verdict {
        Verdict::Allowed(named) => {
            let caller = call.caller.take().or(named);
            call.caller = Some(caller.ok_or_else(|| auth_server.named_nobody())?);
            call.verdict = Some(auth_server.standing(&question, gateway.clock.now()));
        }
        Verdict::Refused(reason, challenge) => {
            exchange.reply.challenge = challenge;
            return Err(reason);
        }
    }
    if let Some(line) = &mut exchange.record.line {
        line.caller.clone_from(&call.caller);
    }
    Ok(body)
}
