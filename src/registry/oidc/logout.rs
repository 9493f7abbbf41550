//! Logging out: at the provider after here, and here after the provider.

use super::id_token::{self, Expected, LoggedOut};
use super::{Provider, Registry};
use crate::auth::verify::Rejection;
use crate::domain::issuer::{LogoutKind, TrustedIssuer};
use crate::domain::time::Timestamp;
use crate::http::Edge;
use crate::registry::Error;
use crate::registry::sessions::{Session, hash};
use crate::store::{AuditEntry, Bump, StoredLogout};

/// Why a log-out token changed nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::registry) enum LogoutError {
    /// No provider, or one that was never seen.
    #[error("no identity provider can log out here")]
    Unavailable,
    /// It does not count.
    #[error("the log-out token does not count")]
    Token(#[source] Rejection),
    /// Seen before.
    #[error("the log-out token was used before")]
    Used,
    /// Something of ours.
    #[error("could not end the sessions")]
    Own(#[from] Error),
}

impl Registry {
    /// Where a browser logs out at the provider too, with what the provider wants to see; to be
    /// asked before the session ends. None for other sessions and other providers.
    pub(in crate::registry) async fn logout_at_provider(
        &self,
        edge: &Edge,
        session: &Session,
    ) -> Result<Option<String>, Error> {
        let Some(provider) = self.provider() else {
            return Ok(None);
        };
        let mut transaction = self.0.store.read().await?;
        let identity = transaction.oidc().session(&session.id_hash).await?;
        drop(transaction);
        let identity = identity.filter(|one| one.issuer == provider.addresses.issuer());
        let end_session = provider.endpoints().and_then(|all| all.end_session.clone());
        let (Some(identity), Some(mut url)) = (identity, end_session) else {
            return Ok(None);
        };
        let back = format!("{}/login", self.public_base(edge));
        url.query_pairs_mut()
            .append_pair("id_token_hint", identity.id_token.expose())
            .append_pair("post_logout_redirect_uri", &back)
            .extend_pairs(provider.config.client_id.iter().map(|id| ("client_id", id)));
        Ok(Some(url.into()))
    }

    /// The provider says that somebody logged out (OpenID Connect Back-Channel Logout): sessions end,
    /// and gateways of this process refuse the tokens, when this returns.
    pub(in crate::registry) async fn logged_out_at_provider(
        &self,
        token: &str,
        request_id: &str,
    ) -> Result<(), LogoutError> {
        let provider = self.provider().ok_or(LogoutError::Unavailable)?;
        let client = provider.config.client_id.as_deref();
        let client = client.ok_or(LogoutError::Unavailable)?;
        let types = ["", "jwt", "logout+jwt"];
        let claims = self.open_provider_token(provider, token, &types).await;
        let claims = claims.map_err(LogoutError::Token)?;
        let expected = Expected {
            issuer: provider.addresses.issuer(),
            client,
            now: self.0.clock.now(),
        };
        let logged_out = id_token::check_logout(&claims, expected).map_err(LogoutError::Token)?;
        let registry = self.clone();
        let request_id = request_id.to_owned();
        // A task of its own: a provider that hangs up must not leave it half done.
        let task = self.0.tasks.spawn(async move {
            let provider = registry.provider().ok_or(LogoutError::Unavailable)?;
            registry.end_all(provider, &logged_out, &request_id).await
        });
        task.await
            .map_err(|_| Error::Internal("a log-out ended early"))?
    }

    async fn end_all(
        &self,
        provider: &Provider,
        logged_out: &LoggedOut,
        request_id: &str,
    ) -> Result<(), LogoutError> {
        let issuer = super::trusted(&provider.config).ok_or(LogoutError::Unavailable)?;
        let now = self.0.clock.now();
        let _writing = self.0.writing.lock().await;
        let mut transaction = self.0.store.begin().await.map_err(Error::from)?;
        let oidc = transaction.oidc();
        let id = hash(&format!("logout {}", logged_out.id));
        let once = oidc.use_once(&id, now.plus_seconds(REMEMBERED)).await;
        if !once.map_err(Error::from)? {
            return Err(LogoutError::Used);
        }
        let (subject, sid) = (logged_out.subject.as_deref(), logged_out.sid.as_deref());
        let ended = oidc.end_sessions(&issuer.issuer, subject, sid).await;
        let ended = ended.map_err(Error::from)?;
        for logout in entries(&issuer, logged_out, now) {
            oidc.log_out(&logout).await.map_err(Error::from)?;
        }
        let entry = AuditEntry {
            at: now,
            actor: provider.name().to_owned(),
            action: "session.logout".to_owned(),
            subject: subject.unwrap_or("a session").to_owned(),
            request_id: request_id.to_owned(),
            ..AuditEntry::default()
        };
        transaction
            .audit()
            .append(&entry)
            .await
            .map_err(Error::from)?;
        transaction.commit(Bump::Yes).await.map_err(Error::from)?;
        for id_hash in &ended {
            self.0.sessions.forget(id_hash);
        }
        tracing::info!(
            sessions = ended.len(),
            request.id = request_id,
            "somebody logged out at the identity provider"
        );
        Ok(self.reload_locked().await?)
    }
}

/// What gateways must know of it. A token that does not say to which session it belongs ends with
/// any session of its user.
fn entries(issuer: &TrustedIssuer, logged_out: &LoggedOut, now: Timestamp) -> Vec<StoredLogout> {
    let entry = |name: String| StoredLogout {
        name,
        at: logged_out.at,
        ends_at: now.plus_seconds(issuer.max_life),
    };
    let mut entries = Vec::new();
    if let Some(sid) = &logged_out.sid {
        entries.push(entry(issuer.session_id(sid).0.to_string()));
    }
    if let Some(subject) = &logged_out.subject {
        let kind = match logged_out.sid {
            Some(_) => LogoutKind::WithoutSession,
            None => LogoutKind::All,
        };
        entries.push(entry(issuer.logout_of(subject, kind)));
    }
    entries
}

/// Longer than any log-out token counts.
const REMEMBERED: i64 = 3_600;
