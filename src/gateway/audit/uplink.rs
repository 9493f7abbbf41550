//! The way to the registry: over memory in one process, else where `REGISTRY_API_URL` is.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::Url;

use super::super::origin::LocalPeer;

/// Where batches go.
#[derive(Clone, Debug)]
pub enum Uplink {
    /// A registry of this process.
    Local(LocalPeer),
    /// A registry elsewhere.
    Remote(reqwest::Client, Url),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The registry has it.
    Taken,
    /// It will never take it.
    Refused(StatusCode),
    /// It may take it later.
    Later,
}

impl Uplink {
    /// To the registry that is followed; `None` where its list's address says nothing of the others.
    pub fn remote(client: reqwest::Client, servers: &str) -> Option<Self> {
        let mut url = Url::parse(servers).ok()?;
        let folder = url.path().trim_end_matches('/').strip_suffix("/servers")?;
        let path = format!("{folder}/gateway/events");
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Some(Self::Remote(client, url))
    }

    /// Sends one batch, within a limit.
    pub async fn send(&self, token: &HeaderValue, body: Bytes, limit: Duration) -> Sent {
        let status = match self {
            Self::Local(peer) => timeout(limit, over_memory(peer, token, body)).await,
            Self::Remote(client, url) => {
                let request = client
                    .post(url.clone())
                    .header(AUTHORIZATION, token.clone())
                    .header(CONTENT_TYPE, JSON)
                    .body(body);
                let answered = timeout(limit, request.send()).await;
                answered.map(|answer| answer.ok().map(|answer| answer.status()))
            }
        };
        match status.ok().flatten() {
            Some(status) if status.is_success() => Sent::Taken,
            Some(
                status @ (StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY),
            ) => Sent::Refused(status),
            Some(_) | None => Sent::Later,
        }
    }
}

async fn over_memory(peer: &LocalPeer, token: &HeaderValue, body: Bytes) -> Option<StatusCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(peer.connect())).await.ok()?;
    let request = Request::post("/api/gateway/events")
        .header(HOST, "localhost")
        .header(AUTHORIZATION, token)
        .header(CONTENT_TYPE, JSON)
        .body(Full::new(body))
        .ok()?;
    let answer = async {
        let answer = sender.send_request(request).await.ok()?;
        Some(answer.status())
    };
    tokio::select! {
        biased;
        status = answer => status,
        _ = connection => None,
    }
}

const JSON: &str = "application/json";
