//! Keycloak as existing `.env` files name it, as `[oidc]`.
//!
//! `KEYCLOAK_URL` is where we reach it, `KEYCLOAK_EXTERNAL_URL` where browsers do; with
//! `KEYCLOAK_REALM` they make the issuer. They count unless `KEYCLOAK_ENABLED` is false,
//! `AUTH_PROVIDER` names another provider, or `OIDC_ISSUER` is set.

use std::path::Path;

use super::super::draft::Draft;
use super::super::layers::{secret_file, variable};
use super::super::origin::Origin;

/// Puts them where `OIDC_*` has set nothing.
pub(in super::super) fn apply(draft: &mut Draft, variables: &[(String, String)]) {
    if !is_used(variables) {
        return;
    }
    let value = |name: &'static str| variable(variables, name).map(|value| (name, value));
    let inside = value("KEYCLOAK_URL");
    let Some((name, outside)) = value("KEYCLOAK_EXTERNAL_URL").or(inside) else {
        return;
    };
    let realm = value("KEYCLOAK_REALM").map_or("mcp-gateway", |(_, realm)| realm);
    let address = |url: &str| format!("{}/realms/{realm}", url.trim_end_matches('/'));
    set(draft, "oidc.issuer", &address(outside), name);
    if let Some((name, inside)) = inside.filter(|(_, inside)| *inside != outside) {
        set(draft, "oidc.internal_url", &address(inside), name);
    }
    let (name, client) = value("KEYCLOAK_CLIENT_ID").unwrap_or((name, "mcp-gateway-web"));
    set(draft, "oidc.client_id", client, name);
    let (name, client) = value("KEYCLOAK_M2M_CLIENT_ID").unwrap_or((name, "mcp-gateway-m2m"));
    set(draft, "oidc.clients", client, name);
    set(draft, "oidc.provider", "keycloak", name);
    set(draft, "oidc.display_name", "Keycloak", name);
    secret(draft, variables);
}

/// Whether a variable is one of these, and counts.
pub(in super::super) fn takes(name: &str, variables: &[(String, String)]) -> bool {
    USED.contains(&name) && is_used(variables)
}

fn is_used(variables: &[(String, String)]) -> bool {
    let off = |text: &str| matches!(&*text.to_ascii_lowercase(), "false" | "0" | "no" | "off");
    let other = |name: &str| !name.eq_ignore_ascii_case("keycloak");
    let is = |name: &str, test: &dyn Fn(&str) -> bool| variable(variables, name).is_some_and(test);
    let addressed = is("KEYCLOAK_URL", &|_| true) || is("KEYCLOAK_EXTERNAL_URL", &|_| true);
    addressed
        && !is("KEYCLOAK_ENABLED", &off)
        && !is("AUTH_PROVIDER", &other)
        && !is("OIDC_ISSUER", &|_| true)
}

fn set(draft: &mut Draft, key: &'static str, text: &str, name: &str) {
    if !matches!(draft.origin(key), Some(Origin::Env(_))) {
        draft.set_text(key, text, Origin::Env(name.to_owned()));
    }
}

fn secret(draft: &mut Draft, variables: &[(String, String)]) {
    let given = |draft: &Draft| draft.is_given("oidc.client_secret");
    if given(draft) {
        return;
    }
    if let Some(text) = variable(variables, SECRET) {
        draft.set_text("oidc.client_secret", text, Origin::Env(SECRET.to_owned()));
    } else if let Some(path) = variable(variables, SECRET_FILE) {
        let origin = Origin::NamedFile {
            variable: SECRET_FILE.to_owned(),
            path: path.into(),
        };
        secret_file(draft, "oidc.client_secret", Path::new(path), origin);
    }
}

const SECRET: &str = "KEYCLOAK_CLIENT_SECRET";
const SECRET_FILE: &str = "KEYCLOAK_CLIENT_SECRET_FILE";

const USED: &[&str] = &[
    "AUTH_PROVIDER",
    "KEYCLOAK_ENABLED",
    "KEYCLOAK_URL",
    "KEYCLOAK_EXTERNAL_URL",
    "KEYCLOAK_REALM",
    "KEYCLOAK_CLIENT_ID",
    SECRET,
    SECRET_FILE,
    "KEYCLOAK_M2M_CLIENT_ID",
];
