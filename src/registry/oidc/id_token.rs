//! What an ID token and a log-out token must say (OpenID Connect Core §3.1.3.7, Back-Channel Logout
//! §2.6). Their signatures were checked before.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::auth::verify::{Rejection, text_of};
use crate::domain::time::Timestamp;

/// For whom a token must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) now: Timestamp,
}

/// Judges an ID token; answers the user's stable name.
pub(super) fn check(
    claims: &Map<String, Value>,
    expected: Expected<'_>,
    nonce: &str,
) -> Result<String, Rejection> {
    common(claims, expected)?;
    if claims.contains_key("events") {
        return Err(Rejection::Type);
    }
    if text_of(claims, "nonce")?.as_deref() != Some(nonce) {
        return Err(Rejection::Claims);
    }
    text_of(claims, "sub")?.ok_or(Rejection::Claims)
}

/// Whom a log-out token ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoggedOut {
    pub(super) subject: Option<String>,
    pub(super) sid: Option<String>,
    /// Names this log-out, which counts once.
    pub(super) id: String,
    pub(super) at: Timestamp,
}

/// Judges a log-out token.
pub(super) fn check_logout(
    claims: &Map<String, Value>,
    expected: Expected<'_>,
) -> Result<LoggedOut, Rejection> {
    let at = common(claims, expected)?;
    if claims.contains_key("nonce") {
        return Err(Rejection::Type);
    }
    let events = claims.get("events").and_then(Value::as_object);
    let event = events.and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Rejection::Type);
    }
    let logged_out = LoggedOut {
        subject: text_of(claims, "sub")?,
        sid: text_of(claims, "sid")?,
        id: text_of(claims, "jti")?.ok_or(Rejection::Claims)?,
        at,
    };
    if logged_out.subject.is_none() && logged_out.sid.is_none() {
        return Err(Rejection::Claims);
    }
    Ok(logged_out)
}

/// Issuer, audience, times; answers when it was made.
fn common(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<Timestamp, Rejection> {
    if text_of(claims, "iss")?.as_deref() != Some(expected.issuer) {
        return Err(Rejection::Issuer);
    }
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or(Rejection::Claims)?,
        None => return Err(Rejection::Audience),
        Some(_) => return Err(Rejection::Claims),
    };
    if !audiences.contains(&expected.client) {
        return Err(Rejection::Audience);
    }
    match text_of(claims, "azp")? {
        Some(party) if party != expected.client => return Err(Rejection::Audience),
        None if audiences.len() > 1 => return Err(Rejection::Audience),
        Some(_) | None => {}
    }
    let moment = |name: &str| match claims.get(name).map(Value::as_i64) {
        Some(Some(moment)) if moment >= 0 => Ok(moment),
        _ => Err(Rejection::Claims),
    };
    let (exp, iat) = (moment("exp")?, moment("iat")?);
    let now = expected.now.unix();
    if exp.saturating_add(LEEWAY) <= now {
        return Err(Rejection::Expired);
    }
    if iat > now.saturating_add(LEEWAY) {
        return Err(Rejection::NotYetValid);
    }
    // It was made for us just now, whatever its end.
    if iat.saturating_add(FRESH) < now {
        return Err(Rejection::Expired);
    }
    Ok(Timestamp::from_unix(iat))
}

