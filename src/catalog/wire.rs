//! A snapshot as text: one JSON line per message, on the watch and on disk.
//!
//! Promises: a line that [`Codec::read`] accepts was written by somebody who holds the gateway
//! token and was not changed since; values that are secrets (header values, the session key) are
//! sealed beside that; a delta is applied only to the very revision that it was made from. Readers
//! ignore members and kinds of message that they do not know, so that one version more or less on
//! either side works; whatever changes the meaning of a known member raises [`FORMAT`], which older
//! readers refuse by name. Nothing here may do I/O or keep state between lines.
//!
//! Start with [`Codec`]; [`message`](self) types are private, their JSON is:
//!
//! | kind | members |
//! |---|---|
//! | all | `mac`, `salt`, `format`, `kind`, `cluster`, `revision` |
//! | `full` | `routes` (path → route), `access` or none |
//! | `delta` | `base` (revision), `set` (path → route), `remove` (paths), `access` where it changed |
//! | `heartbeat` | – |
//!
//! # Why
//! The MAC makes the registry prove itself on plain HTTP too, which is what decides whether another
//! cluster id is believed, and gives the file on disk its checksum. Each line has its own salt, so
//! that no nonce of AES-GCM can ever come twice under one key.

mod message;
mod seal;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::diff::{Difference, differences};
use super::snapshot::{Access, Routes, SessionKey, Snapshot};
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::path::ServerPath;
use crate::domain::secret::Secret;
use crate::domain::server::Route;

use message::{DeltaBody, Envelope, FullBody, HeartbeatBody, Kind, WireAccess, WireRoute};
use seal::{LineKeys, mac_and_rest};

pub use watch::watch_stream;

/// The major format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Where a registry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which registry.
    pub cluster: ClusterId,
    /// Its revision.
    pub revision: Revision,
}

impl Position {
    /// That of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            cluster: snapshot.cluster.clone(),
            revision: snapshot.revision,
        }
    }
}

/// What a line said.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Everything, whatever was before.
    Full(Arc<Snapshot>),
    /// What came of the base and its changes.
    Delta(Arc<Snapshot>),
    /// Nothing changed.
    Heartbeat(Position),
    /// Something that a later version says; nothing is lost by ignoring it.
    Unknown,
}

/// Why a line is not accepted. Holds nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Written by a later major version.
    #[error("the snapshot has format {0}, this program reads up to {FORMAT}; upgrade the gateway")]
    NewerFormat(u32),
    /// Cut off, or not ours at all.
    #[error("the snapshot is not readable ({0:?} error in line of JSON)")]
    Malformed(serde_json::error::Category),
    /// Changed on the way or on disk, or written with another token.
    #[error("the snapshot's MAC does not fit: it was changed, or the gateway tokens differ")]
    Mac,
    /// A sealed value that cannot be opened.
    #[error("a sealed value of the snapshot cannot be opened")]
    Sealed,
    /// A delta to something that we do not have.
    #[error("the delta was made for revision {0}, which is not the one at hand")]
    Base(Revision),
    /// No randomness, or a value that JSON cannot hold.
    #[error("the snapshot cannot be written")]
    Write,
}

impl Error {
    /// A stable label for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NewerFormat(_) => "newer_format",
            Self::Malformed(_) => "malformed",
            Self::Mac => "mac",
            Self::Sealed => "sealed",
            Self::Base(_) => "base",
            Self::Write => "write",
        }
    }

    fn malformed(error: &serde_json::Error) -> Self {
        Self::Malformed(error.classify())
    }
}

/// Writes and reads lines with one gateway token.
#[derive(Clone, Debug)]
pub struct Codec {
    token: Secret<String>,
}

impl Codec {
    /// With the token that both sides hold.
    pub const fn new(token: Secret<String>) -> Self {
        Self { token }
    }

    /// The whole snapshot; ends with a line feed.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn full(&self, snapshot: &Snapshot) -> Result<Bytes, Error> {
        let keys = LineKeys::fresh(&self.token)?;
        let routes = snapshot.routes.values();
        let body = FullBody {
            cluster: snapshot.cluster.clone(),
            revision: snapshot.revision,
            routes: seal_routes(&keys, &snapshot.cluster, routes)?,
            access: snapshot
                .access
                .as_deref()
                .map(|access| seal_access(&keys, &snapshot.cluster, access))
                .transpose()?,
        };
        keys.line(Kind::Full, &body)
    }

    /// What changed from one to the next; the whole one where that cannot be said as changes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn delta(&self, from: &Snapshot, to: &Snapshot) -> Result<Bytes, Error> {
        if from.cluster != to.cluster || (from.access.is_some() && to.access.is_none()) {
            return self.full(to);
        }
        let keys = LineKeys::fresh(&self.token)?;
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for difference in differences(&from.routes, &to.routes) {
            match difference {
                Difference::Added(_, route) | Difference::Changed(_, route) => set.push(route),
                Difference::Removed(path) => remove.push(path.clone()),
            }
        }
        let access = to.access.as_ref().filter(|new| {
            from.access
                .as_ref()
                .is_none_or(|old| !Arc::ptr_eq(old, new) && old != *new)
        });
        let body = DeltaBody {
            cluster: to.cluster.clone(),
            base: from.revision,
            revision: to.revision,
            set: seal_routes(&keys, &to.cluster, set.into_iter())?,
            remove,
            access: access
                .map(|access| seal_access(&keys, &to.cluster, access))
                .transpose()?,
        };
        keys.line(Kind::Delta, &body)
    }

    /// That nothing changed.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn heartbeat(&self, position: &Position) -> Result<Bytes, Error> {
        let keys = LineKeys::fresh(&self.token)?;
        let body = HeartbeatBody {
            cluster: position.cluster.clone(),
            revision: position.revision,
        };
        keys.line(Kind::Heartbeat, &body)
    }

    /// Reads a line (without its line feed, or with it). Routes and access that are as in `base`
    /// keep its `Arc`s.
    ///
    /// # Errors
    /// Why it is not accepted; then nothing of it may be used.
    pub fn read(&self, line: &[u8], base: Option<&Snapshot>) -> Result<Message, Error> {
        let line = line.trim_ascii_end();
        let envelope: Envelope<'_> =
            serde_json::from_slice(line).map_err(|error| Error::malformed(&error))?;
        if envelope.format > FORMAT {
            return Err(Error::NewerFormat(envelope.format));
        }
        let keys = LineKeys::of(&self.token, &envelope.salt)?;
        let (mac, rest) = mac_and_rest(line).ok_or(Error::Mac)?;
        keys.check(mac, rest)?;
        match envelope.kind {
            Kind::Full => read_full(&keys, line, base).map(Message::Full),
            Kind::Delta => read_delta(&keys, line, base).map(Message::Delta),
            Kind::Heartbeat => parse::<HeartbeatBody>(line).map(|body| {
                Message::Heartbeat(Position {
                    cluster: body.cluster,
                    revision: body.revision,
                })
            }),
            Kind::Unknown => Ok(Message::Unknown),
        }
    }
}

