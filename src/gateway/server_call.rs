//! A request to a registered server: who, may they, what exactly, and on its way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::time::Instant;

use super::body::{RequestBody, ResponseBody};
use super::foreign;
use super::head::RequestHead;
use super::legacy;
use super::message;
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
use crate::domain::policy::Action;
use crate::domain::principal::Principal;
use crate::http::leftover::ClientBody;
use crate::protocol::envelope::{Envelope, Kind, Message};
use crate::protocol::headers::{self, HeaderCheck, Single};

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
}

/// What routing found.
#[derive(Debug)]
pub struct Found {
    /// The server.
    pub route: Arc<CompiledRoute>,
    /// What decides, where something does.
    pub deciding: Option<(Arc<Access>, Arc<Seals>)>,
}

/// Carries one request to a server and its answer back.
pub async fn call(
    context: Context,
    mut exchange: Box<Exchange>,
    found: Found,
    body: ClientBody,
) -> Response<ResponseBody> {
    let Found { route, deciding } = found;
    let path = std::mem::take(&mut exchange.path);
    let below = path.get(route.path().as_str().len()..).unwrap_or_default();
    let place = Place::of(below, exchange.head.query());
    match attempt(
        &context,
        &mut exchange,
        &route,
        place,
        deciding.as_ref(),
        body,
    )
    .await
    {
        Ok((answer, call)) => {
            let timeouts = &context.gateway.timeouts;
            let passing = Passing {
                from: respond::From::Server,
                body_idle: timeouts.upstream_body_idle.get(),
                stream_idle: timeouts.upstream_stream_idle.get(),
                deadline: call.deadline,
                rewrite: call.rewrite,
            };
            let gateway = Arc::clone(&context.gateway);
            let opened_at = gateway.clock.now();
            let stream = Stream {
                route: Some(route),
                caller: call.caller,
                endless: call.endless,
                opened_at,
            };
            pipeline::pass_on(
                answer,
                exchange,
                passing,
                || Some(gateway.open_stream(&stream)),
                &context,
            )
        }
        Err(reason) => pipeline::refuse(reason, &exchange.reply, exchange.record),
    }
}

