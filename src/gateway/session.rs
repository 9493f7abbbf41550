//! What is handed out to a client and must come back from the same one: session ids and, sealed, the
//! message URLs of legacy streams.
//!
//! Promises: what was handed out to one caller of one server is taken from that caller at that server
//! only, by every gateway that has the registry's session key, without storage. Each refusal is the
//! same 404, whatever is wrong: a client then begins a new session. Must not be asked at a `public`
//! server: nobody is known there, ids pass as the server made them.
//!
//! # Why
//! Servers find a session by its id alone, so that an id that leaked works for every other valid
//! caller. A MAC over caller, server and id binds it without a table that replicas would have to
//! share. Ids are shown as they are (their server's client would see them too); message URLs are
//! encrypted, since their path is the server's affair.
//!
//! The key is the snapshot's. A gateway that was never told one makes its own, which holds until it
//! ends and at no other replica. Another key, after a restored backup or a rotation, ends all sessions.
//!
//! Start at [`take`] (requests) and [`hand_out`] (answers); [`super::legacy`] is the user of seals.

mod macs;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;

use self::macs::Macs;
use super::fields::{FieldList, Name, visible};
use super::head::RequestHead;
use super::reason::Reason;
use super::table::Place;
use crate::catalog::SessionKey;
use crate::domain::path::ServerPath;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::secret::Secret;
use crate::protocol::version;

/// The keys of one snapshot.
pub struct Seals {
    key: SessionKey,
    sessions: Macs,
    /// Survives a nonce that comes twice, so that a key may live for long.
    urls: RandomizedNonceKey,
}

/// A key of this process alone.
pub fn random_key() -> Option<SessionKey> {
    let mut key = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut key).ok()?;
    Some(SessionKey(Secret::new(key)))
}

/// To whom something is handed out.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The server that it is for.
    pub server: &'a ServerPath,
    /// The caller; `None` at a public server.
    pub caller: Option<&'a Principal>,
}

impl Seals {
    /// From the key that all gateways share; `None` when the cryptographic library refuses.
    pub fn new(key: &SessionKey) -> Option<Self> {
        let prk = Salt::new(HKDF_SHA256, &[]).extract(key.0.expose());
        Some(Self {
            key: key.clone(),
            sessions: Macs::new(hmac::Key::new(
                HMAC_SHA256,
                &expand(&prk, b"mcp gateway session id")?,
            )),
            urls: RandomizedNonceKey::new(
                &AES_256_GCM_SIV,
                &expand(&prk, b"mcp gateway message url")?,
            )
            .ok()?,
        })
    }

    /// From a key of this process alone.
    pub fn random() -> Option<Self> {
        Self::new(&random_key()?)
    }

    /// Whether it was made from this key.
    pub fn is_from(&self, key: &SessionKey) -> bool {
        self.key == *key
    }

    /// A session id as the holder gets it; `None` for one that no server may give.
    pub fn wrap(&self, id: &str, holder: Holder<'_>) -> Option<String> {
        if id.is_empty() || id.len() > ID_BYTES || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut wrapped = String::with_capacity(MARK.len() + macs::CHARACTERS + 1 + id.len());
        wrapped.push_str(MARK);
        let mac = self.sessions.of(id, holder);
        wrapped.push_str(std::str::from_utf8(&mac).ok()?);
        wrapped.push('.');
        wrapped.push_str(id);
        Some(wrapped)
    }

    /// The server's own id, if it was wrapped for this holder.
    pub fn unwrap<'w>(&self, wrapped: &'w str, holder: Holder<'_>) -> Option<&'w str> {
        let rest = wrapped.strip_prefix(MARK)?;
        let (mac, id) = rest.split_at_checked(macs::CHARACTERS)?;
        let id = id.strip_prefix('.').filter(|id| id.len() <= ID_BYTES)?;
        self.sessions.is_of(mac, id, holder).then_some(id)
    }

