//! Phase four: who is calling a server, and by which token.

use std::sync::Arc;

use http::header::{self, HeaderName};

use super::super::foreign;
use super::super::pipeline::{Context, Exchange};
use super::super::reason::Reason;
use super::super::table::CompiledRoute;
use super::Call;
use crate::catalog::snapshot::Access;
use crate::domain::policy::{self, ANONYMOUS, Action};
use crate::domain::principal::Principal;

/// Checks the token that was shown. Cookies are never a credential here.
pub(super) async fn authenticate(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
) -> Result<Call, Reason> {
    if route.route.public {
        return Ok(Call::default());
    }
    let elsewhere = exchange.head.header(X_AUTHORIZATION).is_some();
    let field = if elsewhere {
        X_AUTHORIZATION
    } else {
        header::AUTHORIZATION
    };
    let shown = exchange.head.header_str(&field);
    let token = shown.and_then(bearer);
    exchange.reply.token_shown = shown.is_some();
    let nothing_shown = exchange.head.header(field).is_none();
    let anonymous = nothing_shown.then(|| anonymous(access, route)).flatten();
    exchange.reply.anonymous = anonymous.is_some();
    let verified = match token {
        None => anonymous.ok_or(Reason::Unauthenticated),
        Some(token) => match context.gateway.verifier.verify(&access.trust, token) {
            Ok(caller) => Ok(caller),
            // What takes longer, and what comes of providers only.
            Err(rejection) if !access.trust.issuers.is_empty() => {
                let question = foreign::Question {
                    token: token.to_owned(),
                    base: foreign::own_base(context, exchange),
                    path: route.path().as_str(),
                };
                Box::pin(foreign::verify(
                    &context.gateway,
                    access,
                    question,
                    rejection,
                ))
                .await
            }
            Err(rejection) => Err(foreign::reason(rejection)),
        },
    };
    if verified.is_err() {
        tell_who_gives_tokens(context, exchange, access);
    }
    let caller = verified?;
    if let Some(line) = &mut exchange.record.line {
        line.caller = Some(Arc::clone(&caller));
    }
    Ok(Call {
        caller: Some(caller),
        own_token_elsewhere: elsewhere,
        ..Call::default()
    })
}

/// Somebody without a credential, where the policy gives such callers anything at this server.
fn anonymous(access: &Access, route: &CompiledRoute) -> Option<Arc<Principal>> {
    let mapped = access.policy.rules().groups.contains_key(ANONYMOUS);
    let caller = mapped.then(policy::anonymous)?;
    let may_some = access.policy.allows(&caller, route.path(), Action::Stream);
    may_some.then(|| Arc::new(caller))
}

/// Why a call is refused in the end: who has shown nothing may yet show something.
pub(super) fn refused(
    context: &Context,
    exchange: &mut Exchange,
    access: Option<&Access>,
    reason: Reason,
) -> Reason {
    match (reason, access) {
        (Reason::Forbidden, Some(access)) if exchange.reply.anonymous => {
            tell_who_gives_tokens(context, exchange, access);
            Reason::Unauthenticated
        }
        (reason, _) => reason,
    }
}

fn tell_who_gives_tokens(context: &Context, exchange: &mut Exchange, access: &Access) {
    if !access.trust.issuers.is_empty() {
        exchange.reply.resource_metadata = Some(foreign::metadata_url(context, exchange));
    }
}

/// The token in `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

const X_AUTHORIZATION: HeaderName = HeaderName::from_static("x-authorization");
