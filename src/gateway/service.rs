//! What answers on one client connection.

use std::convert::Infallible;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::{HttpService, service_fn};

use super::body::ResponseBody;
use super::pipeline::{self, Context};
use super::reason::Reason;
use super::reply::{self, ReplyContext};
use super::shared::Gateway;
use super::upstream::Pool;
use crate::http::connection::Connection;
use crate::http::unwind::caught;

/// The service of one client connection.
pub fn make(
    gateway: Arc<Gateway>,
    pool: Arc<Pool>,
    connection: Arc<Connection>,
) -> impl HttpService<Incoming, ResBody = ResponseBody, Error = Infallible, Future: Send> + Send {
    let context = Context {
        gateway,
        pool,
        connection,
    };
    service_fn(move |request: Request<Incoming>| {
        let limit = context.gateway.limits.requests_per_connection;
        if limit != 0 && context.connection.requests() + 1 >= limit {
            context.connection.wind_down();
        }
        let gateway = Arc::clone(&context.gateway);
        // Combinators: each `async` block around the answer would hold it twice, and hyper moves
        // what it is given.
        caught(pipeline::handle(context.clone(), request))
            .map(move |answer| Ok::<_, Infallible>(answer.unwrap_or_else(|_| unwound(&gateway))))
    })
}

/// A panic in a phase is this request's 500 and nobody else's trouble.
fn unwound(gateway: &Gateway) -> Response<ResponseBody> {
    metrics::counter!("mcp_gateway_refused_total", "reason" => Reason::Internal.label())
        .increment(1);
    reply::refuse(
        Reason::Internal,
        &ReplyContext::default(),
        gateway.ids.next(),
    )
}
