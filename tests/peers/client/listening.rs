//! Knows when a session's own stream is open.
//!
//! The library opens that stream in the background. A server that sends an answer on whatever
//! stream comes first sees another order of things under load, so a client that is watched waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use futures_util::stream::BoxStream;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Error as SseError, Sse};
use tokio::sync::watch;

type Headers = HashMap<HeaderName, HeaderValue>;
type Outcome<T> = Result<T, StreamableHttpError<reqwest::Error>>;

/// An HTTP client that remembers what it did; clones share that.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    http: reqwest::Client,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    in_session: bool,
    stream_answered: bool,
}

impl Listening {
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            seen: watch::Sender::default(),
        }
    }

    /// Waits until the server has answered the request for the session's stream, if there is a session.
    pub(crate) async fn settled(&self) {
        let mut seen = self.seen.subscribe();
        let settled = seen.wait_for(|seen| !seen.in_session || seen.stream_answered);
        // Without the stream the client works too; a server that never answers is not ours to judge.
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }
}

impl StreamableHttpClient for Listening {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        auth: Option<String>,
        headers: Headers,
    ) -> Outcome<StreamableHttpPostResponse> {
        if session.is_some() {
            self.seen.send_modify(|seen| seen.in_session = true);
        }
        let http = &self.http;
        http.post_message(uri, message, session, auth, headers)
            .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        auth: Option<String>,
        headers: Headers,
    ) -> Outcome<()> {
        self.http.delete_session(uri, session, auth, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        auth: Option<String>,
        headers: Headers,
    ) -> Outcome<BoxStream<'static, Result<Sse, SseError>>> {
        let http = &self.http;
        let stream = http
            .get_stream(uri, session, last_event, auth, headers)
            .await;
        self.seen.send_modify(|seen| seen.stream_answered = true);
        stream
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
