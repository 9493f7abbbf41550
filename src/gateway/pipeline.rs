//! One request, phase by phase. Read this file first.
//!
//! admit → canonical target → route → authenticate → read the MCP envelope → authorise → prepare
//! the upstream request → send → filter the response → account. What is authorised is byte for byte
//! what is forwarded.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Method, Response, StatusCode, Version, header};
use http_body::Body as _;

use super::account::{AccessLine, Record};
use super::admit::Admitted;
use super::audit::Recorder;
use super::body::{ClientBody, Relay, RequestBody, ResponseBody, SilenceTimer};
use super::control;
use super::filter;
use super::foreign;
use super::head::RequestHead;
use super::http1::OnUpgrade;
use super::legacy;
use super::prepare::{self, Forwarded};
use super::reason::Reason;
use super::reply::{self, ReplyContext};
use super::respond;
use super::server_call::{self, Found};
use super::shared::Gateway;
use super::streams::Stream;
use super::table::Place;
use super::target;
use super::tunnel;
use super::upstream::{Answer, AnswerBody, Pool};
use crate::http::connection::Connection;

/// Everything a phase may reach: the gateway, this worker's connections, the client's connection.
#[derive(Clone, Debug)]
pub struct Context {
    /// Shared by all workers.
    pub gateway: Arc<Gateway>,
    /// This worker's connections to upstreams.
    pub pool: Arc<Pool>,
    /// The client's connection.
    pub connection: Arc<Connection>,
    /// Where this worker leaves records for the audit log; `None` when it is off.
    pub recorder: Option<Arc<Recorder>>,
}

/// One request on its way through the phases.
#[derive(Debug)]
pub struct Exchange {
    /// What later phases decide on.
    pub head: RequestHead,
    /// What admission found out.
    pub admitted: Admitted,
    /// The canonical path.
    pub path: String,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
    /// Set when it does.
    pub upgrade: Option<OnUpgrade>,
    /// Written at the end.
    pub record: Box<Record>,
    /// How a refusal looks.
    pub reply: ReplyContext,
}

/// Answers one request.
pub async fn handle(
    context: Context,
    head: RequestHead,
    body: ClientBody,
) -> Response<ResponseBody> {
    match begin(&context, head, body) {
        Next::Answered(response) => response,
        // Boxed: rare beside the calls, and large.
        Next::ControlPlane(exchange, body) => {
            Box::pin(control::forward(context, exchange, body)).await
        }
        Next::Call(exchange, found, body) => {
            server_call::call(context, exchange, found, body).await
        }
    }
}

/// What the phases that wait for nothing come to.
enum Next {
    Answered(Response<ResponseBody>),
    ControlPlane(Box<Exchange>, ClientBody),
    Call(Box<Exchange>, Found, ClientBody),
}

/// Phases one to three.
fn begin(context: &Context, head: RequestHead, mut body: ClientBody) -> Next {
    let gateway = &context.gateway;
    let upgrade = body.take_upgrade();
    let mut record = Box::new(Record {
        id: gateway.ids.next(),
        started: Instant::now(),
        usage: Arc::clone(&gateway.usage),
        route: None,
        status: StatusCode::OK,
        bytes_out: 0,
        complete: false,
        broken: false,
        reason: None,
        busy: context.connection.begin_request(),
        line: None,
    });
    if gateway.access_log || context.recorder.is_some() {
        record.line = Some(Box::new(AccessLine {
            client: context.connection.peer(),
            method: head.method().clone(),
            path: head.raw_path().to_owned(),
            caller: None,
            asked: None,
            more: Vec::new(),
            message: None,
            is_logged: gateway.access_log,
            recorder: context.recorder.clone(),
        }));
    }
    let mut reply = ReplyContext::default();
    match admit(context, &head, &mut reply) {
        Ok((admitted, path, websocket)) => {
            let exchange = Box::new(Exchange {
                head,
                admitted,
                path,
                websocket,
                upgrade,
                record,
                reply,
            });
            route(context, exchange, body)
        }
        Err(reason) => {
            reply.rpc = speaks_rpc(&head);
            let mut refused = refuse(reason, &reply, record);
            if matches!(reason, Reason::BadRequest | Reason::BadHeader) && !head.is_h2() {
                // Where the next request begins may be read in two ways too.
                let close = HeaderValue::from_static("close");
                refused.headers_mut().insert(header::CONNECTION, close);
            }
            Next::Answered(refused)
        }
    }
}

