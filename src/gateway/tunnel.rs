//! WebSocket: bytes both ways after a validated 101.
//!
//! The handshake is looked at here, the bytes are moved by [`carry`](self).

mod carry;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::TryFutureExt as _;
use http::{Method, Version};
use hyper_util::rt::TokioIo;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::account::Record;
use super::fields::{FieldList, Name};
use super::head::RequestHead;
use super::http1::OnUpgrade;
use super::reason::Reason;
use super::streams::StreamGuard;
use crate::http::connection::Connection;

/// Whether the request asks for a WebSocket.
///
/// # Errors
/// Any other upgrade, or one with a body, which would make a second request of it.
pub fn wanted(head: &RequestHead) -> Result<bool, Reason> {
    let Some(protocol) = head.field(Name::Upgrade) else {
        return Ok(false);
    };
    if !names_upgrade(head.fields().all(Name::Connection)) {
        return Ok(false);
    }
    if !protocol.eq_ignore_ascii_case(b"websocket") {
        // RFC 9110 §7.8: an upgrade that is not taken up is ignored. h2c comes here too.
        return Ok(false);
    }
    let bodiless = head
        .field(Name::ContentLength)
        .is_none_or(|length| length == b"0")
        && !head.has(Name::TransferEncoding);
    if head.method() != Method::GET || head.version() != Version::HTTP_11 || !bodiless {
        return Err(Reason::BadRequest);
    }
    Ok(true)
}

/// Whether a 101 is the one that was asked for.
pub fn accepted(fields: &FieldList) -> bool {
    let protocol = fields.get(Name::Upgrade);
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && names_upgrade(fields.all(Name::Connection))
}

fn names_upgrade<'f>(mut connection: impl Iterator<Item = &'f [u8]>) -> bool {
    connection.any(|value| {
        let mut names = value.split(|byte| *byte == b',');
        names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    })
}

/// How long a tunnel may stand still.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// No byte in either direction.
    pub idle: Duration,
    /// The client takes none.
    pub write_stall: Duration,
}

/// Carries bytes both ways until both sides have ended, the right to it has, or nothing moves any more.
pub fn open(
    tunnels: &TaskTracker,
    client: OnUpgrade,
    server: hyper::upgrade::OnUpgrade,
    mut guard: Option<StreamGuard>,
    mut record: Box<Record>,
    patience: Patience,
) {
    tunnels.spawn(async move {
        let server = server.map_err(std::io::Error::other);
        let ends = tokio::try_join!(client, server);
        let Ok((client, server)) = ends else { return };
        let connection = Arc::clone(record.busy.connection());
        let closed = async {
            match &mut guard {
                Some(guard) => guard.closed().await,
                None => std::future::pending().await,
            }
        };
        let to_client = AtomicU64::new(0);
        let server = TokioIo::new(server);
        tokio::select! {
            complete = carry::carry(client, server, &to_client) => record.complete = complete,
            () = closed => record.complete = true,
            () = stood_still(&connection, patience) => {
                tracing::debug!("tunnel closed: nothing moved for too long");
            }
        }
        record.bytes_out = to_client.into_inner();
    });
}

/// Waits until nothing moved for too long on the client's side, which all bytes pass.
async fn stood_still(connection: &Connection, patience: Patience) {
    let look_every = (patience.idle.min(patience.write_stall) / 3)
        .clamp(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        sleep(look_every).await;
        let activity = connection.activity();
        let stalled = activity.write_stalled();
        if activity.idle() >= patience.idle
            || stalled.is_some_and(|stalled| stalled >= patience.write_stall)
        {
            return;
        }
    }
}
