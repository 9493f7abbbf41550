//! A request to a registered server: who, may they, what exactly, and on its way.
//!
//! Start reading at [`call`]; its phases lie in `authenticate`, `judge` (an external auth server), `read`,
//! `send` and `answer`.

mod answer;
mod authenticate;
mod challenge;
mod charge;
mod judge;
mod read;
mod send;
mod wait;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::uri::PathAndQuery;
use tokio::time::Instant;

use self::answer::{looked_through, opens_legacy, rewrite};
use self::authenticate::authenticate;
use self::challenge::forbidden;
use self::charge::{charge, counted_as};
use self::send::{destination, send};
use self::wait::{Limit, watched};
use super::body::{ClientBody, RequestBody, ResponseBody};
use super::external::Standing;
use super::filter::{self, View};
use super::head::{Reply, RequestHead};
use super::identity::{self, Identity};
use super::legacy;
use super::limit;
use super::message;
use super::pipeline::{self, Context, Exchange, Passing};
use super::reason::Reason;
use super::respond;
use super::session::{self, Holder, Seals};
use super::shared::Gateway;
use super::streams::Stream;
use super::table::{CompiledRoute, Deciding, Place};
use super::upstream;
use crate::catalog::snapshot::Access;
use crate::domain::policy::Action;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::Timestamp;

/// What an endpoint takes; nothing says so for what lies below a `passthrough` server.
pub const fn methods(place: Place) -> &'static str {
    match place {
        Place::Mcp | Place::Below => "GET, POST, DELETE, OPTIONS",
        Place::Sse => "GET, OPTIONS",
        Place::Message => "POST, OPTIONS",
    }
}

/// What authorisation found out about a call.
#[derive(Debug, Default)]
struct Call {
    caller: Option<Arc<Principal>>,
    /// The auth server's verdict on it, where one was asked.
    verdict: Option<Arc<Standing>>,
    /// What the server is told of the caller.
    identity: Option<Arc<Identity>>,
    /// The token came in `X-Authorization`, so that `Authorization` is the upstream's.
    own_token_elsewhere: bool,
    /// `X-Tool-Name`.
    tool: Option<String>,
    /// The answer is a stream without end of its own.
    endless: bool,
    /// An answer that is not a stream is through by then.
    deadline: Option<Instant>,
    /// Where a legacy stream's messages go.
    message_target: Option<PathAndQuery>,
    /// The answer is a legacy stream.
    rewrite: Option<Box<legacy::Rewrite>>,
    /// The answer is a stream to a caller who may not see every tool.
    events: Option<Box<filter::Events>>,
}

/// A client's body: as it comes, or held already because it had to be judged.
enum Inbound {
    Open(ClientBody),
    Held(Bytes),
}

impl Inbound {
    /// What is held.
    const fn held(&self) -> Option<&Bytes> {
        match self {
            Self::Open(_) => None,
            Self::Held(bytes) => Some(bytes),
        }
    }

    /// The whole body, where it is there already; else what it is to be read from.
    fn there(self) -> Result<Bytes, ClientBody> {
        match self {
            Self::Open(mut body) => body.take_whole().ok_or(body),
            Self::Held(bytes) => Ok(bytes),
        }
    }

    /// The body as it is sent on unread.
    fn unread(self, context: &Context) -> RequestBody {
        match self {
            Self::Open(body) => pipeline::stream_body(body, context),
            Self::Held(bytes) => RequestBody::Held(Some(bytes)),
        }
    }
}

/// What routing found.
#[derive(Debug)]
pub struct Found {
    /// The server.
    pub route: Arc<CompiledRoute>,
    /// What decides, where something does.
    pub deciding: Option<Arc<Deciding>>,
    /// Which part of the server.
    pub place: Place,
}

/// Carries one request to a server and its answer back.
pub async fn call(
    context: Arc<Context>,
    mut exchange: Box<Exchange>,
    found: Found,
    body: ClientBody,
) -> Reply<ResponseBody> {
    match attempt(&context, &mut exchange, &found, body).await {
        Ok((answer, call, stream)) => {
            let timeouts = &context.gateway.timeouts;
            let passing = Passing {
                from: respond::From::Server,
                body_idle: timeouts.upstream_body_idle.get(),
                stream_idle: timeouts.upstream_stream_idle.get(),
                deadline: call.deadline,
                rewrite: call.rewrite,
                events: call.events,
            };
            pipeline::pass_on(answer, exchange, passing, stream, &context)
        }
        Err(reason) => {
            let access = found.deciding.as_ref().map(|deciding| &*deciding.access);
            let reason = challenge::told(&context, &mut exchange, access, &found.route, reason);
            pipeline::refuse(reason, &exchange.reply, exchange.record)
        }
    }
}

/// A call that its caller may make.
struct Allowed {
    call: Call,
    stream: Stream,
    place: Place,
    /// The message, or what is sent on unread.
    body: RequestBody,
    /// How long the answer's head may take.
    limit: Limit,
    /// The caller may do everything at the server, and so see everything.
    everything: bool,
    /// Nobody reads what is sent.
    unread: bool,
}

