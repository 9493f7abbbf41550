//! Phases seven and eight: the request as the server gets it, on its way.

use http::uri::PathAndQuery;
use http::{HeaderMap, Request};

use super::super::body::RequestBody;
use super::super::pipeline::{self, Context, Exchange};
use super::super::prepare::ServerRequest;
use super::super::reason::Reason;
use super::super::table::{CompiledRoute, Place, Target};
use super::super::upstream;
use super::Call;

/// Where a request goes.
pub(super) fn destination<'r>(
    route: &'r CompiledRoute,
    place: Place,
    exchange: &Exchange,
) -> Result<(&'r Target, PathAndQuery), Reason> {
    let query = exchange.head.query();
    let (target, path) = match place {
        Place::Mcp => (&route.mcp, route.mcp.with_query(query)),
        // Its own target was found with its session.
        Place::Message => return Err(Reason::SessionNotFound),
        Place::Sse => (&route.sse, route.sse.with_query(query)),
        Place::Below => {
            let own = route.path().as_str().len();
            let below = exchange.path().get(own..).unwrap_or_default();
            (&route.base, route.below(below, query))
        }
    };
    path.map(|path| (target, path)).ok_or(Reason::BadTarget)
}

/// Writes the request and sends it.
pub(super) async fn send(
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
    let mut headers = HeaderMap::with_capacity(head.fields().len() + OUR_FIELDS);
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