    /// Hides `text` from everybody and binds it to its holder and its purpose; fit for a URL.
    pub fn seal(&self, text: &str, purpose: &str, holder: Holder<'_>) -> Option<String> {
        let mut sealed = text.as_bytes().to_vec();
        let bound = holder.bytes(purpose);
        let nonce = self
            .urls
            .seal_in_place_append_tag(Aad::from(bound), &mut sealed)
            .ok()?;
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed for this purpose and holder.
    pub fn open(&self, sealed: &str, purpose: &str, holder: Holder<'_>) -> Option<String> {
        let mut sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let bound = holder.bytes(purpose);
        let text = self
            .urls
            .open_in_place(nonce, Aad::from(bound), text)
            .ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Seals").finish_non_exhaustive()
    }
}

impl Holder<'_> {
    /// Everything that something is bound to, each part with its length, so that no two look the same.
    fn write(&self, more: &[&str], mut sink: impl FnMut(&[u8])) {
        let (kind, subject) = match self.caller {
            None => ("public", ""),
            // Somebody may be called as nobody is.
            Some(caller) if caller.method == AuthMethod::Anonymous => ("anonymous", ""),
            Some(caller) => ("caller", &*caller.subject),
        };
        for part in [self.server.as_str(), kind, subject]
            .iter()
            .chain(more.iter())
        {
            sink(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            sink(part.as_bytes());
        }
    }

    fn bytes(&self, purpose: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        self.write(&[purpose], |part| bytes.extend_from_slice(part));
        bytes
    }
}

/// Puts the server's own session id in the place of the one that its client shows.
///
/// `Last-Event-ID` names what may be another caller's events, so it goes on with a session only. In
/// revisions without sessions neither means anything, and neither goes on.
///
/// # Errors
/// [`Reason::SessionNotFound`] for an id that was not handed out to this holder, and for resuming
/// without a session.
pub fn take(
    seals: &Seals,
    head: &mut RequestHead,
    holder: Holder<'_>,
    place: Place,
) -> Result<(), Reason> {
    if !head.has(Name::McpSessionId) && !head.has(Name::LastEventId) {
        return Ok(());
    }
    let modern = head
        .field_str(Name::McpProtocolVersion)
        .is_some_and(version::is_modern);
    if modern {
        head.fields_mut().remove(Name::McpSessionId);
        head.fields_mut().remove(Name::LastEventId);
        return Ok(());
    }
    let Some(shown) = head.field(Name::McpSessionId) else {
        if place == Place::Mcp && *head.method() == Method::GET {
            return Err(Reason::SessionNotFound);
        }
        head.fields_mut().remove(Name::LastEventId);
        return Ok(());
    };
    let own = visible(shown)
        .and_then(|shown| seals.unwrap(shown, holder))
        .ok_or(Reason::SessionNotFound)?
        .to_owned();
    head.fields_mut().set("mcp-session-id", own.as_bytes());
    Ok(())
}

/// Wraps the session id of an answer, whatever the answer is.
///
/// # Errors
/// [`Reason::UpstreamProtocol`] for an id that the specification does not allow, or several.
pub fn hand_out(seals: &Seals, fields: &mut FieldList, holder: Holder<'_>) -> Result<(), Reason> {
    let Some(id) = fields.get(Name::McpSessionId) else {
        return Ok(());
    };
    let wrapped = visible(id)
        .filter(|_| !fields.repeats(Name::McpSessionId))
        .and_then(|id| seals.wrap(id, holder));
    let Some(wrapped) = wrapped else {
        tracing::warn!(
            server = %holder.server,
            "answer refused: its Mcp-Session-Id is not one value of 1 to {ID_BYTES} visible ASCII characters"
        );
        return Err(Reason::UpstreamProtocol);
    };
    fields.set("mcp-session-id", wrapped.as_bytes());
    Ok(())
}

fn expand(prk: &Prk, purpose: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    prk.expand(&[purpose], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .ok()?;
    Some(key)
}

/// What wrapped ids start with; another form would start otherwise.
const MARK: &str = "1.";
/// The longest id of a server.
const ID_BYTES: usize = 1024;
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests;
