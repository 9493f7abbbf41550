//! Access tokens of an identity provider: what their claims must say.
//!
//! A provider signs more than access tokens with the same keys. So besides issuer, audience and
//! times a token must show that it is one: by its type (RFC 9068), by the claim that its provider
//! has for that, or by having what only an access token has. What ID tokens and log-out tokens have
//! is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Rejection;
use super::claims::{Checked, Foreign};
use super::provider::Parts;
use crate::domain::issuer::{LogoutKind, TrustedIssuer};
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;

/// Judges a token whose signature was checked.
pub(super) fn read(
    parts: &Parts<'_>,
    issuer: &Arc<TrustedIssuer>,
    now: Timestamp,
) -> Result<Checked, Rejection> {
    let claims = Claims(&parts.payload);
    if claims.text("iss")?.as_deref() != Some(&issuer.issuer) {
        return Err(Rejection::Issuer);
    }
    claims.is_access_token(parts.header.typ.as_deref())?;
    let (issued_at, expires_at) = claims.times(issuer, now)?;
    let subject = claims.text("sub")?.ok_or(Rejection::Claims)?;
    let client = claims.client()?;
    let audiences = claims.audiences(issuer, client.as_deref())?;
    let session = claims.text("sid")?;
    let username = claims.text("preferred_username")?;
    let principal = Principal {
        username: username.unwrap_or_else(|| subject.clone()).into(),
        scopes: claims.scopes()?,
        groups: claims.groups(&issuer.groups_claim)?,
        method: issuer.method(),
        client_id: client.map(Arc::from),
        token_id: session.as_deref().map(|sid| issuer.session_id(sid)),
        expires_at: Some(expires_at),
        subject: subject.as_str().into(),
    };
    let kinds: &[LogoutKind] = if session.is_some() {
        &[LogoutKind::All]
    } else {
        &[LogoutKind::All, LogoutKind::WithoutSession]
    };
    let logouts = kinds.iter().map(|kind| issuer.logout_of(&subject, *kind));
    Ok(Checked::foreign(
        principal,
        issued_at,
        expires_at,
        Foreign {
            audiences,
            logouts: logouts.collect(),
        },
    ))
}

/// Groups in a claims set; `path` is a claim's name, or leads into objects by dots.
///
/// # Errors
/// The claim is something else than texts.
pub fn groups_of(claims: &Map<String, Value>, path: &str) -> Result<BTreeSet<Arc<str>>, Rejection> {
    Claims(claims).groups(path)
}

/// A text of a claims set that is not empty and holds no control characters.
///
/// # Errors
/// The claim is something else.
pub fn text_of(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    Claims(claims).text(name)
}

struct Claims<'c>(&'c Map<String, Value>);

