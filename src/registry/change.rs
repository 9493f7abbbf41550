//! One way for every change: unit of work with its audit entry, then the view, then the gateways,
//! then the answer.
//!
//! A change runs as a task of its own, so that a client that goes away cannot leave it durable but
//! not in use.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::accounts::Credentials;
use super::audit::{self, Difference};
use super::health::Health;
use super::policy::PolicyOrigin;
use super::view::{Entry, Servers, View};
use super::{Error, Registry};
use crate::catalog::snapshot::Access;
use crate::domain::ids::Revision;
use crate::domain::path::ServerPath;
use crate::domain::time::Timestamp;
use crate::domain::trust::TokenKey;
use crate::store::{self, Bump, StoredPolicy, StoredServer, Transaction};

/// Who changes something, in which request.
#[derive(Clone, Debug, Default)]
pub(super) struct Actor {
    /// User name.
    pub username: String,
    /// Names the request in the audit log.
    pub request_id: String,
    /// From which address.
    pub source: Option<IpAddr>,
    /// How they proved who they are; empty for the registry itself.
    pub auth_method: &'static str,
}

/// One kind of change.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Does it within the transaction. May run again when somebody else was faster.
    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(Self::Output, Effect), Error>;
}

/// What a change means for others.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// What the audit log says: action and subject. Empty: nothing has changed.
    pub(super) audit: Vec<(&'static str, String)>,
    /// What of it is different, where one thing was changed.
    pub(super) difference: Option<Difference>,
    /// Servers as they are now; `None` where one was removed.
    pub(super) servers: Vec<(ServerPath, Option<StoredServer>)>,
    /// The credentials that count from now on, where that has changed.
    pub(super) credentials: Option<Credentials>,
    /// A local user whose sessions were ended or may do something else now.
    pub(super) sessions_of: Option<String>,
    /// Sessions that have ended.
    pub(super) sessions: Vec<[u8; 32]>,
    /// More than is listed here is different for gateways: all is read again.
    pub(super) everything: bool,
    /// The policy as it is now.
    pub(super) policy: Option<StoredPolicy>,
    /// The keys with which gateways sign, as they are now, where one was taken out.
    pub(super) gateway_keys: Option<Vec<TokenKey>>,
}

impl Effect {
    fn bump(&self) -> Bump {
        let matters = !self.servers.is_empty()
            || self.credentials.is_some()
            || self.policy.is_some()
            || self.gateway_keys.is_some()
            || self.everything;
        if matters { Bump::Yes } else { Bump::No }
    }
}

impl Registry {
    /// Makes a change durable, audited and used.
    pub(super) async fn change<W: Work>(&self, actor: &Actor, work: W) -> Result<W::Output, Error> {
        let registry = self.clone();
        let actor = actor.clone();
        let task = self
            .0
            .tasks
            .spawn(async move { registry.change_now(&actor, &work).await });
        task.await
            .map_err(|_| Error::Internal("the change ended early"))?
    }

