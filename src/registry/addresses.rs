//! Which addresses a definition may name: those that we would dial.
//!
//! Names are judged as text here; what they resolve to is judged at each connect.

use crate::domain::server::ServerDefinition;
use crate::domain::validate::FieldError;
use crate::net::guard::AddressGuard;

/// Refuses URLs that would never be dialled, so that their owner hears of it now and not at the
/// first call.
pub(super) fn check(
    definition: &ServerDefinition,
    guard: &AddressGuard,
) -> Result<(), super::Error> {
    let urls = [
        ("/proxy_pass_url", &definition.proxy_pass_url),
        ("/mcp_endpoint", &definition.mcp_endpoint),
        ("/sse_endpoint", &definition.sse_endpoint),
    ];
    let mut errors = Vec::new();
    for (field, url) in urls {
        let Some(url) = url else { continue };
        let parsed = url.as_url();
        let host = parsed
            .host()
            .map_or(Ok(()), |host| guard.check_host_text(&host));
        let port = parsed
            .port_or_known_default()
            .map_or(Ok(()), |port| guard.check_port(port));
        if let Err(refused) = host.and(port) {
            errors.push(FieldError {
                field: field.to_owned(),
                value: url.as_str().into(),
                rule: format!("must be an address that may be dialled: {refused}"),
            });
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(super::Error::Invalid(errors))
    }
}