impl Claims<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, Rejection> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if is_plain(text) => Ok(Some(text.clone())),
            Some(_) => Err(Rejection::Claims),
        }
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }

    fn is_access_token(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let by_type = match typ {
            Some("at+jwt") => true,
            None | Some("jwt") => false,
            Some(_) => return Err(Rejection::Type),
        };
        // Bound to a key that we do not check, or a log-out token.
        if self.has(&["cnf", "events"]) {
            return Err(Rejection::Type);
        }
        let said = [("typ", "Bearer"), ("token_use", "access")];
        let mut by_claim = false;
        for (claim, wanted) in said {
            match self.text(claim)? {
                Some(value) if value == wanted => by_claim = true,
                Some(_) => return Err(Rejection::Type),
                None => {}
            }
        }
        let like_id_token = self.has(&["nonce", "at_hash", "c_hash", "s_hash"]);
        let like_access_token = self.has(&["scope", "scp", "azpacr", "appidacr"]);
        if by_type || by_claim || (like_access_token && !like_id_token) {
            Ok(())
        } else {
            Err(Rejection::Type)
        }
    }

    fn moment(&self, name: &str) -> Result<Option<i64>, Rejection> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(moment) if moment >= 0 => Ok(Some(moment)),
                _ => Err(Rejection::Claims),
            },
        }
    }

    fn times(
        &self,
        issuer: &TrustedIssuer,
        now: Timestamp,
    ) -> Result<(Timestamp, Timestamp), Rejection> {
        let exp = self.moment("exp")?.ok_or(Rejection::Claims)?;
        let iat = self.moment("iat")?.ok_or(Rejection::Claims)?;
        let latest = now.plus_seconds(LEEWAY_SECONDS).unix();
        if iat > latest || self.moment("nbf")?.is_some_and(|nbf| nbf > latest) {
            return Err(Rejection::NotYetValid);
        }
        let life = exp.saturating_sub(iat);
        if life > issuer.max_life {
            return Err(Rejection::Lifetime);
        }
        if life < 0 {
            return Err(Rejection::Claims);
        }
        let end = Timestamp::from_unix(exp).plus_seconds(LEEWAY_SECONDS);
        Ok((Timestamp::from_unix(iat), end))
    }

    /// `None` where it is meant for us at large; else for whom it is meant, to be compared with what
    /// it is used for.
    fn audiences(
        &self,
        issuer: &TrustedIssuer,
        client: Option<&str>,
    ) -> Result<Option<Vec<String>>, Rejection> {
        let audiences = match self.0.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => several
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or(Rejection::Claims)?,
            None => return Err(Rejection::Audience),
            Some(_) => return Err(Rejection::Claims),
        };
        if audiences.iter().any(|one| !is_plain(one)) {
            return Err(Rejection::Claims);
        }
        if audiences.iter().any(|one| issuer.audiences.contains(one)) {
            return Ok(None);
        }
        // Keycloak names its account service where nobody has set an audience.
        let ours = client.is_some_and(|client| issuer.clients.contains(client));
        if ours && audiences == [ACCOUNT] {
            return Ok(None);
        }
        let urls: Vec<String> = audiences
            .into_iter()
            .filter(|one| one.starts_with("https://") || one.starts_with("http://"))
            .collect();
        if urls.is_empty() {
            return Err(Rejection::Audience);
        }
        Ok(Some(urls))
    }

    /// The client it was issued to.
    fn client(&self) -> Result<Option<String>, Rejection> {
        for name in ["azp", "client_id", "cid", "appid"] {
            if let Some(client) = self.text(name)? {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }

    fn scopes(&self) -> Result<BTreeSet<Arc<str>>, Rejection> {
        let mut scopes = BTreeSet::new();
        for name in ["scope", "scp"] {
            match self.0.get(name) {
                None => {}
                Some(Value::String(list)) => {
                    scopes.extend(list.split(' ').filter(|one| !one.is_empty()).map(Arc::from));
                }
                Some(Value::Array(list)) => {
                    for one in list {
                        scopes.insert(one.as_str().ok_or(Rejection::Claims)?.into());
                    }
                }
                Some(_) => return Err(Rejection::Claims),
            }
        }
        let plain = scopes
            .iter()
            .all(|one: &Arc<str>| is_plain(one) && !one.contains(' '));
        plain.then_some(scopes).ok_or(Rejection::Claims)
    }

    fn groups(&self, path: &str) -> Result<BTreeSet<Arc<str>>, Rejection> {
        let found = self.0.get(path).or_else(|| {
            let mut steps = path.split('.');
            let first = self.0.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.as_object()?.get(step))
        });
        let groups = match found {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::String(one)) => BTreeSet::from([Arc::from(one.as_str())]),
            Some(Value::Array(list)) => list
                .iter()
                .map(|one| one.as_str().map(Arc::from))
                .collect::<Option<_>>()
                .ok_or(Rejection::Claims)?,
            Some(_) => return Err(Rejection::Claims),
        };
        let plain = groups.iter().all(|one: &Arc<str>| is_plain(one));
        plain.then_some(groups).ok_or(Rejection::Claims)
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Clocks of two machines may differ by so much.
const LEEWAY_SECONDS: i64 = 30;
/// Keycloak's account service.
const ACCOUNT: &str = "account";

#[cfg(test)]
mod tests;
