//! What reads are answered from: every server, already serialised, at one revision.
//!
//! A [`View`] is immutable and replaced as a whole; unchanged entries keep their `Arc`, and so do
//! their routes in the gateways' snapshots. A view made of the one before shares all but what changed,
//! so that a change costs the same among ten and ten thousand servers. The body of the whole list is put
//! together once per view, on first use.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use imbl::OrdMap;

use super::health::Health;
use super::info::ServerInfo;
use super::policy::PolicyOrigin;
use crate::catalog::Snapshot;
use crate::catalog::snapshot::{Access, Routes};
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::path::ServerPath;
use crate::domain::server::Route;
use crate::store::StoredServer;

/// Everything at one revision.
#[derive(Debug)]
pub(super) struct View {
    pub(super) cluster: ClusterId,
    pub(super) revision: Revision,
    pub(super) servers: Servers,
    pub(super) access: Arc<Access>,
    /// Where the policy in `access` is from.
    pub(super) policy: PolicyOrigin,
    all: OnceLock<Listing>,
}

/// All servers by path, and the part of them that gateways have.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    entries: OrdMap<ServerPath, Arc<Entry>>,
    routes: Routes,
}

/// One server.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stored: StoredServer,
    pub(super) health: Health,
    pub(super) json: Bytes,
    /// Its part of the gateways' table.
    route: Option<Arc<Route>>,
    digest: [u8; 32],
}

/// A list's body and entity tag.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) body: Bytes,
    pub(super) etag: String,
}

impl View {
    pub(super) const fn new(
        cluster: ClusterId,
        revision: Revision,
        servers: Servers,
        access: Arc<Access>,
        policy: PolicyOrigin,
    ) -> Self {
        Self {
            cluster,
            revision,
            servers,
            access,
            policy,
            all: OnceLock::new(),
        }
    }

    /// The whole list, as admins and gateways see it.
    pub(super) fn all(&self) -> &Listing {
        self.all.get_or_init(|| Listing::of(self.servers.values()))
    }

    /// What gateways need of it.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            cluster: self.cluster.clone(),
            revision: self.revision,
            routes: self.servers.routes.clone(),
            access: Some(Arc::clone(&self.access)),
        }
    }
}

impl Servers {
    /// In the order of their paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ServerPath, &Arc<Entry>)> {
        self.entries.iter()
    }

    /// The same without the paths, which are in the entries.
    pub(super) fn values(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|entry| &**entry)
    }

    pub(super) fn get(&self, path: &ServerPath) -> Option<&Arc<Entry>> {
        self.entries.get(path)
    }

    /// Adds one or puts it in the place of the one before.
    pub(super) fn put(&mut self, entry: Arc<Entry>) {
        let path = entry.stored.definition.path.clone();
        match &entry.route {
            Some(route) => self.routes.insert(path.clone(), Arc::clone(route)),
            None => self.routes.remove(&path),
        };
        self.entries.insert(path, entry);
    }

    pub(super) fn remove(&mut self, path: &ServerPath) {
        self.routes.remove(path);
        self.entries.remove(path);
    }
}

impl Entry {
    /// Serialises once; keeps the route's `Arc` of the entry it replaces where nothing changed in it.
    pub(super) fn new(stored: StoredServer, health: Health, before: Option<&Self>) -> Self {
        let info = ServerInfo::new(&stored, &health);
        // Texts, numbers and lists: this cannot fail.
        let json = Bytes::from(serde_json::to_vec(&info).unwrap_or_default());
        let route = stored.definition.route().map(|route| {
            match before.and_then(|old| old.route.as_ref()) {
                Some(old) if **old == route => Arc::clone(old),
                _ => Arc::new(route),
            }
        });
        let digest = digest(&json);
        Self {
            stored,
            health,
            json,
            route,
            digest,
        }
    }

    /// Its entity tag: of the definition, not of its health, so that a check never spoils an edit.
    pub(super) fn etag(&self) -> String {
        etag_of(&self.stored)
    }
}

/// The entity tag of a server.
pub(super) fn etag_of(server: &StoredServer) -> String {
    format!("\"{:x}-{}\"", server.created_at.unix(), server.version)
}

impl Listing {
    /// Path → info, in the order given.
    pub(super) fn of<'e>(entries: impl Iterator<Item = &'e Entry>) -> Self {
        let entries: Vec<_> = entries.collect();
        let length: usize = entries
            .iter()
            .map(|entry| entry.json.len() + entry.stored.definition.path.as_str().len() + 4)
            .sum();
        let mut body = BytesMut::with_capacity(length + 2);
        let mut context = Context::new(&SHA256);
        body.put_u8(b'{');
        for (index, entry) in entries.into_iter().enumerate() {
            if index > 0 {
                body.put_u8(b',');
            }
            // A path needs no escaping in JSON.
            body.put_u8(b'"');
            body.put_slice(entry.stored.definition.path.as_str().as_bytes());
            body.put_slice(b"\":");
            body.put_slice(&entry.json);
            context.update(&entry.digest);
        }
        body.put_u8(b'}');
        Self {
            body: body.freeze(),
            etag: tag(context.finish().as_ref()),
        }
    }

    /// The same body, told apart also by something that is not in it.
    pub(super) fn with(mut self, more: &str) -> Self {
        self.etag = tag(&digest(format!("{}{more}", self.etag).as_bytes()));
        self
    }

    /// A body in another form.
    pub(super) fn of_text(text: String) -> Self {
        Self {
            etag: tag(&digest(text.as_bytes())),
            body: Bytes::from(text),
        }
    }
}

fn tag(hash: &[u8]) -> String {
    format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(hash.get(..18).unwrap_or(hash))
    )
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref());
    digest
}
