//! Adding, changing and removing servers.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::audit::Difference;
use super::change::{Actor, Effect, Work};
use super::policy::Grants;
use super::view::etag_of;
use super::{Error, Registry, addresses};
use crate::domain::path::ServerPath;
use crate::domain::policy::Permission;
use crate::domain::server::ServerDefinition;
use crate::domain::time::Timestamp;
use crate::domain::validate::{self, Context, Source, patch};
use crate::http::etag::IfMatch;
use crate::net::guard::AddressGuard;
use crate::store::{self, StoredServer, Transaction};

impl Registry {
    /// Adds a server from what was written. Without the right to enable it, it starts disabled.
    pub(super) async fn create_server(
        &self,
        actor: &Actor,
        grants: &Grants,
        body: &Value,
    ) -> Result<StoredServer, Error> {
        let context = Context {
            source: Source::Api,
            default_host: &self.0.settings.default_host,
            existing: None,
        };
        let mut definition = validate::definition(body, &context)
            .map_err(Error::Invalid)?
            .definition;
        grants.need(Permission::Register, &definition.path)?;
        if definition.public && !grants.is_admin() {
            return Err(Error::AdminOnly("make a server public"));
        }
        if definition.enabled && !grants.may(Permission::Toggle, &definition.path) {
            if body.get("enabled").is_some() {
                return Err(Error::NotPermitted(Permission::Toggle, definition.path));
            }
            definition.enabled = false;
        }
        addresses::check(&definition, &self.0.guard)?;
        self.change(
            actor,
            Create {
                definition,
                by: actor.username.clone(),
            },
        )
        .await
    }

    /// Replaces or patches a server.
    pub(super) async fn update_server(
        &self,
        actor: &Actor,
        grants: Grants,
        path: ServerPath,
        update: Update,
        if_match: IfMatch,
    ) -> Result<StoredServer, Error> {
        let default_host = self.0.settings.default_host.clone();
        let by = actor.username.clone();
        self.change(
            actor,
            Change {
                path,
                update,
                grants,
                if_match,
                default_host,
                guard: Arc::clone(&self.0.guard),
                by,
            },
        )
        .await
    }

    /// Removes a server.
    pub(super) async fn remove_server(
        &self,
        actor: &Actor,
        path: ServerPath,
        if_match: IfMatch,
    ) -> Result<(), Error> {
        self.change(actor, Remove { path, if_match }).await
    }
}

/// How a server is to be changed.
#[derive(Debug)]
pub(super) enum Update {
    /// The whole definition.
    Replace(Value),
    /// A merge patch.
    Merge(Value),
}

struct Create {
    definition: ServerDefinition,
    by: String,
}

#[async_trait]
impl Work for Create {
    type Output = StoredServer;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredServer, Effect), Error> {
        let path = &self.definition.path;
        if transaction.servers().find(path).await?.is_some() {
            return Err(Error::Exists(path.clone()));
        }
        let stored = StoredServer {
            definition: self.definition.clone(),
            version: 1,
            created_at: now,
            created_by: self.by.clone(),
            updated_at: now,
            updated_by: self.by.clone(),
        };
        transaction.servers().insert(&stored).await?;
        let effect = effect("server.create", path, None, Some(&stored));
        Ok((stored, effect))
    }
}

struct Change {
    path: ServerPath,
    update: Update,
    grants: Grants,
    if_match: IfMatch,
    default_host: String,
    guard: Arc<AddressGuard>,
    by: String,
}

#[async_trait]
impl Work for Change {
    type Output = StoredServer;

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
    ) -> Result<(StoredServer, Effect), Error> {
        let existing = existing(transaction, &self.path, &self.if_match).await?;
        let patched;
        let body = match &self.update {
            Update::Replace(body) => body,
            Update::Merge(patch) => {
                patched = patch::patched(&existing.definition, patch);
                &patched
            }
        };
        let context = Context {
            source: Source::Api,
            default_host: &self.default_host,
            existing: Some(&existing.definition),
        };
        let definition = validate::definition(body, &context)
            .map_err(Error::Invalid)?
            .definition;
        if definition == existing.definition {
            return Ok((existing, Effect::default()));
        }
        self.judge(&existing.definition, &definition)?;
        addresses::check(&definition, &self.guard)?;
        let action = match (existing.definition.enabled, definition.enabled) {
            (false, true) => "server.enable",
            (true, false) => "server.disable",
            _ => "server.update",
        };
        let stored = StoredServer {
            definition,
            version: existing.version + 1,
            updated_at: now,
            updated_by: self.by.clone(),
            ..existing.clone()
        };
        match transaction.servers().update(&stored).await {
            Err(store::Error::Stale) if self.if_match.is_given() => {
                return Err(Error::Stale(self.path.clone()));
            }
            other => other?,
        }
        let effect = effect(action, &self.path, Some(&existing), Some(&stored));
        Ok((stored, effect))
    }
}

impl Change {
    /// Whether the caller may make each part of the change.
    fn judge(&self, before: &ServerDefinition, after: &ServerDefinition) -> Result<(), Error> {
        if before.enabled != after.enabled {
            self.grants.need(Permission::Toggle, &self.path)?;
        }
        let toggled = ServerDefinition {
            enabled: after.enabled,
            ..before.clone()
        };
        if toggled != *after {
            self.grants.need(Permission::Modify, &self.path)?;
        }
        if after.public && !before.public && !self.grants.is_admin() {
            return Err(Error::AdminOnly("make a server public"));
        }
        Ok(())
    }
}

struct Remove {
    path: ServerPath,
    if_match: IfMatch,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(
        &self,
        transaction: &mut dyn Transaction,
        _now: Timestamp,
    ) -> Result<((), Effect), Error> {
        let existing = existing(transaction, &self.path, &self.if_match).await?;
        if !transaction.servers().remove(&self.path).await? {
            return Err(Error::NoServer(self.path.clone()));
        }
        Ok((
            (),
            effect("server.remove", &self.path, Some(&existing), None),
        ))
    }
}

async fn existing(
    transaction: &mut dyn Transaction,
    path: &ServerPath,
    if_match: &IfMatch,
) -> Result<StoredServer, Error> {
    let Some(existing) = transaction.servers().find(path).await? else {
        return Err(Error::NoServer(path.clone()));
    };
    if !if_match.passes(&etag_of(&existing)) {
        return Err(Error::Stale(path.clone()));
    }
    Ok(existing)
}

/// What the audit log must show at a glance is part of the subject.
fn effect(
    action: &'static str,
    path: &ServerPath,
    before: Option<&StoredServer>,
    stored: Option<&StoredServer>,
) -> Effect {
    let mut subject = path.to_string();
    if let Some(definition) = stored.map(|stored| &stored.definition) {
        if definition.public {
            subject.push_str(" (public)");
        }
        if definition.tls.as_ref().is_some_and(|tls| tls.insecure) {
            subject.push_str(" (any certificate)");
        }
    }
    Effect {
        audit: vec![(action, subject)],
        difference: Some(Difference::of_server(before, stored)),
        servers: vec![(path.clone(), stored.cloned())],
        ..Effect::default()
    }
}
