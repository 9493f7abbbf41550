//! What an identity provider's settings must keep.

use url::{Host, Url};

use super::super::Config;
use super::super::draft::Draft;
use super::super::names::preferred;

/// Records every mistake; only a registry logs people in and trusts providers.
pub(in super::super) fn run(draft: &mut Draft, config: &Config) {
    let oidc = &config.oidc;
    let Some(issuer) = &oidc.issuer else {
        let in_vain: Vec<String> = NEED_ISSUER
            .iter()
            .filter(|key| draft.is_given(key))
            .map(|key| preferred(key))
            .collect();
        if !in_vain.is_empty() {
            draft.warnings.push(format!(
                "set, but without effect while OIDC_ISSUER is not: {}",
                in_vain.join(", ")
            ));
        }
        return;
    };
    let url = Url::parse(issuer);
    match &url {
        Ok(url) => address(draft, "oidc.issuer", url, oidc.allow_http),
        Err(_) => draft.blame("oidc.issuer", "is not a URL", ISSUER),
    }
    if let Some(url) = &oidc.internal_url {
        address(draft, "oidc.internal_url", url, oidc.allow_http);
    }
    names(draft, config);
    if oidc.client_id.is_none() && oidc.audience.is_empty() && oidc.clients.is_empty() {
        draft.warnings.push(
            "OIDC_ISSUER is set, but neither OIDC_CLIENT_ID nor OIDC_AUDIENCE: nobody can log in \
             there and none of its tokens counts"
                .to_owned(),
        );
    }
    if oidc.client_id.is_none() && oidc.client_secret.is_some() {
        draft.blame(
            "oidc.client_secret",
            "is the secret of no client",
            "set OIDC_CLIENT_ID too, or remove it",
        );
    }
    let periods = [
        ("oidc.refresh", oidc.refresh),
        ("oidc.max_token_life", oidc.max_token_life),
    ];
    super::super::checks::no_zero(draft, &periods);
}

fn address(draft: &mut Draft, key: &'static str, url: &Url, allow_http: bool) {
    if let Some(problem) = super::super::checks::not_http(url) {
        draft.blame(key, problem, ISSUER);
    } else if url.query().is_some() {
        draft.blame(key, "holds a query", ISSUER);
    } else if url.scheme() == "http" && !allow_http && !is_loopback(url) {
        draft.blame(
            key,
            "is plain HTTP to another machine: who is on the way could log in as anybody",
            "write https://…, or set OIDC_ALLOW_HTTP=true where the network is trusted",
        );
    }
}

/// Whether a URL leads to this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn names(draft: &mut Draft, config: &Config) {
    let oidc = &config.oidc;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if oidc.provider.is_empty() || oidc.provider.len() > 32 || !oidc.provider.bytes().all(word) {
        draft.blame(
            "oidc.provider",
            "is not a name for addresses",
            "write 1 to 32 small letters, digits and hyphens, such as keycloak",
        );
    }
    if !oidc.scopes.split(' ').any(|scope| scope == "openid") {
        draft.blame(
            "oidc.scopes",
            "lacks openid, without which the provider names nobody",
            "write openid and what else is needed, such as openid profile email",
        );
    }
    if oidc.groups_claim.trim().is_empty() {
        draft.blame(
            "oidc.groups_claim",
            "names no claim",
            "write a claim's name, such as groups or realm_access.roles",
        );
    }
}

const ISSUER: &str = "write the issuer as the provider's discovery document names it, such as \
     https://keycloak.example.com/realms/mcp-gateway";

/// Settings that mean nothing without an issuer.
const NEED_ISSUER: &[&str] = &[
    "oidc.internal_url",
    "oidc.client_id",
    "oidc.client_secret",
    "oidc.audience",
    "oidc.clients",
    "oidc.jwks_file",
    "oidc.allow_http",
];