async fn attempt(
    context: &Context,
    exchange: &mut Exchange,
    route: &Arc<CompiledRoute>,
    place: Place<'_>,
    deciding: Option<&(Arc<Access>, Arc<Seals>)>,
    body: ClientBody,
) -> Result<(upstream::Answer, Call), Reason> {
    let gateway = &context.gateway;
    let (access, seals) = deciding.ok_or(Reason::NoPolicy)?;
    check_method(exchange, place, route)?;
    let mut call = authenticate(context, exchange, route, access).await?;
    let place = find_session(exchange, route, place, seals, &mut call)?;
    let full_right = may(access, route, call.caller.as_deref(), Action::Everything);
    let raw = exchange.websocket || matches!(place, Place::Below(_));
    let (body, limit) = if raw {
        full_right.then_some(()).ok_or(Reason::Forbidden)?;
        call.endless = exchange.websocket;
        (
            pipeline::stream_body(body, context),
            gateway.timeouts.upstream_first_byte.get(),
        )
    } else if *exchange.head.method() == Method::POST && !(route.route.passthrough && full_right) {
        let deadline = Instant::from_std(exchange.record.started) + call_limit(gateway, route);
        call.deadline = Some(deadline);
        read_message(gateway, exchange, route, access, &mut call, body, deadline).await?;
        (
            RequestBody::Held(call.message.take()),
            deadline.saturating_duration_since(Instant::now()),
        )
    } else {
        may(access, route, call.caller.as_deref(), Action::Stream)
            .then_some(())
            .ok_or(Reason::Forbidden)?;
        call.endless = *exchange.head.method() == Method::GET;
        (
            pipeline::stream_body(body, context),
            call_limit(gateway, route),
        )
    };
    let (target, path) = match call.message_target.take() {
        Some(path) => (&route.sse, path),
        None => destination(route, place, exchange.head.query())?,
    };
    let is_stream = *exchange.head.method() == Method::GET && !raw;
    let asked = Some(path.clone()).filter(|_| is_stream && opens_legacy(route, place));
    let to = (target, path);
    let mut answer = send(context, exchange, route, &call, to, body, limit).await?;
    if let Some(asked) = asked {
        call.rewrite = rewrite(gateway, &answer, route, seals, &call, &asked)?;
    }
    if !route.route.public {
        let holder = call.holder(route);
        session::hand_out(seals, answer.response.headers_mut(), holder)?;
    }
    Ok((answer, call))
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

/// Phase four: who is calling. Cookies are never a credential here.
async fn authenticate(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
) -> Result<Call, Reason> {
    if route.route.public {
        return Ok(Call::default());
    }
    let elsewhere = exchange.head.header("x-authorization").is_some();
    let field = if elsewhere {
        "x-authorization"
    } else {
        "authorization"
    };
    let shown = exchange.head.header_str(field);
    let token = shown.and_then(bearer);
    exchange.reply.token_shown = shown.is_some();
    let verified = match token {
        None => Err(Reason::Unauthenticated),
        Some(token) => match context.gateway.verifier.verify(&access.trust, token) {
            Ok(caller) => Ok(caller),
            // What takes longer, and what comes of providers only.
            Err(rejection) if !access.trust.issuers.is_empty() => {
                let question = foreign::Question {
                    token: token.to_owned(),
                    base: foreign::own_base(context, exchange),
                    path: route.path().as_str(),
                };
                Box::pin(foreign::verify(
                    &context.gateway,
                    access,
                    question,
                    rejection,
                ))
                .await
            }
            Err(rejection) => Err(foreign::reason(rejection)),
        },
    };
    if verified.is_err() && !access.trust.issuers.is_empty() {
        exchange.reply.resource_metadata = Some(foreign::metadata_url(context, exchange));
    }
    let caller = verified?;
    if let Some(line) = &mut exchange.record.line {
        line.caller = Some(Arc::clone(&caller));
    }
    Ok(Call {
        caller: Some(caller),
        own_token_elsewhere: elsewhere,
        ..Call::default()
    })
}

/// The token in `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Phases five and six: hold and parse the message, check each part of it.
async fn read_message(
    gateway: &Gateway,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
    call: &mut Call,
    body: ClientBody,
    deadline: Instant,
) -> Result<(), Reason> {
    message::check_media(&exchange.head)?;
    let bytes = message::hold(
        body,
        gateway.limits.message_bytes.bytes(),
        gateway.timeouts.body_idle.get(),
        deadline,
    )
    .await?;
    let envelope = Envelope::parse(&bytes).map_err(|error| {
        tracing::debug!(reason = error.reason(), "message refused");
        Reason::BadMessage
    })?;
    exchange.reply.rpc_id = envelope.id().map(|id| bytes.slice_ref(id.as_bytes()));
    cross_check(&exchange.head, &envelope)?;
    for message in envelope.messages() {
        if !may(access, route, call.caller.as_deref(), action(message)) {
            return Err(Reason::Forbidden);
        }
    }
    if let Some(message) = envelope.messages().first() {
        call.endless = message.method == "subscriptions/listen";
        if call.caller.is_some() {
            call.tool = tool_of(message);
        }
        if let Some(line) = &mut exchange.record.line {
            line.rpc_method = Some(message.method.to_string());
            line.rpc_target = message.target.as_ref().map(ToString::to_string);
        }
    }
    call.message = Some(bytes);
    Ok(())
}

fn cross_check(head: &RequestHead, envelope: &Envelope<'_>) -> Result<(), Reason> {
    let single = |name| Single::of(head.header_all(name).iter().map(HeaderValue::as_bytes));
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

fn action<'m>(message: &'m Message<'_>) -> Action<'m> {
    match (message.kind, &*message.method, &message.target) {
        (Kind::Response, _, _) => Action::Stream,
        // Without a name there is no tool that could be allowed: only a full right covers it.
        (_, "tools/call", None) => Action::Everything,
        (_, "tools/call", Some(tool)) => Action::Tool(tool),
        (_, method, _) => Action::Method(method),
    }
}

fn tool_of(message: &Message<'_>) -> Option<String> {
    match (&*message.method, &message.target) {
        ("", _) => None,
        ("tools/call", Some(tool)) => Some(tool.to_string()),
        (method, _) => Some(method.to_owned()),
    }
}

/// At a public server everybody may do everything.
fn may(
    access: &Access,
    route: &CompiledRoute,
    caller: Option<&Principal>,
    action: Action<'_>,
) -> bool {
    route.route.public
        || caller.is_some_and(|caller| access.policy.allows(caller, route.path(), action))
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
    limit: Duration,
) -> Result<upstream::Answer, Reason> {
    let (target, path) = to;
    let request = ServerRequest {
        route,
        host: &target.host,
        caller: call.caller.as_deref(),
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
        return upstream::send_direct(&context.pool, &target.origin, outgoing, limit).await;
    }
    let mut headers = HeaderMap::with_capacity(head.headers().len() + OUR_FIELDS);
    request.write(head, &mut headers);
    let mut request = Request::new(body);
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers;
    // Boxed: less common, and large.
    Box::pin(upstream::send(
        &context.pool,
        &target.origin,
        request,
        limit,
    ))
    .await
}

/// Fields that a request to a server gets from us, about.
const OUR_FIELDS: usize = 16;
