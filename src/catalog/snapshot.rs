//! What a gateway knows.

use std::sync::Arc;

use imbl::OrdMap;

use crate::domain::ids::{ClusterId, Revision};
use crate::domain::path::ServerPath;
use crate::domain::policy::Policy;
use crate::domain::secret::Secret;
use crate::domain::server::Route;
use crate::domain::trust::Trust;

/// Key for the MACs and seals that any replica of the gateway must be able to check: session ids,
/// message URLs of legacy streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey(pub Secret<[u8; 32]>);

/// Routes by path. A copy shares everything with its original until one of them is changed, and then
/// all but the way to what was changed.
pub type Routes = OrdMap<ServerPath, Arc<Route>>;

/// Everything a gateway needs, at one revision. Immutable; unchanged routes keep their `Arc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Which registry it is from.
    pub cluster: ClusterId,
    /// Grows strictly within a cluster.
    pub revision: Revision,
    /// Enabled servers only.
    pub routes: Routes,
    /// Who may do what, and whose tokens count. `None`: the registry offers only its list of
    /// servers, so that an external auth server must decide.
    pub access: Option<Arc<Access>>,
}

impl Snapshot {
    /// The server with the longest path that the canonical `path` lies at or below, and what lies
    /// below it (empty or starting with a slash).
    pub fn find<'p>(&self, path: &'p str) -> Option<(&Arc<Route>, &'p str)> {
        let ends = path.match_indices('/').map(|(place, _)| place).skip(1);
        ends.chain([path.len()])
            .filter_map(|end| {
                let (prefix, below) = path.split_at_checked(end)?;
                Some((self.routes.get(prefix)?, below))
            })
            .last()
    }
}

/// The part of a snapshot that decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// Scopes and what they allow.
    pub policy: Policy,
    /// Whose tokens count.
    pub trust: Trust,
    /// For what this and other gateways hand out to clients.
    pub session_key: SessionKey,
}

impl Access {
    /// Where the registry offers no policy and another server's verdict decides: no token counts
    /// here, and no policy allows anything.
    pub fn left_to_verdict(session_key: SessionKey) -> Self {
        Self {
            policy: Policy::default(),
            trust: Trust::default(),
            session_key,
        }
    }

    /// Whether it is such a one. A registry always names an issuer.
    pub fn is_left_to_verdict(&self) -> bool {
        self.trust.issuer.is_empty()
    }
}
