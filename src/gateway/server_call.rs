//! A request to a registered server: who, may they, what exactly, and on its way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, header};
use tokio::time::Instant;

use super::body::{RequestBody, ResponseBody};
use super::foreign;
use super::head::RequestHead;
use super::message;
use super::pipeline::{self, Context, Exchange, Passing};
use super::prepare::{self, ServerRequest};
use super::reason::Reason;
use super::respond;
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

/// What an MCP endpoint takes.
pub const METHODS: &str = "GET, POST, DELETE, OPTIONS";

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
}

/// Carries one request to a server and its answer back.
pub async fn call(
    context: Context,
    mut exchange: Exchange,
    route: Arc<CompiledRoute>,
    below: &str,
    access: Option<Arc<Access>>,
    body: ClientBody,
) -> Response<ResponseBody> {
    let place = Place::of(below);
    match attempt(
        &context,
        &mut exchange,
        &route,
        place,
        access.as_deref(),
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
                &passing,
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
    access: Option<&Access>,
    body: ClientBody,
) -> Result<(upstream::Answer, Call), Reason> {
    let gateway = &context.gateway;
    let access = access.ok_or(Reason::NoPolicy)?;
    check_method(exchange, place)?;
    let mut call = authenticate(context, exchange, route, access).await?;
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
    let (target, path) = destination(route, place, exchange.head.query())?;
    let request = prepare(context, exchange, route, &call, target, path, body);
    let answer = upstream::send(&context.pool, &target.origin, request, limit).await?;
    Ok((answer, call))
}

fn check_method(exchange: &mut Exchange, place: Place<'_>) -> Result<(), Reason> {
    let allowed = match place {
        Place::Mcp => METHODS,
        Place::Sse => "GET, OPTIONS",
        Place::Below(_) => return Ok(()),
    };
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
    exchange.reply.rpc_id = envelope.id().map(str::to_owned);
    cross_check(&exchange.head, &envelope)?;
    for message in envelope.messages() {
        if !may(access, route, call.caller.as_deref(), action(message)) {
            return Err(Reason::Forbidden);
        }
    }
    if let Some(message) = envelope.messages().first() {
        call.endless = message.method == "subscriptions/listen";
        call.tool = tool_of(message);
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
        Place::Sse => (&route.sse, route.sse.with_query(query)),
        Place::Below(below) => (&route.base, route.below(below, query)),
    };
    path.map(|path| (target, path)).ok_or(Reason::BadTarget)
}

/// Phase seven: the request as the server gets it.
fn prepare(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    call: &Call,
    target: &Target,
    path: PathAndQuery,
    body: RequestBody,
) -> Request<RequestBody> {
    let forwarded = pipeline::forwarded(context, exchange);
    let head = std::mem::replace(&mut exchange.head, RequestHead::empty());
    let websocket = exchange.websocket;
    let (method, mut headers) = prepare::for_server(
        head,
        ServerRequest {
            route,
            host: &target.host,
            caller: call.caller.as_deref(),
            tool: call.tool.as_deref(),
            keep_authorization: route.route.forward_authorization && call.own_token_elsewhere,
            request_id: exchange.record.id.header(),
            forwarded,
            websocket,
        },
    );
    if !matches!(body, RequestBody::Stream(..)) {
        // Held bodies have their length from their bytes; empty ones need none.
        headers.remove(header::CONTENT_LENGTH);
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers;
    request
}
