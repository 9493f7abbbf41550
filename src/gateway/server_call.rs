//! A request to a registered server: who, may they, what exactly, and on its way.
//!
//! Start reading at [`call`]; its phases lie in `authenticate` and `read`.

mod authenticate;
mod challenge;
mod charge;
mod judge;
mod read;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tokio::time::{Instant, sleep, timeout};

use self::authenticate::authenticate;
use self::challenge::forbidden;
use self::charge::{charge, counted_as};
use self::judge::{Inbound, judged};
use self::read::read_message;
use super::body::{ClientBody, RequestBody, ResponseBody};
use super::external::Standing;
use super::filter::{self, View};
use super::identity::{self, Identity};
use super::legacy;
use super::limit;
use super::pipeline::{self, Context, Exchange, Passing};
use super::prepare::ServerRequest;
use super::reason::Reason;
use super::respond;
use super::session::{self, Holder, Seals};
use super::shared::Gateway;
use super::streams::Stream;
use super::table::{CompiledRoute, Place, Target};
use super::upstream;
use crate::catalog::snapshot::Access;
use crate::domain::ids::ClusterId;
use crate::domain::policy::Action;
use crate::domain::principal::{AuthMethod, Principal};

/// What an endpoint takes; nothing says so for what lies below a `passthrough` server.
pub const fn methods(place: Place<'_>) -> &'static str {
    match place {
        Place::Mcp | Place::Below(_) => "GET, POST, DELETE, OPTIONS",
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
    /// The held message.
    message: Option<Bytes>,
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

/// What routing found.
#[derive(Debug)]
pub struct Found {
    /// The server.
    pub route: Arc<CompiledRoute>,
    /// What decides, where something does.
    pub deciding: Option<(Arc<Access>, Arc<Seals>)>,
    /// Whose gateway we are.
    pub cluster: ClusterId,
}

/// Carries one request to a server and its answer back.
pub async fn call(
    context: Context,
    mut exchange: Box<Exchange>,
    found: Found,
    body: ClientBody,
) -> Response<ResponseBody> {
    let path = std::mem::take(&mut exchange.path);
    let below = path
        .get(found.route.path().as_str().len()..)
        .unwrap_or_default();
    let place = Place::of(below, exchange.head.query());
    match attempt(&context, &mut exchange, &found, place, &path, body).await {
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
            let deciding = found.deciding.as_ref();
            let access = deciding.map(|(access, _)| &**access);
            let reason = challenge::told(&context, &mut exchange, access, &found.route, reason);
            pipeline::refuse(reason, &exchange.reply, exchange.record)
        }
    }
}

async fn attempt(
    context: &Context,
    exchange: &mut Exchange,
    found: &Found,
    place: Place<'_>,
    path: &str,
    body: ClientBody,
) -> Result<(upstream::Answer, Call, Stream), Reason> {
    let gateway = &context.gateway;
    let route = &found.route;
    let (access, seals) = found.deciding.as_ref().ok_or(Reason::NoPolicy)?;
    check_method(exchange, place, route)?;
    let mut call = authenticate(context, exchange, route, access).await?;
    let body = if gateway.external.is_some() {
        // Boxed: rare, and large.
        Box::pin(judged(
            context, exchange, route, place, path, &mut call, body,
        ))
        .await?
    } else {
        Inbound::Open(body)
    };
    let mut stream = Stream {
        route: Some(Arc::clone(route)),
        caller: call.caller.clone(),
        access: Some(Arc::clone(access)),
        verdict: call.verdict.take(),
        opened_at: gateway.clock.now(),
        endless: false,
        place: None,
    };
    charge(context, exchange, route, call.caller.as_deref(), 1)?;
    let place = find_session(exchange, route, place, seals, &mut call)?;
    let full_right = may(access, route, call.caller.as_deref(), Action::Everything);
    let raw = exchange.websocket || matches!(place, Place::Below(_));
    let (body, limit) = if raw {
        if !full_right {
            let (caller, wanted) = (call.caller.as_deref(), [Action::Everything]);
            return Err(forbidden(exchange, access, route, caller, wanted));
        }
        call.endless = exchange.websocket;
        (
            body.unread(context),
            gateway.timeouts.upstream_first_byte.get(),
        )
    } else if *exchange.head.method() == Method::POST && !(route.route.passthrough && full_right) {
        let deadline = Instant::from_std(exchange.record.started) + call_limit(gateway, route);
        call.deadline = Some(deadline);
        let reading = read_message(gateway, exchange, route, access, &mut call, body, deadline);
        let more = watched(gateway, &stream, None, reading).await?;
        charge(context, exchange, route, call.caller.as_deref(), more)?;
        (
            RequestBody::Held(call.message.take()),
            deadline.saturating_duration_since(Instant::now()),
        )
    } else {
        let caller = call.caller.as_deref();
        if !may(access, route, caller, Action::Stream) {
            return Err(forbidden(exchange, access, route, caller, [Action::Stream]));
        }
        call.endless = *exchange.head.method() == Method::GET;
        (body.unread(context), call_limit(gateway, route))
    };
    call.identity = told(gateway, found, access, call.caller.as_ref());
    let (target, path) = match call.message_target.take() {
        Some(path) => (&route.sse, path),
        None => destination(route, place, exchange.head.query())?,
    };
    let is_stream = *exchange.head.method() == Method::GET && !raw;
    let asked = Some(path.clone()).filter(|_| is_stream && opens_legacy(route, place));
    let to = (target, path);
    let looks = !full_right && !access.is_left_to_verdict();
    let view = call.caller.as_ref().filter(|_| looks);
    let view =
        view.map(|caller| View::new(access, route, caller, gateway.limits.message_bytes.bytes()));
    stream.endless = call.endless;
    if call.endless {
        stream.place = place_for_stream(context, exchange, call.caller.as_deref())?;
    }
    let answering = send(context, exchange, route, &call, to, body);
    let mut answer = watched(gateway, &stream, Some(limit), answering).await?;
    if let Some(view) = view {
        let looking = looked_through(gateway, route, &call, view, answer);
        // Boxed: for callers with part of the rights only, and large.
        let looked = Box::pin(watched(gateway, &stream, None, looking)).await?;
        (answer, call.events) = looked;
    }
    if let Some(asked) = asked {
        call.rewrite = rewrite(gateway, &answer, route, seals, &call, &asked)?;
    }
    if !route.route.public {
        let holder = call.holder(route);
        session::hand_out(seals, answer.response.headers_mut(), holder)?;
    }
    Ok((answer, call, stream))
}

/// What the server is told of the caller.
fn told(
    gateway: &Gateway,
    found: &Found,
    access: &Arc<Access>,
    caller: Option<&Arc<Principal>>,
) -> Option<Arc<Identity>> {
    let question = identity::Question {
        cluster: &found.cluster,
        access,
        caller: caller?,
        route: &found.route,
    };
    Some(gateway.identities.of(question, gateway.clock.now()))
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

/// Waits for what becomes of a call, at most `limit` for a server's answer: one that takes longer
/// than a moment is given up when the right to it ends. One timer at a time: most calls need none
/// but the first.
async fn watched<T>(
    gateway: &Gateway,
    stream: &Stream,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, Reason>>,
) -> Result<T, Reason> {
    let mut work = pin!(work);
    let moment = limit.map_or(A_MOMENT, |limit| limit.min(A_MOMENT));
    if let Ok(done) = timeout(moment, &mut work).await {
        return done;
    }
    let rest = limit.map(|limit| limit.saturating_sub(moment));
    let mut guard = gateway.open_call(stream);
    tokio::select! {
        biased;
        () = guard.closed() => Err(gateway.lost(stream).unwrap_or(Reason::Stopping)),
        done = work => done,
        () = sleep(rest.unwrap_or_default()), if rest.is_some() => Err(Reason::UpstreamFirstByte),
    }
}

/// The answer as somebody with part of the rights may see it.
async fn looked_through(
    gateway: &Gateway,
    route: &CompiledRoute,
    call: &Call,
    view: View,
    answer: upstream::Answer,
) -> Result<(upstream::Answer, Option<Box<filter::Events>>), Reason> {
    let patience = filter::Patience {
        silence: gateway.timeouts.upstream_body_idle.get(),
        deadline: call
            .deadline
            .unwrap_or_else(|| Instant::now() + call_limit(gateway, route)),
    };
    filter::answer(view, answer, patience).await
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
fn find_session<'p>(
    exchange: &mut Exchange,
    route: &CompiledRoute,
    place: Place<'p>,
    seals: &Seals,
    call: &mut Call,
) -> Result<Place<'p>, Reason> {
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
        None if route.route.passthrough => Ok(Place::Below(legacy::MESSAGE)),
        None => Err(Reason::SessionNotFound),
    }
}

/// Whether a GET opens a legacy stream: at its own endpoint, or where a server has no other.
fn opens_legacy(route: &CompiledRoute, place: Place<'_>) -> bool {
    let endpoints = &route.route.endpoints;
    place == Place::Sse || (place == Place::Mcp && endpoints.mcp == endpoints.sse)
}

fn rewrite(
    gateway: &Gateway,
    answer: &upstream::Answer,
    route: &Arc<CompiledRoute>,
    seals: &Arc<Seals>,
    call: &Call,
    asked: &PathAndQuery,
) -> Result<Option<Box<legacy::Rewrite>>, Reason> {
    let headers = answer.response.headers();
    if answer.response.status() != StatusCode::OK || !respond::is_event_stream(headers) {
        return Ok(None);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        tracing::warn!(server = %route.path(), "legacy event stream refused: it is compressed, though only identity was asked for");
        return Err(Reason::UpstreamProtocol);
    }
    let search = legacy::Search::new(
        route,
        asked,
        Arc::clone(seals),
        call.caller.clone(),
        Arc::clone(&gateway.public_path),
    );
    let rewrite = legacy::Rewrite::new(Arc::clone(route), search);
    Ok(Some(Box::new(rewrite)))
}

fn check_method(
    exchange: &mut Exchange,
    place: Place<'_>,
    route: &CompiledRoute,
) -> Result<(), Reason> {
    let below = match place {
        Place::Below(_) => true,
        // It may have a page of that name itself.
        Place::Message => route.route.passthrough,
        Place::Mcp | Place::Sse => false,
    };
    if below {
        return Ok(());
    }
    let allowed = methods(place);
    if allowed
        .split(", ")
        .any(|method| method == exchange.head.method().as_str())
    {
        return Ok(());
    }
    exchange.reply.allow = Some(allowed);
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

fn destination<'r>(
    route: &'r CompiledRoute,
    place: Place<'_>,
    query: Option<&str>,
) -> Result<(&'r Target, PathAndQuery), Reason> {
    let (target, path) = match place {
        Place::Mcp => (&route.mcp, route.mcp.with_query(query)),
        // Its own target was found with its session.
        Place::Message => return Err(Reason::SessionNotFound),
        Place::Sse => (&route.sse, route.sse.with_query(query)),
        Place::Below(below) => (&route.base, route.below(below, query)),
    };
    path.map(|path| (target, path)).ok_or(Reason::BadTarget)
}

/// Phases seven and eight: the request as the server gets it, on its way.
async fn send(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    call: &Call,
    to: (&Target, PathAndQuery),
    body: RequestBody,
) -> Result<upstream::Answer, Reason> {
    let (target, path) = to;
    let request = ServerRequest {
        route,
        host: &target.host,
        identity: call.identity.as_deref(),
        tool: call.tool.as_deref(),
        keep_authorization: route.route.forward_authorization && call.own_token_elsewhere,
        request_id: exchange.record.id,
        forwarded: pipeline::forwarded(context, exchange),
        websocket: exchange.websocket,
        streams: matches!(body, RequestBody::Stream(..)),
    };
    let head = &exchange.head;
    if target.origin.is_plain() && !request.websocket && !request.streams {
        let outgoing = request.outgoing(head, &path, body.into_held());
        return upstream::send_direct(&context.pool, &target.origin, outgoing).await;
    }
    let mut headers = HeaderMap::with_capacity(head.headers().len() + OUR_FIELDS);
    request.write(head, &mut headers);
    let mut request = Request::new(body);
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers;
    // Boxed: less common, and large.
    Box::pin(upstream::send(&context.pool, &target.origin, request)).await
}

/// Fields that a request to a server gets from us, about.
const OUR_FIELDS: usize = 16;
/// Calls that are over by then are not listed, so that they cost no lock. Revocation may take a second.
const A_MOMENT: Duration = Duration::from_millis(250);
