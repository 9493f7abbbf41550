//! Who may come in: the caps, and who makes room.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::net::idle_io::Activity;

/// How many connections may be open.
#[derive(Clone, Debug)]
pub struct Caps {
    /// In all.
    pub total: usize,
    /// Of one address (IPv6: of one /64).
    pub per_address: usize,
    /// Addresses that the second does not bind, besides loopback: trusted proxies.
    pub exempt: Vec<IpNet>,
}

/// Why a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// Its address has too many.
    Address,
    /// There are too many in all, and none of them is silent.
    Total,
}

impl TurnedAway {
    /// Label for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Total => "total",
        }
    }
}

/// The count of open connections, shared by all listeners. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caps: Caps,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    seats: HashMap<u64, Seat>,
    /// Only of addresses that the per-address cap binds.
    by_address: HashMap<IpAddr, usize>,
    said_full: Option<Instant>,
}

#[derive(Debug)]
struct Seat {
    activity: Arc<Activity>,
    evict: CancellationToken,
    counted_as: Option<IpAddr>,
}

impl Admission {
    /// Counts against these caps.
    pub fn new(caps: Caps) -> Self {
        Self(Arc::new(Inner {
            caps,
            table: Mutex::default(),
        }))
    }

    /// Open connections.
    pub fn open(&self) -> usize {
        self.0.table().seats.len()
    }

    /// Counts one connection in, or says why not.
    ///
    /// At the total, connections that never sent a byte, then those without a request, are told to
    /// go ([`Permit::evicted`]), longest silence first, and this one takes their place.
    ///
    /// # Errors
    /// The cap that is in the way.
    pub fn admit(&self, peer: IpAddr) -> Result<Permit, TurnedAway> {
        let counted_as = self.0.counted_as(peer);
        let mut table = self.0.table();
        let turned_away = if counted_as.is_some_and(|address| {
            table
                .by_address
                .get(&address)
                .is_some_and(|open| *open >= self.0.caps.per_address)
        }) {
            Some(TurnedAway::Address)
        } else if table.seats.len() >= self.0.caps.total && table.make_room(self.0.batch()) == 0 {
            Some(TurnedAway::Total)
        } else {
            None
        };
        if let Some(why) = turned_away {
            drop(table);
            metrics::counter!("mcp_connections_refused_total", "reason" => why.reason())
                .increment(1);
            return Err(why);
        }
        let seat = Seat {
            activity: Activity::new(),
            evict: CancellationToken::new(),
            counted_as,
        };
        let permit = Permit {
            inner: Arc::clone(&self.0),
            id: table.next,
            activity: Arc::clone(&seat.activity),
            evict: seat.evict.clone(),
        };
        table.sit(seat);
        Ok(permit)
    }
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under which address a peer counts; `None`: it is exempt.
    fn counted_as(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if peer.is_loopback() || self.caps.exempt.iter().any(|range| range.contains(&peer)) {
            return None;
        }
        Some(match peer {
            IpAddr::V4(_) => peer,
            IpAddr::V6(v6) => {
                Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << HOST_BITS_OF_ONE_PEER)).into()
            }
        })
    }

    /// How many make room at once, so that a flood does not pay one search each.
    fn batch(&self) -> usize {
        (self.caps.total / 100).clamp(1, 64)
    }
}

impl Table {
    fn sit(&mut self, seat: Seat) {
        if let Some(address) = seat.counted_as {
            *self.by_address.entry(address).or_default() += 1;
        }
        self.seats.insert(self.next, seat);
        self.next = self.next.wrapping_add(1);
    }

    /// A seat is free; does nothing where it was taken away before.
    fn leave(&mut self, id: u64) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        if let Some(address) = seat.counted_as
            && let Some(open) = self.by_address.get_mut(&address)
        {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(seat)
    }

    /// Sends the most silent connections away, at most `batch`; says how many went.
    fn make_room(&mut self, batch: usize) -> usize {
        let mut silent: Vec<(bool, Duration, u64)> = self
            .seats
            .iter()
            .filter(|(_, seat)| !seat.activity.is_busy())
            .map(|(id, seat)| (!seat.activity.has_read(), seat.activity.idle(), *id))
            .filter(|(never_spoke, idle, _)| *never_spoke || *idle >= SHORTEST_SILENCE)
            .collect();
        silent.sort_unstable_by(|one, other| other.cmp(one));
        silent.truncate(batch);
        for (_, _, id) in &silent {
            if let Some(seat) = self.leave(*id) {
                seat.evict.cancel();
            }
        }
        if !silent.is_empty() {
            self.say_full();
            metrics::counter!("mcp_connections_evicted_total").increment(silent.len() as u64);
        }
        silent.len()
    }

    /// Logs that the house is full, at most once in ten seconds: a flood must not fill the log too.
    fn say_full(&mut self) {
        if self
            .said_full
            .is_some_and(|last| last.elapsed() < BETWEEN_WORDS)
        {
            return;
        }
        self.said_full = Some(Instant::now());
        tracing::warn!(
            connections.open = self.seats.len(),
            "at the limit of connections; the most silent ones make room"
        );
    }
}

/// The right to one connection; dropping it frees the place.
#[derive(Debug)]
#[must_use = "dropping the permit frees the connection's place"]
pub struct Permit {
    inner: Arc<Inner>,
    id: u64,
    activity: Arc<Activity>,
    evict: CancellationToken,
}

impl Permit {
    /// The connection's record, to be kept by a [`crate::net::idle_io::Watched`]; it decides who is
    /// silent.
    pub const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Cancelled when this connection must make room for another.
    pub const fn evicted(&self) -> &CancellationToken {
        &self.evict
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.table().leave(self.id);
    }
}

/// An IPv6 peer owns a /64 at least.
const HOST_BITS_OF_ONE_PEER: u32 = 64;
/// A warning is not repeated within this time.
const BETWEEN_WORDS: Duration = Duration::from_secs(10);
/// A connection without a request that spoke this recently is not silent.
const SHORTEST_SILENCE: Duration = Duration::from_secs(1);
