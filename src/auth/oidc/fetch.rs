//! Bounded questions to an identity provider.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::net::guard::Refused;
use crate::net::outbound::GuardedClient;

/// No answer that can be used. Holds nothing of the answer, and no secret of the question.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address may not be dialled.
    #[error("its address may not be dialled: {0}")]
    Refused(#[from] Refused),
    /// No connection, or it broke.
    #[error("it cannot be reached")]
    Request(#[source] reqwest::Error),
    /// Another status than 200.
    #[error("it answers with status {0}")]
    Status(u16),
    /// Larger than anything expected.
    #[error("its answer is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Too slow.
    #[error("it did not answer within {} seconds", LIMIT.as_secs())]
    Timeout,
}

/// Reads a document.
///
/// # Errors
/// Why there is none.
pub async fn get(client: &GuardedClient, url: &Url) -> Result<Vec<u8>, FetchError> {
    let request = client.request(Method::GET, url.clone())?;
    let request = request.header("accept", "application/json");
    answer(request, &[200]).await.map(|(_, body)| body)
}

/// Sends a request and reads the whole answer, whose status must be one of these.
///
/// # Errors
/// Why there is none.
pub async fn answer(
    request: RequestBuilder,
    statuses: &[u16],
) -> Result<(u16, Vec<u8>), FetchError> {
    tokio::time::timeout(LIMIT, read(request, statuses))
        .await
        .map_err(|_| FetchError::Timeout)?
}

async fn read(request: RequestBuilder, statuses: &[u16]) -> Result<(u16, Vec<u8>), FetchError> {
    let failed = |error: reqwest::Error| FetchError::Request(error.without_url());
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    if !statuses.contains(&status) {
        return Err(FetchError::Status(status));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

const LIMIT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;
