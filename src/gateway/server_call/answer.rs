//! What a caller gets to see of a server's answer.

use std::sync::Arc;

use http::StatusCode;
use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::super::fields::Name;
use super::super::filter::{self, View};
use super::super::legacy;
use super::super::reason::Reason;
use super::super::respond;
use super::super::session::Seals;
use super::super::shared::Gateway;
use super::super::table::{CompiledRoute, Place};
use super::super::upstream;
use super::{Call, call_limit};

/// The answer as somebody with part of the rights may see it.
pub(super) async fn looked_through(
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

/// Whether a GET opens a legacy stream: at its own endpoint, or where a server has no other.
pub(super) fn opens_legacy(route: &CompiledRoute, place: Place) -> bool {
    let endpoints = &route.route.endpoints;
    place == Place::Sse || (place == Place::Mcp && endpoints.mcp == endpoints.sse)
}

/// Set where the answer is a legacy stream: its message URL becomes ours.
pub(super) fn rewrite(
    gateway: &Gateway,
    answer: &upstream::Answer,
    route: &Arc<CompiledRoute>,
    seals: &Arc<Seals>,
    call: &Call,
    asked: &PathAndQuery,
) -> Result<Option<Box<legacy::Rewrite>>, Reason> {
    if answer.status != StatusCode::OK || !respond::is_event_stream(&answer.fields) {
        return Ok(None);
    }
    if answer.fields.has(Name::ContentEncoding) {
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
