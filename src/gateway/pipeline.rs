//! One request, phase by phase. Read this file first.
//!
//! admit → canonical target → route → authenticate → read the MCP envelope → authorise → prepare
//! the upstream request → send → filter the response → account. What is authorised is byte for byte
//! what is forwarded.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode};
use http_body::Body as _;

use super::account::{AccessLine, Record};
use super::admit::Admitted;
use super::audit::Recorder;
use super::body::{ClientBody, Relay, RequestBody, ResponseBody, SilenceTimer};
use super::control;
use super::fields::{FieldList, Name};
use super::filter;
use super::foreign;
use super::head::{Reply, RequestHead};
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
use super::tunnel;
use super::upstream::{Answer, Pool};
use super::waits::Waits;
use crate::auth::identity::KEY_SET_PATH;
use crate::domain::target;
use crate::http::connection::Connection;

/// Everything a phase may reach: the gateway, this worker's connections, the client's connection.
#[derive(Debug)]
pub struct Context {
    /// Shared by all workers.
    pub gateway: Arc<Gateway>,
    /// This worker's connections to upstreams.
    pub pool: Arc<Pool>,
    /// What waits on this worker.
    pub waits: Arc<Waits>,
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
    /// The canonical path, where it is not the one that came.
    pub canonical: Option<String>,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
    /// Set when it does.
    pub upgrade: Option<OnUpgrade>,
    /// Written at the end.
    pub record: Box<Record>,
    /// How a refusal looks.
    pub reply: ReplyContext,
}

impl Exchange {
    /// The canonical path.
    pub fn path(&self) -> &str {
        match &self.canonical {
            Some(path) => path,
            None => self.head.raw_path(),
        }
    }
}