fn read_full(
    keys: &LineKeys,
    line: &[u8],
    base: Option<&Snapshot>,
) -> Result<Arc<Snapshot>, Error> {
    let body: FullBody = parse(line)?;
    let old = base.map(|base| &base.routes);
    let routes = open_routes(keys, &body.cluster, body.routes, old)?;
    let access = body
        .access
        .map(|access| open_access(keys, &body.cluster, access))
        .transpose()?;
    let access = access.map(|new| keep_access(new, base));
    Ok(Arc::new(Snapshot {
        cluster: body.cluster,
        revision: body.revision,
        routes,
        access,
    }))
}

fn read_delta(
    keys: &LineKeys,
    line: &[u8],
    base: Option<&Snapshot>,
) -> Result<Arc<Snapshot>, Error> {
    let body: DeltaBody = parse(line)?;
    let base = base
        .filter(|base| base.cluster == body.cluster && base.revision == body.base)
        .filter(|_| body.revision > body.base)
        .ok_or(Error::Base(body.base))?;
    let mut routes = base.routes.clone();
    for path in &body.remove {
        routes.remove(path);
    }
    routes.extend(open_routes(
        keys,
        &body.cluster,
        body.set,
        Some(&base.routes),
    )?);
    let access = match body.access {
        Some(access) => Some(keep_access(
            open_access(keys, &body.cluster, access)?,
            Some(base),
        )),
        None => base.access.clone(),
    };
    Ok(Arc::new(Snapshot {
        cluster: body.cluster,
        revision: body.revision,
        routes,
        access,
    }))
}

fn parse<'l, T: serde::Deserialize<'l>>(line: &'l [u8]) -> Result<T, Error> {
    serde_json::from_slice(line).map_err(|error| Error::malformed(&error))
}

/// The `Arc` at hand where nothing changed, so that what hangs on it is kept too.
fn keep_access(new: Access, base: Option<&Snapshot>) -> Arc<Access> {
    base.and_then(|base| base.access.as_ref())
        .filter(|old| ***old == new)
        .map_or_else(|| Arc::new(new), Arc::clone)
}

fn seal_routes<'r>(
    keys: &LineKeys,
    cluster: &ClusterId,
    routes: impl Iterator<Item = &'r Arc<Route>>,
) -> Result<BTreeMap<ServerPath, WireRoute>, Error> {
    routes
        .map(|route| Ok((route.path.clone(), WireRoute::seal(route, keys, cluster)?)))
        .collect()
}

fn open_routes(
    keys: &LineKeys,
    cluster: &ClusterId,
    routes: BTreeMap<ServerPath, WireRoute>,
    old: Option<&Routes>,
) -> Result<Routes, Error> {
    let open = |(path, sealed): (ServerPath, WireRoute)| {
        let route = sealed.open(path, keys, cluster)?;
        let kept = old
            .and_then(|old| old.get(&route.path))
            .filter(|kept| ***kept == route);
        let route = kept.map_or_else(|| Arc::new(route), Arc::clone);
        Ok((route.path.clone(), route))
    };
    routes.into_iter().map(open).collect()
}

fn seal_access(keys: &LineKeys, cluster: &ClusterId, access: &Access) -> Result<WireAccess, Error> {
    Ok(WireAccess {
        policy: access.policy.clone(),
        trust: access.trust.clone(),
        session_key: keys.seal(&[SESSION_KEY, &cluster.0], access.session_key.0.expose())?,
    })
}

fn open_access(keys: &LineKeys, cluster: &ClusterId, sealed: WireAccess) -> Result<Access, Error> {
    let key = keys.open(&[SESSION_KEY, &cluster.0], &sealed.session_key)?;
    let key: [u8; 32] = key
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| Error::Sealed)?;
    Ok(Access {
        policy: sealed.policy,
        trust: sealed.trust,
        session_key: SessionKey(Secret::new(key)),
    })
}

const SESSION_KEY: &str = "session-key";

#[cfg(test)]
mod tests;
