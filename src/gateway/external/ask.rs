//! One question to the auth server, and what its answer means.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderValue, Method, Request, StatusCode};
use tokio::time::Instant;

use super::verdicts::{Key, Verdict};
use super::{External, MAX_BODY_BYTES};
use crate::domain::principal::{AuthMethod, Principal};
use crate::gateway::account::RequestId;
use crate::gateway::body::RequestBody;
use crate::gateway::fields::{FieldList, Name, visible};
use crate::gateway::message;
use crate::gateway::prepare::Fields;
use crate::gateway::reason::Reason;
use crate::gateway::upstream::{self, Answer, Outgoing, Pool};
use crate::protocol::envelope::{Envelope, Kind};

/// What somebody wants to do.
#[derive(Debug)]
pub struct Question<'a> {
    /// The field that the credential came in, and the credential.
    pub credential: Option<(&'static str, &'a [u8])>,
    /// What the client called.
    pub url: HeaderValue,
    /// How.
    pub method: &'a Method,
    /// The message, where there is one.
    pub message: Option<(HeaderValue, &'a Envelope<'a>)>,
    /// `X-Request-ID`.
    pub request_id: RequestId,
}

impl Question<'_> {
    /// What a verdict depends on: each part with its length, so that no two look the same.
    pub(super) fn key(&self) -> Key {
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(bytes);
        };
        let (field, credential) = match &self.credential {
            Some(credential) => *credential,
            None => ("", &b""[..]),
        };
        part(field.as_bytes());
        part(credential);
        part(self.url.as_bytes());
        part(self.method.as_str().as_bytes());
        for message in self.message.iter().flat_map(|(_, all)| all.messages()) {
            part(match message.kind {
                Kind::Request => b"request",
                Kind::Notification => b"notification",
                Kind::Response => b"response",
            });
            part(message.method.as_bytes());
            part(message.target.as_deref().unwrap_or_default().as_bytes());
            part(&[u8::from(message.target.is_some())]);
        }
        let mut key = Key::default();
        for (to, from) in key.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        key
    }

    fn write(&self, external: &External, fields: &mut impl Fields) {
        fields.put("host", external.host.as_bytes());
        fields.put("x-original-url", self.url.as_bytes());
        fields.put("x-original-method", self.method.as_str().as_bytes());
        if let Some((body, _)) = &self.message {
            fields.put("x-body", body.as_bytes());
        }
        if let Some((field, credential)) = &self.credential {
            fields.put_secret(field, credential);
        }
        if let Some(token) = &external.token {
            fields.put_secret("x-gateway-authorization", token.as_bytes());
        }
        fields.put("x-request-id", self.request_id.text().as_bytes());
        fields.put("accept-encoding", b"identity");
    }
}

/// A message as a field's value: line ends, which only lie between its parts, become spaces.
///
/// # Errors
/// It is longer than [`MAX_BODY_BYTES`], or cannot be written there.
pub fn as_field(message: &[u8]) -> Result<HeaderValue, Reason> {
    if message.len() > MAX_BODY_BYTES {
        return Err(Reason::BodyTooLarge);
    }
    let is_plain = memchr::memchr3(b'\r', b'\n', 0x7f, message).is_none();
    if is_plain {
        return HeaderValue::from_bytes(message).map_err(|_| Reason::BadMessage);
    }
    let mut line = Vec::with_capacity(message.len());
    for byte in message {
        match byte {
            b'\r' | b'\n' => line.push(b' '),
            // It may stand in a text; in a field it may not.
            0x7f => line.extend_from_slice(b"\\u007f"),
            byte => line.push(*byte),
        }
    }
    HeaderValue::try_from(line).map_err(|_| Reason::BadMessage)
}

