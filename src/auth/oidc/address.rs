//! Where an identity provider is: for browsers, and for us.

use url::Url;

/// An issuer with its two addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    name: String,
    issuer: Url,
    internal: Option<Url>,
}

/// An endpoint that a discovery document may not name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the provider names {what} {url:?}, which lies neither on the issuer's origin nor on OIDC_INTERNAL_URL's"
)]
pub struct Misplaced {
    /// Which endpoint.
    pub what: &'static str,
    /// Its address.
    pub url: String,
}

impl Addresses {
    /// An issuer as it is named, and where we reach it; an internal address without path has the
    /// issuer's.
    ///
    /// # Errors
    /// When the issuer is not a URL.
    pub fn new(issuer: &str, internal: Option<&Url>) -> Result<Self, url::ParseError> {
        let parsed = Url::parse(issuer)?;
        let internal = internal.map(|internal| {
            let mut internal = internal.clone();
            if internal.path() == "/" {
                internal.set_path(parsed.path());
            }
            internal
        });
        Ok(Self {
            name: issuer.to_owned(),
            issuer: parsed,
            internal,
        })
    }

    /// The issuer, letter for letter.
    pub fn issuer(&self) -> &str {
        &self.name
    }

    /// Where its discovery document is (OpenID Connect Discovery §4).
    pub fn document(&self) -> Url {
        let mut url = self.internal.as_ref().unwrap_or(&self.issuer).clone();
        let path = format!(
            "{}/.well-known/openid-configuration",
            url.path().trim_end_matches('/')
        );
        url.set_path(&path);
        url
    }

    /// An endpoint as we reach it.
    ///
    /// # Errors
    /// It lies elsewhere.
    pub fn ours(&self, what: &'static str, text: &str) -> Result<Url, Misplaced> {
        let url = parse(what, text)?;
        match &self.internal {
            Some(internal) if url.origin() == internal.origin() => Ok(url),
            Some(internal) if url.origin() == self.issuer.origin() => {
                Ok(moved(&url, &self.issuer, internal))
            }
            None if url.origin() == self.issuer.origin() => Ok(url),
            _ => Err(misplaced(what, text)),
        }
    }

    /// An endpoint as browsers reach it.
    ///
    /// # Errors
    /// It lies elsewhere.
    pub fn browsers(&self, what: &'static str, text: &str) -> Result<Url, Misplaced> {
        let url = parse(what, text)?;
        match &self.internal {
            _ if url.origin() == self.issuer.origin() => Ok(url),
            Some(internal) if url.origin() == internal.origin() => {
                Ok(moved(&url, internal, &self.issuer))
            }
            _ => Err(misplaced(what, text)),
        }
    }
}

fn parse(what: &'static str, text: &str) -> Result<Url, Misplaced> {
    let url = Url::parse(text).map_err(|_| misplaced(what, text))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    plain.then_some(url).ok_or_else(|| misplaced(what, text))
}

fn misplaced(what: &'static str, url: &str) -> Misplaced {
    Misplaced {
        what,
        url: url.chars().take(200).collect(),
    }
}

/// The same place below another base.
fn moved(url: &Url, from: &Url, to: &Url) -> Url {
    let mut moved = to.clone();
    let below = url
        .path()
        .strip_prefix(from.path().trim_end_matches('/'))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = below.map_or_else(
        || url.path().to_owned(),
        |rest| format!("{}{rest}", to.path().trim_end_matches('/')),
    );
    moved.set_path(&path);
    moved.set_query(url.query());
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://idp.example/realms/a";

    fn with(internal: Option<&str>) -> Addresses {
        let internal = internal.map(|url| Url::parse(url).unwrap());
        Addresses::new(ISSUER, internal.as_ref()).unwrap()
    }

    #[test]
    fn one_issuer_has_two_addresses() {
        let plain = with(None);
        assert_eq!(
            plain.document().as_str(),
            "https://idp.example/realms/a/.well-known/openid-configuration"
        );
        let token = "https://idp.example/realms/a/token";
        assert_eq!(plain.ours("t", token).unwrap().as_str(), token);
        for internal in ["http://kc:8080", "http://kc:8080/realms/a"] {
            let both = with(Some(internal));
            assert_eq!(
                both.document().as_str(),
                "http://kc:8080/realms/a/.well-known/openid-configuration"
            );
            let ours = "http://kc:8080/realms/a/token";
            assert_eq!(both.ours("t", token).unwrap().as_str(), ours);
            assert_eq!(both.ours("t", ours).unwrap().as_str(), ours);
            assert_eq!(both.browsers("t", token).unwrap().as_str(), token);
            assert_eq!(both.browsers("t", ours).unwrap().as_str(), token);
        }
        let below = with(Some("http://kc:8080/auth/realms/a"));
        assert_eq!(
            below.ours("t", token).unwrap().as_str(),
            "http://kc:8080/auth/realms/a/token"
        );
        assert_eq!(
            below
                .ours("t", "https://idp.example/other")
                .unwrap()
                .as_str(),
            "http://kc:8080/other"
        );
    }

    #[test]
    fn an_endpoint_elsewhere_is_refused() {
        for url in [
            "https://evil.example/realms/a/token",
            "http://idp.example/realms/a/token",
            "https://idp.example:8443/realms/a/token",
            "https://idp.example.evil/token",
            "https://user@idp.example/token",
            "https://idp.example/token#x",
            "http://169.254.169.254/latest",
            "http://127.0.0.1/token",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//evil.example/token",
            "/token",
            "",
        ] {
            for addresses in [with(None), with(Some("http://kc:8080"))] {
                assert!(addresses.ours("t", url).is_err(), "{url}");
                assert!(addresses.browsers("t", url).is_err(), "{url}");
            }
        }
    }
}