/// Answers one request.
pub async fn handle(
    context: Arc<Context>,
    head: RequestHead,
    body: ClientBody,
) -> Reply<ResponseBody> {
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
    Answered(Reply<ResponseBody>),
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
        Ok((admitted, canonical, websocket)) => {
            let exchange = Box::new(Exchange {
                head,
                admitted,
                canonical,
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
                refused.fields.set("connection", b"close");
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
) -> Result<(Admitted, Option<String>, bool), Reason> {
    let connection = &context.connection;
    let admitted =
        context
            .gateway
            .rules
            .check(head, connection.sni(), connection.admitted_host())?;
    connection.admit_host(&admitted.host);
    reply.origin.clone_from(&admitted.origin);
    prepare::via(head).ok_or(Reason::Loop)?;
    let websocket = tunnel::wanted(head)?;
    Ok((admitted, canonical(head)?, websocket))
}

/// The canonical path, where it is another than the one that came.
fn canonical(head: &RequestHead) -> Result<Option<String>, Reason> {
    if head.is_plain() {
        return Ok(None);
    }
    let slash_escapes = control::takes_escaped_slashes(head.raw_path());
    match target::canonical_path(head.raw_path(), slash_escapes) {
        Ok(Cow::Borrowed(_)) => Ok(None),
        Ok(Cow::Owned(path)) => Ok(Some(path)),
        Err(_) => Err(Reason::BadTarget),
    }
}

/// Phase three: whose request is it? A server's path is never one of ours, so servers come first.
fn route(context: &Context, mut exchange: Box<Exchange>, body: ClientBody) -> Next {
    // The snapshot is let go before anything is waited for.
    let table = context.gateway.table_now();
    if let Some(table) = &*table
        && let Some((route, below)) = table.find(exchange.path())
    {
        let place = Place::of(below, exchange.head.query());
        let found = Found {
            route: Arc::clone(route),
            deciding: table.deciding().cloned(),
            place,
        };
        exchange.reply.rpc = true;
        return route_call(exchange, found, body);
    }
    let page = if foreign::is_metadata(exchange.path()) {
        foreign::metadata(context, &exchange)
    } else if exchange.path() == KEY_SET_PATH {
        foreign::key_set(context, &exchange)
    } else if control::is_control_plane(exchange.path()) {
        return Next::ControlPlane(exchange, body);
    } else if control::is_health(exchange.path()) {
        Ok(control::health(exchange.path(), &context.gateway))
    } else {
        exchange.reply.rpc = speaks_rpc(&exchange.head);
        Err(match &*table {
            Some(_) => Reason::NotFound,
            None => Reason::Initializing,
        })
    };
    Next::Answered(match page {
        Ok(page) => own_page(page, exchange.record),
        Err(reason) => refuse(reason, &exchange.reply, exchange.record),
    })
}

/// What of a server's paths is no call.
fn route_call(mut exchange: Box<Exchange>, found: Found, body: ClientBody) -> Next {
    let is_below = found.place == Place::Below;
    if is_below && !found.route.route.passthrough {
        let refused = refuse(Reason::NotFound, &exchange.reply, exchange.record);
        return Next::Answered(refused);
    }
    if !is_below && exchange.head.method() == Method::OPTIONS {
        let methods = server_call::methods(found.place);
        return Next::Answered(options(*exchange, methods));
    }
    exchange.record.route = Some(Arc::clone(&found.route));
    Next::Call(exchange, found, body)
}

/// Browsers ask before they call.
fn options(exchange: Exchange, methods: &'static str) -> Reply<ResponseBody> {
    let asked = exchange.head.field(Name::RequestHeaders);
    let mut reply = Reply::new(StatusCode::NO_CONTENT, ResponseBody::Empty);
    if let Some(origin) = &exchange.admitted.origin {
        (reply.status, reply.fields) = respond::preflight(asked, origin.as_bytes());
    } else {
        reply.fields.set("allow", methods.as_bytes());
    }
    own_page(reply, exchange.record)
}

/// An answer of our own that is not a refusal.
pub fn own_page(mut reply: Reply<ResponseBody>, mut record: Box<Record>) -> Reply<ResponseBody> {
    record.status = reply.status;
    match &mut reply.body {
        ResponseBody::Full(_, slot) => *slot = Some(record),
        ResponseBody::Empty => record.complete = true,
        ResponseBody::Relay(_) => {}
    }
    reply
}

/// A refusal, counted.
pub fn refuse(
    reason: Reason,
    reply: &ReplyContext,
    mut record: Box<Record>,
) -> Reply<ResponseBody> {
    let refusal = reply::refuse(reason, reply, record.id);
    record.reason = Some(reason);
    own_page(refusal, record)
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
) -> Reply<ResponseBody> {
    let Answer {
        status,
        mut fields,
        mut body,
        is_h2,
        upgrade,
    } = answer;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let client = exchange.upgrade.take().filter(|_| exchange.websocket);
        let both = client.zip(upgrade).filter(|_| tunnel::accepted(&fields));
        let Some((client, server)) = both else {
            return refuse(Reason::UpstreamProtocol, &exchange.reply, exchange.record);
        };
        exchange.record.status = status;
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
        return switched(fields, passing.from);
    }
    let is_stream = respond::is_event_stream(&fields);
    respond::filter(&mut fields, passing.from);
    if passing.from == respond::From::Server
        && let Some(origin) = &exchange.admitted.origin
    {
        respond::allow_origin(&mut fields, origin.as_bytes());
    }
    if passing.rewrite.is_some() {
        fields.remove(Name::ContentLength);
    }
    exchange.record.status = status;
    let body = if body.is_end_stream() {
        exchange.record.complete = true;
        ResponseBody::Empty
    } else if !is_stream && let Some(bytes) = body.take_whole() {
        // Most answers of calls: nothing is waited for any more.
        ResponseBody::Full(Some(bytes), Some(exchange.record))
    } else {
        let (timer, guard, unlisted) = if is_stream {
            let guard = context.gateway.open_stream(&stream);
            (SilenceTimer::new(passing.stream_idle), Some(guard), None)
        } else {
            let timer = SilenceTimer::new(passing.body_idle).until(passing.deadline);
            (timer, None, Some((Arc::clone(&context.gateway), stream)))
        };
        ResponseBody::Relay(Box::new(Relay {
            incoming: body,
            is_h2,
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
    Reply {
        status,
        fields,
        body,
    }
}

fn switched(mut fields: FieldList, from: respond::From) -> Reply<ResponseBody> {
    respond::filter(&mut fields, from);
    fields.push(b"connection", b"upgrade");
    fields.push(b"upgrade", b"websocket");
    Reply {
        status: StatusCode::SWITCHING_PROTOCOLS,
        fields,
        body: ResponseBody::Empty,
    }
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
pub fn forwarded<'e>(context: &'e Context, exchange: &'e Exchange) -> Forwarded<'e> {
    let trusted = context.gateway.trusts(context.connection.peer());
    Forwarded::new(
        &exchange.head,
        &context.connection,
        &exchange.admitted.host,
        trusted,
    )
}
