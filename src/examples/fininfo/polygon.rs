//! The HTTP client for Polygon.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use super::query::Aggregates;
use crate::net::roots::{Roots, client_config};

/// A secret that no log or error shows.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key; nothing when it is empty.
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        (!key.is_empty()).then(|| Self(key.to_owned()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// Where `fininfo` gets its data.
#[derive(Clone, Debug)]
pub struct PolygonOptions {
    /// The API's origin, with a base path where it has one.
    pub base_url: Url,
    /// Without a key the tools say that one is needed.
    pub key: Option<ApiKey>,
    /// Authorities in PEM to trust besides the built-in ones, for networks that open TLS on the way.
    pub extra_ca_file: Option<PathBuf>,
}

impl PolygonOptions {
    /// Polygon's own API.
    pub const BASE_URL: &'static str = "https://api.polygon.io/";

    /// Reads `POLYGON_API_KEY`, which may also come as `POLYGON_API_KEY_FILE` or from the credentials directory,
    /// `POLYGON_BASE_URL` and `EXTRA_CA_FILE` through `variable`, which is [`std::env::var`] in a process.
    ///
    /// # Errors
    /// When the URL is none, a file cannot be read, or the key comes from several places.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let set = |name| {
            variable(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let base = set("POLYGON_BASE_URL").unwrap_or_else(|| Self::BASE_URL.to_owned());
        let base_url = Url::parse(&base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .with_context(|| format!("POLYGON_BASE_URL `{base}` is no http or https URL"))?;
        let extra_ca_file = set("EXTRA_CA_FILE").map(PathBuf::from);
        Ok(Self {
            base_url,
            key: key(set)?,
            extra_ca_file,
        })
    }
}

impl Default for PolygonOptions {
    #[expect(
        clippy::expect_used,
        reason = "the constant is a URL, and a test reads it"
    )]
    fn default() -> Self {
        let base_url = Url::parse(Self::BASE_URL).expect("the constant is a URL");
        Self {
            base_url,
            key: None,
            extra_ca_file: None,
        }
    }
}

/// The key from the one place where it is.
fn key(set: impl Fn(&'static str) -> Option<String>) -> anyhow::Result<Option<ApiKey>> {
    let named = set("POLYGON_API_KEY_FILE").map(PathBuf::from);
    let credential =
        set("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join("POLYGON_API_KEY"));
    let files = named
        .into_iter()
        .chain(credential.filter(|path| path.exists()));
    let mut keys = set("POLYGON_API_KEY")
        .into_iter()
        .map(Ok)
        .chain(files.map(|path| {
            std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "reading POLYGON_API_KEY from {}; check path and permissions",
                    path.display()
                )
            })
        }));
    let key = keys.next().transpose()?;
    anyhow::ensure!(
        keys.next().is_none(),
        "POLYGON_API_KEY comes from two places (variable, _FILE, credentials directory); keep one"
    );
    Ok(key.as_deref().and_then(ApiKey::new))
}

/// A client with its key.
#[derive(Debug)]
pub(super) struct Polygon {
    options: PolygonOptions,
    client: reqwest::Client,
}

impl Polygon {
    pub(super) fn new(options: PolygonOptions) -> anyhow::Result<Self> {
        let client = client(&options)?;
        Ok(Self { options, client })
    }

    pub(super) const fn has_key(&self) -> bool {
        self.options.key.is_some()
    }

    /// The API's answer as it is; an error is a sentence for the caller.
    pub(super) async fn aggregates(&self, query: &Aggregates) -> Result<Value, String> {
        let key = self.options.key.as_ref().ok_or(NO_KEY)?;
        let url = url(&self.options.base_url, query);
        let request = self.client.get(url).bearer_auth(&key.0);
        let response = request
            .send()
            .await
            .map_err(|error| unreachable_api(&error))?;
        let status = response.status();
        let body = limited(response).await?;
        let json = serde_json::from_slice::<Value>(&body);
        if !status.is_success() {
            return Err(refused(status, json.ok().as_ref()));
        }
        json.ok().filter(Value::is_object).ok_or_else(|| {
            "Polygon answered, but not with a JSON object; try again later".to_owned()
        })
    }
}

fn url(base: &Url, query: &Aggregates) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([
            "v2",
            "aggs",
            "ticker",
            &query.stock_ticker,
            "range",
            &query.multiplier.to_string(),
            query.timespan.as_str(),
            &query.from_date,
            &query.to_date,
        ]);
    }
    let mut pairs = url.query_pairs_mut();
    pairs.append_pair("adjusted", if query.adjusted { "true" } else { "false" });
    if let Some(sort) = query.sort {
        pairs.append_pair("sort", sort.as_str());
    }
    pairs.append_pair("limit", &query.limit.to_string());
    drop(pairs);
    url
}

