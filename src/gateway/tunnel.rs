//! WebSocket: bytes both ways after a validated 101.

use http::header::{self, HeaderMap};
use http::{HeaderValue, Method, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;

use super::account::Record;
use super::head::RequestHead;
use super::reason::Reason;
use super::streams::StreamGuard;

/// Whether the request asks for a WebSocket.
///
/// # Errors
/// Any other upgrade, or one with a body, which would make a second request of it.
pub fn wanted(head: &RequestHead) -> Result<bool, Reason> {
    let Some(protocol) = head.header(header::UPGRADE) else {
        return Ok(false);
    };
    if !names_token(head.headers(), "upgrade") {
        return Ok(false);
    }
    if !protocol.as_bytes().eq_ignore_ascii_case(b"websocket") {
        // RFC 9110 §7.8: an upgrade that is not taken up is ignored. h2c comes here too.
        return Ok(false);
    }
    let bodiless = head
        .header(header::CONTENT_LENGTH)
        .is_none_or(|length| length == "0")
        && head.header(header::TRANSFER_ENCODING).is_none();
    if head.method() != Method::GET || head.version() != Version::HTTP_11 || !bodiless {
        return Err(Reason::BadRequest);
    }
    Ok(true)
}

/// Whether a 101 is the one that was asked for.
pub fn accepted(headers: &HeaderMap) -> bool {
    let websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    headers.get(header::UPGRADE).is_some_and(websocket) && names_token(headers, "upgrade")
}

fn names_token(headers: &HeaderMap, token: &str) -> bool {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case(token))
}

/// Carries bytes both ways until one side ends, or the right to it does.
pub fn open(
    tunnels: &TaskTracker,
    client: OnUpgrade,
    server: OnUpgrade,
    mut guard: Option<StreamGuard>,
    mut record: Box<Record>,
) {
    tunnels.spawn(async move {
        let ends = tokio::try_join!(client, server);
        let Ok((client, server)) = ends else { return };
        let closed = async {
            match &mut guard {
                Some(guard) => guard.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            carried = carry(client, server) => {
                record.complete = carried.is_ok();
                record.bytes_out = carried.unwrap_or_default();
            }
            () = closed => record.complete = true,
        }
    });
}

async fn carry(client: Upgraded, server: Upgraded) -> std::io::Result<u64> {
    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER)
        .await
        .map(|(_, to_client)| to_client)
}

const BUFFER: usize = 16 * 1024;
