//! From use cases to answers.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::info::ServerInfo;
use super::super::view::etag_of;
use super::super::{Error, Registry};
use crate::http::Problem;
use crate::store::{self, StoredServer};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NoServer(_)
            | Error::NoToken
            | Error::NoUser(_)
            | Error::NobodyCalled(_)
            | Error::NoServiceAccount(_)
            | Error::NoGateway(_)
            | Error::NoIdentityKey(_)
            | Error::Stranger(_) => Self::not_found(text),
            Error::NameTaken(_)
            | Error::GatewayTaken(_)
            | Error::IdentityKeyInUse { .. }
            | Error::LocalAdmin(_)
            | Error::Disabled(_) => Self::new(StatusCode::CONFLICT).detail(text),
            Error::Exists(_) => Self::new(StatusCode::CONFLICT)
                .detail(format!("{text}; change it with PUT or PATCH")),
            Error::Stale(_) | Error::StalePolicy => Self::new(StatusCode::PRECONDITION_FAILED)
                .detail(format!("{text}; read it again and repeat the change")),
            Error::Invalid(errors) => Self::validation(errors),
            Error::Scope(_) | Error::NotPermitted(..) | Error::AdminOnly(_) => {
                Self::forbidden(text)
            }
            Error::TooManyTokens(_) => Self::later(StatusCode::TOO_MANY_REQUESTS, 600, text),
            Error::Login | Error::Ended => Self::unauthorized(text),
            Error::TooManyLogins(seconds) => {
                Self::later(StatusCode::TOO_MANY_REQUESTS, seconds, text)
            }
            Error::Store(error) => of_store(&error),
            Error::Internal(_) => Self::internal().caused_by(&error),
        }
    }
}

fn of_store(error: &store::Error) -> Problem {
    match error {
        store::Error::Full(_) => Problem::new(StatusCode::INSUFFICIENT_STORAGE)
            .detail("nothing was changed: the registry's disk is full")
            .caused_by(error),
        store::Error::Unavailable(_) | store::Error::InUse => Problem::later(
            StatusCode::SERVICE_UNAVAILABLE,
            1,
            "the registry's database is not available; try again",
        )
        .caused_by(error),
        store::Error::Stale | store::Error::Exists => Problem::new(StatusCode::CONFLICT).detail(
            "somebody else changed this at the same time; read it again and repeat the change",
        ),
        store::Error::Corrupt { .. } | store::Error::NewerSchema | store::Error::Failed(_) => {
            Problem::internal().caused_by(error)
        }
    }
}

/// A JSON answer that nobody may keep.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let mut response = (status, body).into_response();
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
                .headers_mut()
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => Problem::internal().caused_by(&error).into_response(),
    }
}

/// A server with its entity tag.
pub(super) fn server(registry: &Registry, stored: &StoredServer) -> Response {
    let view = registry.view();
    let health = view
        .servers
        .get(&stored.definition.path)
        .map(|entry| entry.health.clone());
    let info = ServerInfo::new(stored, &health.unwrap_or_default());
    let mut response = json(StatusCode::OK, &info);
    set_etag(&mut response, &etag_of(stored));
    response
}

/// Tells the entity tag.
pub(super) fn set_etag(response: &mut Response, etag: &str) {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
}