/// Where no page can be, the caller speaks JSON-RPC.
fn speaks_rpc(head: &RequestHead) -> bool {
    !control::is_reserved(head.raw_path())
}

/// Phases one and two: admit, canonical target.
fn admit(
    context: &Context,
    head: &RequestHead,
    reply: &mut ReplyContext,
) -> Result<(Admitted, String, bool), Reason> {
    let connection = &context.connection;
    let admitted =
        context
            .gateway
            .rules
            .check(head, connection.sni(), connection.admitted_host())?;
    connection.admit_host(&admitted.host);
    reply.origin.clone_from(&admitted.origin);
    prepare::via(head).ok_or(Reason::Loop)?;
    let slash_escapes = control::takes_escaped_slashes(head.raw_path());
    let path = target::canonical_path(head.raw_path(), slash_escapes)
        .map_err(|_| Reason::BadTarget)?
        .into_owned();
    let websocket = tunnel::wanted(head)?;
    Ok((admitted, path, websocket))
}

/// Phase three: whose request is it?
fn route(context: &Context, mut exchange: Box<Exchange>, body: ClientBody) -> Next {
    if foreign::is_metadata(&exchange.path) {
        return Next::Answered(match foreign::metadata(context, &exchange) {
            Ok(page) => own_page(page, exchange.record),
            Err(reason) => refuse(reason, &exchange.reply, exchange.record),
        });
    }
    if control::is_control_plane(&exchange.path) {
        return Next::ControlPlane(exchange, body);
    }
    if control::is_health(&exchange.path) {
        let page = control::health(&exchange.path, &context.gateway);
        return Next::Answered(own_page(page, exchange.record));
    }
    exchange.reply.rpc = speaks_rpc(&exchange.head);
    let refused = |reason, exchange: Box<Exchange>| {
        Next::Answered(refuse(reason, &exchange.reply, exchange.record))
    };
    // The snapshot is let go before anything streams.
    let Some(table) = context.gateway.table() else {
        return refused(Reason::Initializing, exchange);
    };
    let Some((route, below)) = table.find(&exchange.path) else {
        return refused(Reason::NotFound, exchange);
    };
    let place = Place::of(below, exchange.head.query());
    if matches!(place, Place::Below(_)) && !route.route.passthrough {
        return refused(Reason::NotFound, exchange);
    }
    if !matches!(place, Place::Below(_)) && exchange.head.method() == Method::OPTIONS {
        let methods = server_call::methods(place);
        return Next::Answered(options(*exchange, methods));
    }
    let found = Found {
        route: Arc::clone(route),
        deciding: table.access().cloned().zip(table.seals().cloned()),
    };
    exchange.record.route = Some(Arc::clone(route));
    Next::Call(exchange, found, body)
}

