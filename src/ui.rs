//! The web application, embedded: one function, whether this build holds it or not.
//!
//! Built files are served below `/static/` under hashed names, for a year; the page itself answers
//! every path below `/ui/` and is asked for anew each time. Builds without node, or without the `ui`
//! feature, answer with a page that says how to get it.

#[cfg(feature = "ui")]
#[path = "ui/embedded.rs"]
mod files;
#[cfg(not(feature = "ui"))]
#[path = "ui/absent.rs"]
mod files;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};

/// The routes of the web application: `/`, `/login`, `/ui/…`, `/static/…`.
pub fn router() -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/ui/") }))
        .route("/login", get(login))
        .route("/ui", get(|| async { Redirect::to("/ui/") }))
        .route("/ui/", get(page))
        .route("/ui/{*path}", get(page))
        .route("/static/{*path}", get(asset))
}

/// To the page, which shows why a login failed: that is in the query.
async fn login(RawQuery(query): RawQuery) -> Redirect {
    match query {
        Some(query) => Redirect::to(&format!("/ui/login?{query}")),
        None => Redirect::to("/ui/login"),
    }
}

/// The one page: the application routes by itself.
async fn page(headers: HeaderMap) -> Response {
    let Some(file) = files::find("index.html") else {
        return with_policy((StatusCode::OK, [HTML], ABSENT).into_response());
    };
    let tag = HeaderValue::try_from(format!("\"{}\"", file.hash)).ok();
    let unchanged = tag.is_some() && headers.get(header::IF_NONE_MATCH) == tag.as_ref();
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([HTML], Body::from(file.bytes)).into_response()
    };
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    with_policy(response)
}

/// A built file: its name changes with its content.
async fn asset(Path(path): Path<String>) -> Response {
    let Some(file) = files::find(&path).filter(|_| path != "index.html") else {
        let short = [(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=10"),
        )];
        return (StatusCode::NOT_FOUND, short, "no such file").into_response();
    };
    let kind = HeaderValue::try_from(file.kind)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, forever),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (fields, Body::from(file.bytes)).into_response()
}

fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in POLICY {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

const HTML: (HeaderName, &str) = (header::CONTENT_TYPE, "text/html; charset=utf-8");

/// What a browser may do with the page. Style attributes are set by script through the CSSOM, which
/// the policy allows; nothing inline is.
const POLICY: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-cache"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("x-frame-options"), "DENY"),
];

const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>mcp registry</title>\
<h1>The registry runs; this build has no web application.</h1>\
<p>The API is at <a href=\"/api/openapi.json\">/api/openapi.json</a>. To have the application: \
<code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, then build with the <code>ui</code> feature.</p></html>";

#[cfg(test)]
mod tests {
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(path: &str) -> Response {
        router()
            .oneshot(Request::get(path).body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn pages_are_never_cached_and_carry_the_policy() {
        for path in ["/ui/", "/ui/servers/team/search", "/ui/login"] {
            let page = get(path).await;
            assert_eq!(page.status(), StatusCode::OK, "{path}");
            assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
            let policy = page.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap();
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        }
    }

    #[tokio::test]
    async fn older_links_lead_to_the_application() {
        for (path, target) in [
            ("/", "/ui/"),
            ("/login", "/ui/login"),
            ("/login?error=unavailable", "/ui/login?error=unavailable"),
            ("/ui", "/ui/"),
        ] {
            let answer = get(path).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            assert_eq!(answer.headers()[header::LOCATION], target);
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_not_the_page() {
        let missing = get("/static/assets/gone-12345678.js").await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            get("/static/index.html").await.status(),
            StatusCode::NOT_FOUND
        );
    }
}