/// Whether an access token belongs to an ID token that says so (`at_hash`); one that says nothing
/// fits.
pub(super) fn fits(claims: &Map<String, Value>, alg: &str, access_token: &str) -> bool {
    let Some(said) = claims.get("at_hash") else {
        return true;
    };
    let algorithm = match alg.get(2..) {
        Some("384") => &SHA384,
        // RFC 8037 leaves it open; providers take the hash inside Ed25519.
        Some("512" | "DSA") => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(algorithm, access_token.as_bytes());
    let half = hash
        .as_ref()
        .get(..hash.as_ref().len() / 2)
        .unwrap_or_default();
    said.as_str() == Some(&URL_SAFE_NO_PAD.encode(half))
}

const LEEWAY: i64 = 30;
/// An ID token or a log-out token is used at once.
const FRESH: i64 = 300;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const EXPECTED: Expected<'static> = Expected {
        issuer: "https://idp",
        client: "web",
        now: Timestamp::from_unix(NOW),
    };

    fn id_token() -> Value {
        json!({
            "iss": "https://idp", "aud": "web", "sub": "ann", "exp": NOW + 60, "iat": NOW,
            "nonce": "n-1", "sid": "s",
        })
    }

    fn logout_token() -> Value {
        json!({
            "iss": "https://idp", "aud": ["web"], "sub": "ann", "sid": "s", "jti": "j",
            "exp": NOW + 60, "iat": NOW, "events": {EVENT: {}},
        })
    }

    fn with(mut token: Value, changes: &[(&str, Value)]) -> Map<String, Value> {
        let all = token.as_object_mut().unwrap();
        for (name, value) in changes {
            match value {
                Value::Null => all.remove(*name),
                _ => all.insert((*name).to_owned(), value.clone()),
            };
        }
        all.clone()
    }

    /// What spoils either of the two.
    fn lies() -> Vec<Vec<(&'static str, Value)>> {
        let one = |name, value| vec![(name, value)];
        let mut lies = Vec::new();
        for iss in [
            json!("https://idp/"),
            json!("https://evil"),
            json!("HTTPS://idp"),
            json!(7),
            json!(["https://idp"]),
            json!(""),
            Value::Null,
        ] {
            lies.push(one("iss", iss));
        }
        for aud in [
            json!("other"),
            json!(["other"]),
            json!(["web", "other"]),
            json!([]),
            json!(7),
            json!({"web": 1}),
            json!([["web"]]),
            json!("WEB"),
            Value::Null,
        ] {
            lies.push(one("aud", aud));
        }
        lies.push(one("azp", json!("other")));
        lies.push(one("azp", json!(7)));
        lies.push(vec![
            ("aud", json!(["web", "other"])),
            ("azp", json!("other")),
        ]);
        for exp in [
            json!(NOW - 30),
            json!(0),
            json!(-1),
            json!("soon"),
            json!(1.5),
            json!(u64::MAX),
            json!([]),
            Value::Null,
        ] {
            lies.push(one("exp", exp));
        }
        for iat in [
            json!(NOW + 31),
            json!(NOW - 301),
            json!("now"),
            json!(-1),
            Value::Null,
        ] {
            lies.push(one("iat", iat));
        }
        for sub in [json!(""), json!(7), json!("a\u{0}"), json!(["ann"])] {
            lies.push(one("sub", sub));
        }
        lies
    }

    #[test]
    fn an_id_token_must_be_the_answer_to_our_question() {
        let good = with(id_token(), &[]);
        assert_eq!(check(&good, EXPECTED, "n-1").unwrap(), "ann");
        let several = [("aud", json!(["web", "api"])), ("azp", json!("web"))];
        assert!(check(&with(id_token(), &several), EXPECTED, "n-1").is_ok());
        let mut hostile = lies();
        for nonce in [json!("n-2"), json!("N-1"), json!(""), json!(1), Value::Null] {
            hostile.push(vec![("nonce", nonce)]);
        }
        hostile.push(vec![("events", json!({EVENT: {}}))]);
        hostile.push(vec![("sub", Value::Null)]);
        assert!(hostile.len() >= 40, "{}", hostile.len());
        for changes in hostile {
            let claims = with(id_token(), &changes);
            assert!(check(&claims, EXPECTED, "n-1").is_err(), "{changes:?}");
        }
    }

    #[test]
    fn a_log_out_token_must_be_one() {
        let good = check_logout(&with(logout_token(), &[]), EXPECTED).unwrap();
        assert_eq!(
            (good.subject.as_deref(), good.sid.as_deref()),
            (Some("ann"), Some("s"))
        );
        for one in ["sub", "sid"] {
            assert!(check_logout(&with(logout_token(), &[(one, Value::Null)]), EXPECTED).is_ok());
        }
        let mut hostile = lies();
        for events in [
            json!({}),
            json!({EVENT: true}),
            json!({EVENT: "x"}),
            json!([EVENT]),
            json!(EVENT),
            json!({"http://schemas.openid.net/event/other": {}}),
            Value::Null,
        ] {
            hostile.push(vec![("events", events)]);
        }
        hostile.push(vec![("nonce", json!("n"))]);
        hostile.push(vec![("nonce", json!(false))]);
        hostile.push(vec![("jti", Value::Null)]);
        hostile.push(vec![("jti", json!(7))]);
        hostile.push(vec![("sid", json!(7))]);
        hostile.push(vec![("sub", Value::Null), ("sid", Value::Null)]);
        for changes in hostile {
            let claims = with(logout_token(), &changes);
            assert!(check_logout(&claims, EXPECTED).is_err(), "{changes:?}");
        }
    }

    #[test]
    fn an_access_token_belongs_to_its_id_token() {
        // The example of OpenID Connect Core, A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let said = with(id_token(), &[("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"))]);
        assert!(fits(&said, "RS256", token));
        assert!(!fits(&said, "RS384", token) && !fits(&said, "RS256", "other"));
        assert!(fits(&with(id_token(), &[]), "RS256", "any"));
    }
}
