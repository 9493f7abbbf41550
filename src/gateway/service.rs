//! What answers on one client connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;

use super::body::{ClientBody, ResponseBody};
use super::head::{Reply, RequestHead};
use super::http1::{self, Answering, HeadLimits, Http1};
use super::pipeline::{self, Context};
use super::reason::Reason;
use super::reply::{self, ReplyContext};
use super::shared::Gateway;
use crate::http::serve::{Answers, Driven, ServeLimits, Socket};
use crate::http::unwind::caught;

/// The service of one client connection: by hyper over HTTP/2, by [`Http1`] over HTTP/1.1.
#[derive(Debug)]
pub struct ClientService {
    context: Arc<Context>,
}

impl ClientService {
    /// Answers what comes on `context`'s connection.
    pub fn new(context: Context) -> Self {
        Self {
            context: Arc::new(context),
        }
    }

    fn answered(
        &self,
        head: RequestHead,
        body: ClientBody,
    ) -> impl Future<Output = Reply<ResponseBody>> + Send + use<> {
        let context = &self.context;
        let limit = context.gateway.limits.requests_per_connection;
        if limit != 0 && context.connection.requests() + 1 >= limit {
            context.connection.wind_down();
        }
        let context = Arc::clone(context);
        // Combinators: each `async` block around the answer would hold it twice.
        caught(pipeline::handle(Arc::clone(&context), head, body))
            .map(move |answer| answer.unwrap_or_else(|_| unwound(&context.gateway)))
    }
}

impl Service<Request<Incoming>> for ClientService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let head = RequestHead::from_parts(parts);
        let answered = self.answered(head, ClientBody::Hyper(body));
        Box::pin(answered.map(|reply| Ok(reply.into())))
    }
}

impl http1::Answer for ClientService {
    type Body = ResponseBody;

    fn answer(&self, head: RequestHead, body: http1::Body) -> Answering<ResponseBody> {
        Box::pin(self.answered(head, ClientBody::Http1(body)))
    }
}

impl Answers for ClientService {
    fn http1<IO: Socket>(self, io: IO, limits: &ServeLimits) -> impl Driven + Send {
        let limits = HeadLimits {
            fields: limits.header_fields,
            bytes: limits.head_bytes,
        };
        Http1::new(io, self, limits)
    }
}

impl<IO: Socket> Driven for Http1<IO, ClientService> {
    type Error = std::io::Error;

    fn wind_down(self: Pin<&mut Self>) {
        Self::wind_down(self.get_mut());
    }
}

/// A panic in a phase is this request's 500 and nobody else's trouble.
fn unwound(gateway: &Gateway) -> Reply<ResponseBody> {
    metrics::counter!("mcp_gateway_refused_total", "reason" => Reason::Internal.label())
        .increment(1);
    reply::refuse(
        Reason::Internal,
        &ReplyContext::default(),
        gateway.ids.next(),
    )
}
