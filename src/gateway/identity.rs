//! What a server is told of its caller, made once and sent many times.
//!
//! Promises: what is told is of the caller, the policy and the server of this request and nobody
//! else's; a signature is made once per caller and server in half a minute, so a server never gets
//! an `X-MCP-Identity` that is about to end. Only callers with good credentials get into the table of what was
//! made. Start with [`Identities::of`].

use std::hash::BuildHasher as _;
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use http::HeaderValue;

use super::recent::{Entry, Recent};
use super::table::CompiledRoute;
use crate::auth::identity::keys::IdentityKeys;
use crate::auth::identity::token::Statement;
use crate::catalog::snapshot::Access;
use crate::domain::ids::ClusterId;
use crate::domain::path::ServerPath;
use crate::domain::principal::{Principal, header_text};
use crate::domain::time::Timestamp;

/// The fields that tell a server who calls.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `X-User`, `X-Username`.
    pub user: HeaderValue,
    /// `X-Scopes`.
    pub scopes: HeaderValue,
    /// `X-Auth-Method`.
    pub method: HeaderValue,
    /// `X-Client-Id`, where one is known.
    pub client: Option<HeaderValue>,
    /// `X-MCP-Identity`; none where this gateway has no key.
    pub token: Option<HeaderValue>,
}

/// What the answer depends on besides the moment.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which registry's gateway says so.
    pub cluster: &'a ClusterId,
    /// What decided.
    pub access: &'a Arc<Access>,
    /// The caller.
    pub caller: &'a Arc<Principal>,
    /// The server.
    pub route: &'a Arc<CompiledRoute>,
}

/// Identities that were made lately.
#[derive(Debug)]
pub struct Identities {
    keys: Option<Arc<IdentityKeys>>,
    hasher: RandomState,
    told: Recent<Told>,
}

#[derive(Debug)]
struct Told {
    cluster: ClusterId,
    /// Weak, so that a policy that was replaced is not kept by those who called under it.
    access: Weak<Access>,
    caller: Arc<Principal>,
    server: ServerPath,
    since: Timestamp,
    until: Timestamp,
    identity: Arc<Identity>,
}

impl Identities {
    /// Room for about so many, signed with these keys.
    pub fn new(keys: Option<Arc<IdentityKeys>>, entries: usize) -> Self {
        Self {
            keys,
            hasher: RandomState::default(),
            told: Recent::new(entries),
        }
    }

    /// The keys that sign.
    pub const fn keys(&self) -> Option<&Arc<IdentityKeys>> {
        self.keys.as_ref()
    }

    /// What the server is told. Signs, which takes some 30 µs, where nothing fresh is at hand.
    pub fn of(&self, question: Question<'_>, now: Timestamp) -> Arc<Identity> {
        let key = (&question.caller.subject, question.route.path().as_str());
        let hash = self.hasher.hash_one(key);
        // A clock that went back makes a miss.
        let fresh = |entry: &Told| {
            (entry.answers(&question) && entry.since <= now && now < entry.until)
                .then(|| Arc::clone(&entry.identity))
        };
        if let Some(identity) = self.told.find(hash, fresh) {
            return identity;
        }
        let identity = Arc::new(self.make(question, now));
        let told = Told {
            cluster: question.cluster.clone(),
            access: Arc::downgrade(question.access),
            caller: Arc::clone(question.caller),
            server: question.route.path().clone(),
            since: now,
            until: now.plus_seconds(REUSE),
            identity: Arc::clone(&identity),
        };
        self.told.keep(hash, told);
        identity
    }

    fn make(&self, question: Question<'_>, now: Timestamp) -> Identity {
        let caller = question.caller;
        let mut scopes = String::new();
        for scope in question.access.policy.scopes_of(caller) {
            if !scopes.is_empty() {
                scopes.push(' ');
            }
            scopes.push_str(&header_text(&scope));
        }
        let statement = Statement {
            cluster: question.cluster,
            server: question.route.path().as_str(),
            caller,
            scope: &scopes,
            now,
        };
        Identity {
            token: self.sign(statement),
            user: encode(&caller.username),
            scopes: HeaderValue::try_from(scopes).unwrap_or_else(|_| empty()),
            method: HeaderValue::from_static(caller.method.as_str()),
            client: caller.client_id.as_deref().map(encode),
        }
    }

    fn sign(&self, statement: Statement<'_>) -> Option<HeaderValue> {
        let key = self.keys.as_ref()?.signing(statement.now)?;
        let token = statement.sign(&key).inspect_err(
            |error| tracing::error!(%error, "a server is not told of its caller by a signature"),
        );
        let mut value = HeaderValue::try_from(token.ok()?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Told {
    fn answers(&self, question: &Question<'_>) -> bool {
        (Arc::ptr_eq(&self.caller, question.caller) || self.caller == *question.caller)
            && self.server == *question.route.path()
            && Weak::as_ptr(&self.access) == Arc::as_ptr(question.access)
            && self.cluster == *question.cluster
    }
}

impl Entry for Told {
    type Until = Timestamp;

    fn until(&self) -> Timestamp {
        self.until
    }

    fn replaces(&self, other: &Self) -> bool {
        self.caller == other.caller && self.server == other.server
    }
}

/// Percent-encodes what a header value cannot hold unambiguously.
pub fn encode(text: &str) -> HeaderValue {
    HeaderValue::from_str(&header_text(text)).unwrap_or_else(|_| empty())
}

const fn empty() -> HeaderValue {
    HeaderValue::from_static("")
}

/// Seconds for which one is sent again: half of its life.
const REUSE: i64 = 30;

#[cfg(test)]
mod tests;