/// Phases four to six: who is calling, what they ask for, and whether they may.
async fn authorise(
    context: &Context,
    exchange: &mut Exchange,
    found: &Found,
    deciding: &Deciding,
    body: ClientBody,
) -> Result<Allowed, Reason> {
    let gateway = &context.gateway;
    let route = &found.route;
    let (access, seals) = (&deciding.access, &deciding.seals);
    check_method(exchange, found.place, route)?;
    let mut call = authenticate(context, exchange, route, access).await?;
    let asks = judge::asks(context, route);
    let body = if asks {
        // Boxed, here and below: rare, and large.
        Box::pin(judge::hold(context, exchange, found, body)).await?
    } else {
        Inbound::Open(body)
    };
    let early = body.held().cloned();
    let message = match &early {
        Some(bytes) => Some((bytes, read::parse(exchange, bytes)?)),
        None => None,
    };
    if asks {
        let message = message.as_ref();
        let message = message.map(|(bytes, envelope)| (*bytes, envelope));
        Box::pin(judge::judged(context, exchange, &mut call, message)).await?;
    }
    let stream = Stream {
        route: Some(Arc::clone(route)),
        caller: call.caller.clone(),
        access: Some(Arc::clone(access)),
        verdict: call.verdict.take(),
        opened_at: gateway.clock.now(),
        endless: false,
        place: None,
    };
    charge(context, exchange, route, call.caller.as_deref(), 1)?;
    let place = find_session(exchange, route, found.place, seals, &mut call)?;
    let everything = may(access, route, call.caller.as_deref(), Action::Everything);
    let unread = exchange.websocket || place == Place::Below;
    let is_post = *exchange.head.method() == Method::POST;
    let (body, limit) = if unread {
        if !everything {
            let (caller, wanted) = (call.caller.as_deref(), [Action::Everything]);
            return Err(forbidden(exchange, access, route, caller, wanted));
        }
        call.endless = exchange.websocket;
        let limit = Limit::from_now(gateway.timeouts.upstream_first_byte.get());
        (body.unread(context), limit)
    } else if is_post && !(route.route.passthrough && everything) {
        let limit = Limit {
            whole: call_limit(gateway, route),
            since: Instant::from_std(exchange.record.started),
        };
        call.deadline = Some(limit.end());
        let held = held(context, &exchange.head, &stream, body, limit).await?;
        let more = match &message {
            Some((_, envelope)) => read::check(exchange, route, access, &mut call, envelope)?,
            None => {
                let envelope = read::parse(exchange, &held)?;
                read::check(exchange, route, access, &mut call, &envelope)?
            }
        };
        charge(context, exchange, route, call.caller.as_deref(), more)?;
        (RequestBody::Held(Some(held)), limit)
    } else {
        let caller = call.caller.as_deref();
        if !may(access, route, caller, Action::Stream) {
            return Err(forbidden(exchange, access, route, caller, [Action::Stream]));
        }
        call.endless = *exchange.head.method() == Method::GET;
        let limit = Limit::from_now(call_limit(gateway, route));
        (body.unread(context), limit)
    };
    Ok(Allowed {
        call,
        stream,
        place,
        body,
        limit,
        everything,
        unread,
    })
}

async fn attempt(
    context: &Context,
    exchange: &mut Exchange,
    found: &Found,
    body: ClientBody,
) -> Result<(upstream::Answer, Call, Stream), Reason> {
    let gateway = &context.gateway;
    let route = &found.route;
    let deciding = found.deciding.as_ref().ok_or(Reason::NoPolicy)?;
    let (access, seals) = (&deciding.access, &deciding.seals);
    let Allowed {
        mut call,
        mut stream,
        place,
        body,
        limit,
        everything,
        unread,
    } = authorise(context, exchange, found, deciding, body).await?;
    call.identity = told(
        gateway,
        deciding,
        route,
        call.caller.as_ref(),
        stream.opened_at,
    );
    let (target, path) = match call.message_target.take() {
        Some(path) => (&route.sse, path),
        None => destination(route, place, exchange)?,
    };
    let is_stream = *exchange.head.method() == Method::GET && !unread;
    let asked = Some(path.clone()).filter(|_| is_stream && opens_legacy(route, place));
    let to = (target, path);
    let looks = !everything && !access.is_left_to_verdict();
    let view = call.caller.as_ref().filter(|_| looks);
    let view =
        view.map(|caller| View::new(access, route, caller, gateway.limits.message_bytes.bytes()));
    stream.endless = call.endless;
    if call.endless {
        stream.place = place_for_stream(context, exchange, call.caller.as_deref())?;
    }
    let mut answer = {
        let answering = pin!(send(context, exchange, route, &call, to, body));
        watched(context, &stream, Some(limit), answering).await?
    };
    if let Some(view) = view {
        // Boxed: for callers with part of the rights only, and large.
        let looking = Box::pin(looked_through(gateway, route, &call, view, answer));
        (answer, call.events) = watched(context, &stream, None, looking).await?;
    }
    if let Some(asked) = asked {
        call.rewrite = rewrite(gateway, &answer, route, seals, &call, &asked)?;
    }
    if !route.route.public {
        let holder = call.holder(route);
        session::hand_out(seals, &mut answer.fields, holder)?;
    }
    Ok((answer, call, stream))
}

