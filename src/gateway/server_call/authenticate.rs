//! Phase four: who is calling a server, and by which token.

use std::sync::{Arc, LazyLock};

use super::super::fields::Name;
use super::super::foreign;
use super::super::pipeline::{Context, Exchange};
use super::super::reason::Reason;
use super::super::table::CompiledRoute;
use super::Call;
use crate::auth::api_key;
use crate::auth::verify::Rejection;
use crate::catalog::snapshot::Access;
use crate::domain::policy::{self, ANONYMOUS, Action};
use crate::domain::principal::Principal;

/// What a look at the token that was shown comes to.
pub(super) enum Judged<'r> {
    /// Whose it is; nobody where that is for an external auth server to say, or for nobody.
    Caller(Option<Arc<Principal>>),
    /// It takes longer to find out.
    Asks(foreign::Question<'r>, Rejection),
}

/// Checks the token that was shown. Cookies are never a credential here. Where an external auth
/// server is asked too, a token that is not known here leaves the caller open.
pub(super) async fn authenticate(
    context: &Context,
    exchange: &mut Exchange,
    route: &CompiledRoute,
    access: &Access,
) -> Result<Call, Reason> {
    if route.route.public {
        return Ok(Call::default());
    }
    let elsewhere = exchange.head.has(Name::XAuthorization);
    let verified = match judge(context, exchange, route, access, elsewhere) {
        Ok(Judged::Caller(caller)) => Ok(caller),
        Ok(Judged::Asks(question, rejection)) => {
            // Boxed: rare, and large.
            let asking = foreign::verify(&context.gateway, access, question, rejection);
            Box::pin(asking).await.map(Some)
        }
        Err(reason) => Err(reason),
    };
    let caller = verified?;
    if let Some(line) = &mut exchange.record.line {
        line.caller.clone_from(&caller);
    }
    Ok(Call {
        caller,
        own_token_elsewhere: elsewhere,
        ..Call::default()
    })
}

fn judge<'r>(
    context: &Context,
    exchange: &mut Exchange,
    route: &'r CompiledRoute,
    access: &Access,
    elsewhere: bool,
) -> Result<Judged<'r>, Reason> {
    let field = if elsewhere {
        Name::XAuthorization
    } else {
        Name::Authorization
    };
    let token = exchange.head.field_str(field).and_then(bearer);
    exchange.reply.token_shown = token.is_some();
    let judge_comes = context.gateway.external.is_some();
    let Some(token) = token else {
        if judge_comes {
            return Ok(Judged::Caller(None));
        }
        let nothing_shown = !exchange.head.has(field);
        let anonymous = nothing_shown.then(|| anonymous(access, route)).flatten();
        exchange.reply.anonymous = anonymous.is_some();
        let anonymous = anonymous.ok_or(Reason::Unauthenticated)?;
        return Ok(Judged::Caller(Some(anonymous)));
    };
    if judge_comes && access.is_left_to_verdict() {
        // The auth server knows whom it lets in.
        return Ok(Judged::Caller(None));
    }
    match context.gateway.verifier.verify(&access.trust, token) {
        Ok(caller) => Ok(Judged::Caller(Some(caller))),
        Err(rejection) if judge_comes && is_of_others(rejection, token) => Ok(Judged::Caller(None)),
        // What takes longer, and what comes of providers only.
        Err(rejection) if !access.trust.issuers.is_empty() => {
            let question = foreign::Question {
                token: token.to_owned(),
                base: foreign::own_base(context, exchange),
                path: route.path().as_str(),
            };
            Ok(Judged::Asks(question, rejection))
        }
        Err(rejection) => Err(foreign::reason(rejection)),
    }
}

/// Whether a token may be one of those that only the auth server knows. What is ours, or of a
/// provider that the registry knows, is judged here: an agreement from elsewhere brings no token
/// back that was revoked.
fn is_of_others(rejection: Rejection, token: &str) -> bool {
    let unknown = matches!(
        rejection,
        Rejection::Malformed
            | Rejection::Header
            | Rejection::Algorithm
            | Rejection::Type
            | Rejection::UnknownKey
            | Rejection::Issuer
    );
    unknown && !token.starts_with(api_key::PREFIX)
}

/// Somebody without a credential, where the policy gives such callers anything at this server.
fn anonymous(access: &Access, route: &CompiledRoute) -> Option<Arc<Principal>> {
    static NOBODY: LazyLock<Arc<Principal>> = LazyLock::new(|| Arc::new(policy::anonymous()));
    let mapped = access.policy.rules().groups.contains_key(ANONYMOUS);
    let may_some = mapped && access.policy.allows(&NOBODY, route.path(), Action::Stream);
    may_some.then(|| Arc::clone(&NOBODY))
}

/// The token in `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
