//! The control plane: definitions, tokens, sessions, and the snapshots that gateways follow.
//!
//! Promises: a change is answered only when it is durable, audited, and in use by the gateways of
//! this process (read your writes); a change that cannot be audited does not happen. Must not
//! route MCP traffic. Start with [`Registry`], then [`view`] (what is kept in memory), [`servers`]
//! (changes) and [`api::router`] (how it is reached).

mod accounts;
mod addresses;
pub mod api;
mod audit;
mod change;
mod ends;
mod error;
mod files;
mod gateways;
mod health;
mod identity_keys;
mod import;
pub mod info;
mod key_uses;
mod keys;
mod login;
mod oidc;
mod open;
pub mod policy;
mod servers;
mod service_accounts;
mod sessions;
mod tokens;
mod users;
mod view;

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::error::Error;
pub use self::files::Error as FileError;
pub use self::open::{OpenError, Parts, Settings, gateway_token, reset_admin_password};
use crate::auth::gateway_token::GatewayTokens;
use crate::auth::verify::Verifier;
use crate::catalog::Publisher;
use crate::domain::time::Clock;
use crate::net::guard::AddressGuard;
use crate::store::Store;

/// The control plane's use cases; clones are handles to one registry.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    publisher: Arc<Publisher>,
    clock: Clock,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// What reads are answered from; replaced as a whole.
    view: watch::Sender<Arc<view::View>>,
    /// Orders "commit, replace the view, publish".
    writing: Mutex<()>,
    keys: keys::Keys,
    verifier: Arc<Verifier>,
    /// Where an identity provider is configured.
    oidc: Option<oidc::Provider>,
    gateway_tokens: Arc<GatewayTokens>,
    admin: login::LocalAdmin,
    sessions: sessions::Sessions,
    gateways: gateways::Gateways,
    /// When keys of gateways were last noted.
    seen_keys: identity_keys::Seen,
    key_uses: key_uses::KeyUses,
    /// Requests that wait for a change.
    held: Arc<Semaphore>,
    /// Pages that follow the servers' health.
    feeds: Arc<Semaphore>,
    /// Which addresses definitions may name.
    guard: Arc<AddressGuard>,
    settings: Settings,
}