/// Asks; the error says what is wrong with the answer. Who waits for it sets the limit of time.
pub(super) async fn ask(
    external: &External,
    pool: &Arc<Pool>,
    question: &Question<'_>,
) -> Result<Verdict, &'static str> {
    let answer = send(external, pool, question).await;
    let Answer {
        status,
        fields,
        mut body,
        ..
    } = answer.map_err(Reason::message)?;
    if body.take_whole().is_none() {
        // Read to its end, so that the connection serves again. Boxed: it is mostly there.
        let deadline = Instant::now() + external.limit;
        let reading = message::hold(body, MAX_ANSWER_BYTES, external.limit, deadline);
        Box::pin(reading)
            .await
            .map_err(|_| "its body is too long or broke off")?;
    }
    match status {
        StatusCode::OK => identity(&fields).map(Verdict::Allowed),
        StatusCode::UNAUTHORIZED => Ok(Verdict::Refused(
            Reason::Unauthenticated,
            challenge(&fields),
        )),
        StatusCode::FORBIDDEN => Ok(Verdict::Refused(Reason::Forbidden, challenge(&fields))),
        status if status.is_redirection() => Err("it redirects, which is not followed"),
        status if status.is_server_error() => Err("it answers with a server error"),
        _ => Err("its status is neither 200, 401 nor 403"),
    }
}

async fn send(
    external: &External,
    pool: &Arc<Pool>,
    question: &Question<'_>,
) -> Result<Answer, Reason> {
    if external.origin.is_plain() {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(b"GET ");
        head.extend_from_slice(external.path.as_str().as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        question.write(external, &mut head);
        head.extend_from_slice(b"\r\n");
        let outgoing = Outgoing {
            method: Method::GET,
            head,
            body: bytes::Bytes::new(),
        };
        return upstream::send_direct(pool, &external.origin, outgoing).await;
    }
    let mut request = Request::new(RequestBody::Empty);
    *request.uri_mut() = external.path.clone().into();
    question.write(external, request.headers_mut());
    upstream::send(pool, &external.origin, request).await
}

/// Who it says that it is; nobody, where it names nobody.
fn identity(fields: &FieldList) -> Result<Option<Arc<Principal>>, &'static str> {
    let user = text(fields, "x-user")?;
    let username = text(fields, "x-username")?;
    let Some(subject) = user.clone().or_else(|| username.clone()) else {
        return Ok(None);
    };
    let scopes = single(fields, "x-scopes")?.unwrap_or_default();
    let scopes: BTreeSet<Arc<str>> = scopes
        .split_ascii_whitespace()
        .map(decoded)
        .collect::<Result<_, _>>()?;
    if scopes.len() > MAX_SCOPES {
        return Err("it names too many scopes");
    }
    Ok(Some(Arc::new(Principal {
        username: username.or(user).unwrap_or_else(|| Arc::clone(&subject)),
        subject,
        scopes,
        groups: BTreeSet::new(),
        method: AuthMethod::External,
        client_id: text(fields, "x-client-id")?,
        token_id: None,
        expires_at: None,
    })))
}

/// The only field of a name; what is there twice could be read in two ways.
fn single<'f>(fields: &'f FieldList, name: &'f str) -> Result<Option<&'f str>, &'static str> {
    let mut all = fields.spelt(name);
    let value = all.next();
    if all.next().is_some() {
        return Err("a field of the identity is there twice");
    }
    let text = value.map(std::str::from_utf8);
    let text = text.transpose();
    text.map_err(|_| "a field of the identity is not UTF-8")
}

/// A name; none where the field is missing or empty.
fn text(fields: &FieldList, name: &str) -> Result<Option<Arc<str>>, &'static str> {
    let value = single(fields, name)?.map(str::trim);
    value
        .filter(|value| !value.is_empty())
        .map(decoded)
        .transpose()
}

fn decoded(value: &str) -> Result<Arc<str>, &'static str> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    let decoded = decoded.map_err(|_| "a name is not UTF-8")?;
    if decoded.len() > MAX_NAME_BYTES || decoded.chars().any(char::is_control) {
        return Err("a name is too long or holds control characters");
    }
    Ok(decoded.as_ref().into())
}

/// What it asks for, as far as that can be passed on without doubt.
fn challenge(fields: &FieldList) -> Option<HeaderValue> {
    let asked: Vec<&str> = fields
        .all(Name::WwwAuthenticate)
        .map(visible)
        .collect::<Option<_>>()?;
    let joined = asked.join(", ");
    if joined.is_empty() || joined.len() > MAX_CHALLENGE_BYTES {
        return None;
    }
    HeaderValue::try_from(joined).ok()
}

/// Room for a question's head; it grows where that is not enough.
const HEAD_BYTES: usize = 2 * 1024;
/// The body says nothing that the head does not.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_CHALLENGE_BYTES: usize = 1_024;
const MAX_NAME_BYTES: usize = 512;
const MAX_SCOPES: usize = 1_000;

#[cfg(test)]
mod tests;