/// The message of a call, held until it is whole.
async fn held(
    context: &Context,
    head: &RequestHead,
    stream: &Stream,
    body: Inbound,
    limit: Limit,
) -> Result<Bytes, Reason> {
    message::check_media(head)?;
    let most = context.gateway.limits.message_bytes.bytes();
    let body = match body.there() {
        Ok(bytes) if bytes.len() > most => return Err(Reason::BodyTooLarge),
        Ok(bytes) => return Ok(bytes),
        Err(body) => body,
    };
    let silence = context.gateway.timeouts.body_idle.get();
    let holding = message::hold(body, most, silence, limit.end());
    // Boxed: most messages come with their heads.
    let holding = Box::pin(async { Ok(holding.await?) });
    watched(context, stream, None, holding).await
}

/// What the server is told of the caller.
fn told(
    gateway: &Gateway,
    deciding: &Deciding,
    route: &Arc<CompiledRoute>,
    caller: Option<&Arc<Principal>>,
    now: Timestamp,
) -> Option<Arc<Identity>> {
    let question = identity::Question {
        cluster: &deciding.cluster,
        access: &deciding.access,
        caller: caller?,
        route,
    };
    Some(gateway.identities.of(question, now))
}

/// A place among the caller's open streams, where their number is limited.
fn place_for_stream(
    context: &Context,
    exchange: &Exchange,
    caller: Option<&Principal>,
) -> Result<Option<Arc<limit::Place>>, Reason> {
    let Some(limit) = &context.gateway.stream_limit else {
        return Ok(None);
    };
    let place = limit.place(&counted_as(context, exchange, caller));
    place.map(Some).ok_or(Reason::TooManyStreams)
}

impl Call {
    fn holder<'c>(&'c self, route: &'c CompiledRoute) -> Holder<'c> {
        Holder {
            server: route.path(),
            caller: self.caller.as_deref(),
        }
    }
}

/// Whose session is it? What we handed out is turned into what the server made; where that is a
/// legacy stream's message URL, its target is found.
fn find_session(
    exchange: &mut Exchange,
    route: &CompiledRoute,
    place: Place,
    seals: &Seals,
    call: &mut Call,
) -> Result<Place, Reason> {
    if !route.route.public {
        // Legacy streams are never resumed, wherever they are opened.
        let at = if opens_legacy(route, place) {
            Place::Sse
        } else {
            place
        };
        session::take(seals, &mut exchange.head, call.holder(route), at)?;
    }
    if place != Place::Message {
        return Ok(place);
    }
    let query = exchange.head.query();
    call.message_target = legacy::message_target(query, seals, route, call.caller.as_deref())
        .filter(|_| *exchange.head.method() == Method::POST);
    match call.message_target {
        Some(_) => Ok(Place::Message),
        // It may have a page of that name itself.
        None if route.route.passthrough => Ok(Place::Below),
        None => Err(Reason::SessionNotFound),
    }
}

fn check_method(
    exchange: &mut Exchange,
    place: Place,
    route: &CompiledRoute,
) -> Result<(), Reason> {
    let below = match place {
        Place::Below => true,
        // It may have a page of that name itself.
        Place::Message => route.route.passthrough,
        Place::Mcp | Place::Sse => false,
    };
    if below {
        return Ok(());
    }
    let method = exchange.head.method();
    let taken = match place {
        Place::Mcp | Place::Below => {
            matches!(*method, Method::POST | Method::GET | Method::DELETE)
        }
        Place::Sse => *method == Method::GET,
        Place::Message => *method == Method::POST,
    };
    if taken || *method == Method::OPTIONS {
        return Ok(());
    }
    exchange.reply.allow = Some(methods(place));
    Err(Reason::MethodNotAllowed)
}

/// At a public server everybody may do everything.
fn may(
    access: &Access,
    route: &CompiledRoute,
    caller: Option<&Principal>,
    action: Action<'_>,
) -> bool {
    let may = |caller: &Principal| {
        let judged = access.is_left_to_verdict() && caller.method == AuthMethod::External;
        // A verdict on one message says nothing of what nobody reads.
        (judged && action != Action::Everything)
            || access.policy.allows(caller, route.path(), action)
    };
    route.route.public || caller.is_some_and(may)
}

fn call_limit(gateway: &Gateway, route: &CompiledRoute) -> Duration {
    route
        .timeout
        .unwrap_or_else(|| gateway.timeouts.call_total.get())
}