async fn limited(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable_api(&error))?
    {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(format!(
                "Polygon's answer exceeds {} MiB; ask for fewer days or a smaller `limit`",
                MAX_ANSWER >> 20
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable_api(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached from this server"
    } else {
        "broke off its answer"
    };
    format!("Polygon {what}; try again later")
}

fn refused(status: StatusCode, body: Option<&Value>) -> String {
    let told = body.and_then(|body| body.get("error").or_else(|| body.get("message"))?.as_str());
    let told = told
        .map(|text| format!(" ({})", text.chars().take(300).collect::<String>()))
        .unwrap_or_default();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "Polygon refuses the key of this server for this data{told}; its operator must set another POLYGON_API_KEY"
        ),
        StatusCode::NOT_FOUND => format!("Polygon knows no such ticker or range{told}"),
        StatusCode::TOO_MANY_REQUESTS => {
            format!(
                "Polygon's call limit for this server is reached{told}; wait a minute and try again"
            )
        }
        status if status.is_server_error() => {
            format!(
                "Polygon has trouble of its own, status {}{told}; try again later",
                status.as_u16()
            )
        }
        status => format!(
            "Polygon refused the request with status {}{told}",
            status.as_u16()
        ),
    }
}

/// The client goes where the operator's URL says, and no further: a redirect could carry the key off.
#[expect(
    clippy::disallowed_methods,
    reason = "the address is the operator's, so no guard judges it; the roots are net's"
)]
fn client(options: &PolygonOptions) -> anyhow::Result<reqwest::Client> {
    let extra = options
        .extra_ca_file
        .as_deref()
        .map(|path| ("EXTRA_CA_FILE", path));
    let tls = client_config(&Roots::load(extra)?, None, false, &[b"h2", b"http/1.1"])?;
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(Arc::unwrap_or_clone(tls))
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .user_agent(concat!("mcp-fininfo/", env!("CARGO_PKG_VERSION")));
    let builder = if is_loopback(&options.base_url) {
        builder.no_proxy()
    } else {
        builder
    };
    Ok(builder.build()?)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

const NO_KEY: &str = "this server has no key for Polygon, so it cannot fetch stock data; its operator gets one at \
                      https://polygon.io/dashboard and sets POLYGON_API_KEY";
const MAX_ANSWER: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<PolygonOptions> {
        PolygonOptions::read(|name| {
            pairs
                .iter()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn options_default_to_the_real_api_without_a_key() {
        let options = PolygonOptions::default();
        assert_eq!(options.base_url.as_str(), PolygonOptions::BASE_URL);
        let read = read(&[("POLYGON_API_KEY", " "), ("POLYGON_BASE_URL", "")]).unwrap();
        assert!(read.key.is_none());
        assert_eq!(read.base_url, options.base_url);
    }

    #[test]
    fn key_never_shows() {
        let options = read(&[("POLYGON_API_KEY", "topsecret")]).unwrap();
        assert!(options.key.is_some());
        assert!(!format!("{options:?}").contains("topsecret"));
    }

    #[test]
    fn key_may_lie_in_a_file_but_not_in_two_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("POLYGON_API_KEY");
        std::fs::write(&path, "topsecret\n").unwrap();
        let (file, folder) = (path.to_str().unwrap(), folder.path().to_str().unwrap());
        for pair in [
            ("POLYGON_API_KEY_FILE", file),
            ("CREDENTIALS_DIRECTORY", folder),
        ] {
            assert_eq!(read(&[pair]).unwrap().key.unwrap().0, "topsecret");
            let error = read(&[pair, ("POLYGON_API_KEY", "topsecret")])
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("two places") && !error.contains("topsecret"),
                "{error}"
            );
        }
        let missing = read(&[("POLYGON_API_KEY_FILE", "/nowhere/key")])
            .unwrap_err()
            .to_string();
        assert!(missing.contains("/nowhere/key"), "{missing}");
        assert!(
            read(&[("CREDENTIALS_DIRECTORY", "/nowhere")])
                .unwrap()
                .key
                .is_none()
        );
    }

    #[test]
    fn base_url_must_be_one() {
        for url in ["api.polygon.io", "file:///etc", "http:"] {
            let error = read(&[("POLYGON_BASE_URL", url)]).unwrap_err().to_string();
            assert!(
                error.contains("POLYGON_BASE_URL") && error.contains(url),
                "{error}"
            );
        }
    }

    #[test]
    fn trouble_is_told_with_what_the_api_said() {
        let body = serde_json::json!({"error": "Unknown API Key"});
        let told = refused(StatusCode::UNAUTHORIZED, Some(&body));
        assert!(
            told.contains("Unknown API Key") && told.contains("POLYGON_API_KEY"),
            "{told}"
        );
        assert!(refused(StatusCode::TOO_MANY_REQUESTS, None).contains("limit"));
        assert!(refused(StatusCode::BAD_GATEWAY, None).contains("502"));
    }
}
