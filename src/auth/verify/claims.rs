//! What a token says, and whether that still holds.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};

use super::{Place, Rejection};
use crate::domain::ids::TokenId;
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::Timestamp;
use crate::domain::trust::Trust;

/// A token whose signature and fixed claims were good; what can change is judged at each use.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) principal: Arc<Principal>,
    pub(super) expires_at: Timestamp,
    issued_at: Timestamp,
    foreign: Option<Foreign>,
}

/// What is judged at each use of an identity provider's token.
#[derive(Debug)]
pub(super) struct Foreign {
    /// Meant for these addresses only.
    pub(super) audiences: Option<Vec<String>>,
    /// Log-outs that end it.
    pub(super) logouts: Vec<String>,
}

impl Checked {
    pub(super) fn foreign(
        principal: Principal,
        issued_at: Timestamp,
        expires_at: Timestamp,
        foreign: Foreign,
    ) -> Self {
        Self {
            principal: Arc::new(principal),
            expires_at,
            issued_at,
            foreign: Some(foreign),
        }
    }

    /// Whether it is meant for the place where it is used.
    pub(super) fn is_meant_for(&self, place: Option<Place<'_>>) -> Result<(), Rejection> {
        let addresses = self.foreign.as_ref().and_then(|own| own.audiences.as_ref());
        match (addresses, place) {
            (None, _) => Ok(()),
            (Some(addresses), Some(place)) if addresses.iter().any(|one| place.is(one)) => Ok(()),
            (Some(_), _) => Err(Rejection::Audience),
        }
    }

    /// Whether it counts now: neither over, nor revoked by id or by user.
    pub(super) fn in_force(&self, trust: &Trust, now: Timestamp) -> Result<(), Rejection> {
        if now >= self.expires_at {
            return Err(Rejection::Expired);
        }
        if self.issued_at > now.plus_seconds(SKEW_SECONDS) {
            return Err(Rejection::NotYetValid);
        }
        let revoked = |id| trust.revoked.contains_key(id);
        if self.principal.token_id.as_ref().is_some_and(revoked) {
            return Err(Rejection::Revoked);
        }
        if let Some(foreign) = &self.foreign {
            let session = self.principal.token_id.as_ref();
            let ended = session.is_some_and(|id| trust.logouts.contains_key(&*id.0));
            let before = |at: &Timestamp| self.issued_at <= *at;
            let user = |name| trust.logouts.get(name).is_some_and(before);
            return if ended || foreign.logouts.iter().any(user) {
                Err(Rejection::Superseded)
            } else {
                Ok(())
            };
        }
        let since = |name: &str| {
            trust
                .not_before
                .get(name)
                .is_some_and(|at| self.issued_at < *at)
        };
        if since(&self.principal.subject) || since(&self.principal.username) {
            return Err(Rejection::Superseded);
        }
        Ok(())
    }
}

/// Reads a payload whose signature was checked.
pub(super) fn read(payload: &[u8], trust: &Trust, now: Timestamp) -> Result<Checked, Rejection> {
    let claims: Claims = serde_json::from_slice(payload).map_err(|_| Rejection::Claims)?;
    if claims.iss != trust.issuer {
        return Err(Rejection::Issuer);
    }
    if claims.aud != trust.audience {
        return Err(Rejection::Audience);
    }
    claims.check_times(now)?;
    if claims.sub.is_empty() || claims.jti.is_empty() {
        return Err(Rejection::Claims);
    }
    Ok(claims.into_checked())
}

/// The claims that we know. Others may be there, once each.
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    scope: String,
    preferred_username: Option<String>,
    client_id: Option<String>,
    groups: Vec<String>,
}

impl Claims {
    fn check_times(&self, now: Timestamp) -> Result<(), Rejection> {
        let latest = now.plus_seconds(SKEW_SECONDS).unix();
        if self.iat < 0 {
            return Err(Rejection::Claims);
        }
        if self.iat > latest || self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Rejection::NotYetValid);
        }
        if self.exp.saturating_sub(self.iat) > MAX_LIFETIME_SECONDS {
            return Err(Rejection::Lifetime);
        }
        Ok(())
    }

    fn into_checked(self) -> Checked {
        let id = TokenId(self.jti.into());
        let expires_at = Timestamp::from_unix(self.exp);
        let subject: Arc<str> = self.sub.into();
        let username = self
            .preferred_username
            .filter(|name| !name.is_empty())
            .map_or_else(|| Arc::clone(&subject), Arc::from);
        let scopes: BTreeSet<Arc<str>> = self
            .scope
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(Arc::from)
            .collect();
        let principal = Principal {
            subject,
            username,
            scopes,
            groups: self.groups.into_iter().map(Arc::from).collect(),
            method: AuthMethod::Token,
            client_id: self.client_id.map(Arc::from),
            token_id: Some(id),
            expires_at: Some(expires_at),
        };
        Checked {
            principal: Arc::new(principal),
            expires_at,
            issued_at: Timestamp::from_unix(self.iat),
            foreign: None,
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Claims;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut seen = HashSet::new();
        let [mut iss, mut aud, mut sub, mut jti] = [None, None, None, None];
        let [mut exp, mut iat, mut nbf] = [None, None, None];
        let [mut scope, mut preferred_username, mut client_id] = [None, None, None];
        let mut groups = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "iss" => iss = Some(map.next_value::<String>()?),
                "aud" => aud = Some(map.next_value::<String>()?),
                "sub" => sub = Some(map.next_value::<String>()?),
                "jti" => jti = Some(map.next_value::<String>()?),
                "exp" => exp = Some(map.next_value::<i64>()?),
                "iat" => iat = Some(map.next_value::<i64>()?),
                "nbf" => nbf = Some(map.next_value::<i64>()?),
                "scope" => scope = Some(map.next_value::<String>()?),
                "preferred_username" => preferred_username = Some(map.next_value::<String>()?),
                "client_id" => client_id = Some(map.next_value::<String>()?),
                "groups" => groups = map.next_value()?,
                _ => {
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
            if !seen.insert(name) {
                return Err(de::Error::custom("a claim is there twice"));
            }
        }
        let missing = de::Error::missing_field;
        Ok(Claims {
            iss: iss.ok_or_else(|| missing("iss"))?,
            aud: aud.ok_or_else(|| missing("aud"))?,
            sub: sub.ok_or_else(|| missing("sub"))?,
            jti: jti.ok_or_else(|| missing("jti"))?,
            exp: exp.ok_or_else(|| missing("exp"))?,
            iat: iat.ok_or_else(|| missing("iat"))?,
            nbf,
            scope: scope.ok_or_else(|| missing("scope"))?,
            preferred_username,
            client_id,
            groups,
        })
    }
}

/// Clocks of two machines may differ by so much; it never prolongs a token.
const SKEW_SECONDS: i64 = 60;
/// No token of the registry is made for longer.
const MAX_LIFETIME_SECONDS: i64 = 366 * 86_400 + SKEW_SECONDS;
