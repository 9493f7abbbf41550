//! MACs over session ids and their holders.
//!
//! # Why
//! Every call of a session shows its id and many answers repeat it. What was made for a session in use is
//! remembered, in a table of fixed size, since making it costs more than all that is decided on a call.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::fast::RandomState;

use super::Holder;
use crate::gateway::recent::{Entry, Recent};

/// Makes MACs.
pub(super) struct Macs {
    key: hmac::Key,
    hasher: RandomState,
    next: AtomicU64,
    made: Recent<Made>,
}

/// A MAC in base64url.
pub(super) type Text = [u8; CHARACTERS];

struct Made {
    /// Holder and id, as the MAC is over them.
    bound: Box<[u8]>,
    text: Text,
    number: u64,
}

impl Entry for Made {
    type Until = u64;

    /// The oldest goes first.
    fn until(&self) -> u64 {
        self.number
    }

    fn replaces(&self, other: &Self) -> bool {
        self.bound == other.bound
    }
}

impl Macs {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self {
            key,
            hasher: RandomState::default(),
            next: AtomicU64::new(0),
            made: Recent::new(ENTRIES),
        }
    }

    /// The MAC of an id that is handed out to this holder.
    pub(super) fn of(&self, id: &str, holder: Holder<'_>) -> Text {
        let hash = self.hash(id, holder);
        self.find(hash, id, holder).unwrap_or_else(|| {
            let text = self.make(id, holder);
            self.remember(hash, text, id, holder);
            text
        })
    }

    /// Whether this is the MAC of an id that this holder shows. What is wrong leaves no trace, so that
    /// nobody can push out what others use.
    pub(super) fn is_of(&self, shown: &str, id: &str, holder: Holder<'_>) -> bool {
        let hash = self.hash(id, holder);
        let known = self.find(hash, id, holder);
        let right = known.unwrap_or_else(|| self.make(id, holder));
        let same = verify_slices_are_equal(&right, shown.as_bytes()).is_ok();
        if same && known.is_none() {
            self.remember(hash, right, id, holder);
        }
        same
    }

    fn make(&self, id: &str, holder: Holder<'_>) -> Text {
        let mut mac = hmac::Context::with_key(&self.key);
        holder.write(&[id], |part| mac.update(part));
        let mut text = [b'-'; CHARACTERS];
        // Its length is that of a SHA-256 in base64, by definition of both.
        let written = URL_SAFE_NO_PAD.encode_slice(mac.sign(), &mut text);
        debug_assert_eq!(written.ok(), Some(CHARACTERS));
        text
    }

    fn hash(&self, id: &str, holder: Holder<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        holder.write(&[id], |part| hasher.write(part));
        hasher.finish()
    }

    fn find(&self, hash: u64, id: &str, holder: Holder<'_>) -> Option<Text> {
        self.made.find(hash, |made| {
            let mut rest = Some(&*made.bound);
            holder.write(&[id], |part| {
                rest = rest.and_then(|rest| rest.strip_prefix(part));
            });
            rest.is_some_and(<[u8]>::is_empty).then_some(made.text)
        })
    }

    fn remember(&self, hash: u64, text: Text, id: &str, holder: Holder<'_>) {
        let made = Made {
            bound: holder.bytes(id).into(),
            text,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        };
        self.made.keep(hash, made);
    }
}

impl fmt::Debug for Macs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Macs").finish_non_exhaustive()
    }
}

/// The MAC in base64url.
pub(super) const CHARACTERS: usize = 43;
/// Sessions in use at one time, about; others cost a MAC.
const ENTRIES: usize = 1024;

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::HMAC_SHA256;

    use super::*;
    use crate::domain::path::ServerPath;

    #[test]
    fn what_is_remembered_is_what_would_be_made() {
        let macs = Macs::new(hmac::Key::new(HMAC_SHA256, &[7; 32]));
        let servers = ["/a", "/b"].map(|path| ServerPath::parse(path).unwrap());
        let holder = |server| Holder {
            server,
            caller: None,
        };
        for id in (0..3 * ENTRIES).map(|id| id.to_string()) {
            let [one, other] = servers
                .each_ref()
                .map(|server| macs.of(&id, holder(server)));
            assert_ne!(one, other);
            assert_eq!(one, macs.make(&id, holder(&servers[0])));
            assert_eq!(one, macs.of(&id, holder(&servers[0])));
        }
        assert!(macs.made.len() <= ENTRIES);
    }

    #[test]
    fn wrong_ones_are_refused_and_not_remembered() {
        let macs = Macs::new(hmac::Key::new(HMAC_SHA256, &[7; 32]));
        let server = ServerPath::parse("/a").unwrap();
        let holder = Holder {
            server: &server,
            caller: None,
        };
        let right = macs.make("id", holder);
        let right = std::str::from_utf8(&right).unwrap();
        let wrong = "-".repeat(CHARACTERS);
        assert!(!macs.is_of(&wrong, "id", holder) && !macs.is_of("", "id", holder));
        assert_eq!(macs.made.len(), 0);
        for _ in 0..2 {
            assert!(macs.is_of(right, "id", holder));
            assert!(!macs.is_of(&wrong, "id", holder));
            assert_eq!(macs.made.len(), 1);
        }
    }
}