/// Browsers ask before they call.
fn options(exchange: Exchange, methods: &'static str) -> Response<ResponseBody> {
    let asked = exchange.head.header(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let mut response = Response::new(ResponseBody::Empty);
    if let Some(origin) = &exchange.admitted.origin {
        let (status, headers) = respond::preflight(asked, origin);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
    } else {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    own_page(response, exchange.record)
}

/// An answer of our own that is not a refusal.
pub fn own_page(
    mut response: Response<ResponseBody>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    record.status = response.status();
    match response.body_mut() {
        ResponseBody::Full(_, slot) => *slot = Some(record),
        ResponseBody::Empty => record.complete = true,
        ResponseBody::Relay(_) => {}
    }
    response
}

/// A refusal, counted.
pub fn refuse(
    reason: Reason,
    reply: &ReplyContext,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let response = reply::refuse(reason, reply, record.id);
    record.reason = Some(reason);
    own_page(response, record)
}

/// How an answer is passed on.
#[derive(Debug)]
pub struct Passing {
    /// Whose answer it is.
    pub from: respond::From,
    /// Silence allowed inside a body that is not an event stream.
    pub body_idle: std::time::Duration,
    /// Silence allowed inside an event stream.
    pub stream_idle: std::time::Duration,
    /// A body that is not an event stream is through by then.
    pub deadline: Option<tokio::time::Instant>,
    /// Set for legacy streams: their message URL becomes ours.
    pub rewrite: Option<Box<legacy::Rewrite>>,
    /// Set for streams to callers who may not see every tool.
    pub events: Option<Box<filter::Events>>,
}

/// Phases nine and ten: filter the answer and hand it over; it is accounted when it is through.
pub fn pass_on(
    answer: Answer,
    mut exchange: Box<Exchange>,
    passing: Passing,
    stream: Stream,
    context: &Context,
) -> Response<ResponseBody> {
    let Answer { mut response } = answer;
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if switching {
        let client = exchange.upgrade.take().filter(|_| exchange.websocket);
        let Some(client) = client.filter(|_| tunnel::accepted(response.headers())) else {
            return refuse(Reason::UpstreamProtocol, &exchange.reply, exchange.record);
        };
        let server = hyper::upgrade::on(&mut response);
        exchange.record.status = StatusCode::SWITCHING_PROTOCOLS;
        let patience = tunnel::Patience {
            idle: passing.stream_idle,
            write_stall: context.gateway.timeouts.write_stall.get(),
        };
        tunnel::open(
            &context.gateway.tunnels,
            client,
            server,
            Some(context.gateway.open_stream(&stream)),
            exchange.record,
            patience,
        );
        return switched(response, passing.from);
    }
    let (mut parts, incoming) = response.into_parts();
    let is_stream = respond::is_event_stream(&parts.headers);
    respond::filter(&mut parts.headers, passing.from);
    if passing.from == respond::From::Server
        && let Some(origin) = &exchange.admitted.origin
    {
        respond::allow_origin(&mut parts.headers, origin);
    }
    if passing.rewrite.is_some() {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    exchange.record.status = parts.status;
    let body = if incoming.is_end_stream() {
        exchange.record.complete = true;
        ResponseBody::Empty
    } else {
        let (timer, guard, unlisted) = if is_stream {
            let guard = context.gateway.open_stream(&stream);
            (SilenceTimer::new(passing.stream_idle), Some(guard), None)
        } else {
            let timer = SilenceTimer::new(passing.body_idle).until(passing.deadline);
            (timer, None, Some((Arc::clone(&context.gateway), stream)))
        };
        ResponseBody::Relay(Box::new(Relay {
            incoming,
            is_h2: parts.version == Version::HTTP_2,
            timer,
            is_stream,
            guard,
            unlisted,
            rewrite: passing.rewrite,
            events: passing.events,
            record: Some(exchange.record),
            broken: None,
        }))
    };
    let mut passed = Response::new(body);
    *passed.status_mut() = parts.status;
    *passed.headers_mut() = parts.headers;
    passed
}

fn switched(response: Response<AnswerBody>, from: respond::From) -> Response<ResponseBody> {
    let (mut parts, _) = response.into_parts();
    respond::filter(&mut parts.headers, from);
    parts
        .headers
        .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    parts
        .headers
        .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let mut passed = Response::new(ResponseBody::Empty);
    *passed.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *passed.headers_mut() = parts.headers;
    passed
}

/// A body that is passed on as it comes.
pub fn stream_body(body: ClientBody, context: &Context) -> RequestBody {
    if body.is_end_stream() {
        RequestBody::Empty
    } else {
        RequestBody::Stream(
            body,
            SilenceTimer::new(context.gateway.timeouts.body_idle.get()),
        )
    }
}

/// What is known of where the request comes from.
pub fn forwarded(context: &Context, exchange: &Exchange) -> Forwarded {
    let trusted = context.gateway.trusts(context.connection.peer());
    Forwarded::new(
        &exchange.head,
        &context.connection,
        &exchange.admitted.host,
        trusted,
    )
}