    async fn change_now<W: Work>(&self, actor: &Actor, work: &W) -> Result<W::Output, Error> {
        let _writing = self.0.writing.lock().await;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_change(actor, work).await {
                // Another replica was faster: judge again what is there now.
                Err(Error::Store(store::Error::Stale | store::Error::Exists))
                    if tries < MAX_TRIES => {}
                other => return other,
            }
        }
    }

    async fn try_change<W: Work>(&self, actor: &Actor, work: &W) -> Result<W::Output, Error> {
        let now = self.0.clock.now();
        let mut transaction = self.0.store.begin().await?;
        let (output, effect) = work.run(&mut *transaction, now).await?;
        if effect.audit.is_empty() {
            return Ok(output);
        }
        for said in &effect.audit {
            let entry = audit::entry(actor, now, said, effect.difference.as_ref());
            transaction.audit().append(&entry).await?;
        }
        let bump = effect.bump();
        let revision = transaction.commit(bump).await?;
        if let Some(username) = &effect.sessions_of {
            self.0.sessions.forget_user(username);
        }
        for id_hash in &effect.sessions {
            self.0.sessions.forget(id_hash);
        }
        if bump == Bump::Yes {
            self.take_up(revision, &effect).await?;
        }
        for (action, subject) in &effect.audit {
            tracing::info!(
                audit.action = action,
                audit.subject = subject,
                user.name = actor.username,
                request.id = actor.request_id,
                revision = revision.0,
                "changed"
            );
        }
        Ok(output)
    }

    /// Puts a committed change to use.
    async fn take_up(&self, revision: Revision, effect: &Effect) -> Result<(), Error> {
        let view = self.view();
        if effect.everything || revision.0 != view.revision.0 + 1 {
            // Or other replicas have changed something too.
            return self.reload_locked().await;
        }
        let mut servers = view.servers.clone();
        for (path, stored) in &effect.servers {
            let Some(stored) = stored else {
                servers.remove(path);
                continue;
            };
            let before = servers.get(path).cloned();
            let health = health_after(before.as_deref(), stored);
            let entry = Entry::new(stored.clone(), health, before.as_deref());
            servers.put(Arc::new(entry));
        }
        let mut access = Arc::clone(&view.access);
        if let Some(credentials) = &effect.credentials {
            credentials.put_into(&mut Arc::make_mut(&mut access).trust);
        }
        if let Some(keys) = &effect.gateway_keys {
            Arc::make_mut(&mut access)
                .trust
                .gateway_keys
                .clone_from(keys);
        }
        let mut policy = view.policy.clone();
        if let Some(stored) = &effect.policy {
            Arc::make_mut(&mut access).policy = stored.policy.clone();
            policy = PolicyOrigin::of(stored);
        }
        let cluster = view.cluster.clone();
        self.use_view(View::new(cluster, revision, servers, access, policy));
        Ok(())
    }

    /// Gateways of this process have it when this returns.
    pub(super) fn use_view(&self, view: View) {
        self.0.publisher.publish(Arc::new(view.snapshot()));
        self.0.view.send_replace(Arc::new(view));
    }

    /// Reads everything again, after another process has changed it.
    pub(super) async fn reload(&self) -> Result<(), Error> {
        let _writing = self.0.writing.lock().await;
        self.reload_locked().await
    }

    /// The same for who holds the lock on writing.
    pub(super) async fn reload_locked(&self) -> Result<(), Error> {
        let before = self.view();
        let mut transaction = self.0.store.read().await?;
        let (cluster, revision) = transaction.cluster().await?;
        if cluster == before.cluster && revision == before.revision {
            return Ok(());
        }
        let view = read_view(
            &mut *transaction,
            Some(&before),
            &before.access,
            &self.0.settings.auth.admin_user,
            self.0.clock.now(),
        )
        .await?;
        drop(transaction);
        self.use_view(view);
        Ok(())
    }
}

/// The whole view from the database; keeps what is known of health, and unchanged entries.
pub(super) async fn read_view(
    transaction: &mut dyn Transaction,
    before: Option<&View>,
    access: &Access,
    admin: &str,
    now: Timestamp,
) -> Result<View, Error> {
    let (cluster, revision) = transaction.cluster().await?;
    let mut servers = Servers::default();
    for stored in transaction.servers().list().await? {
        let path = &stored.definition.path;
        let old = before.and_then(|view| view.servers.get(path));
        let entry = match old {
            Some(entry) if entry.stored == stored => Arc::clone(entry),
            old => {
                let health = health_after(old.map(|old| &**old), &stored);
                Arc::new(Entry::new(stored, health, old.map(|old| &**old)))
            }
        };
        servers.put(entry);
    }
    let mut access = access.clone();
    Credentials::read(transaction, admin, now)
        .await?
        .put_into(&mut access.trust);
    super::oidc::put_into(transaction, &mut access.trust, now).await?;
    super::identity_keys::put_into(transaction, &mut access.trust).await?;
    let origin = match transaction.policy().find().await? {
        Some(stored) => {
            let origin = PolicyOrigin::of(&stored);
            // An unchanged one stays the same to whoever compares.
            if access.policy != stored.policy {
                access.policy = stored.policy;
            }
            origin
        }
        None => PolicyOrigin::default(),
    };
    let access = Arc::new(access);
    Ok(View::new(cluster, revision, servers, access, origin))
}

/// What was found at another address says nothing of this one.
fn health_after(before: Option<&Entry>, stored: &StoredServer) -> Health {
    before
        .filter(|old| old.stored.definition.proxy_pass_url == stored.definition.proxy_pass_url)
        .map(|old| old.health.clone())
        .unwrap_or_default()
}

const MAX_TRIES: u32 = 3;
