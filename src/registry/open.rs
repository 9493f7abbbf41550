//! Bringing a registry up: secrets, keys, the first view, imports, the first snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gateways::Gateways;
use super::identity_keys::Seen;
use super::key_uses::KeyUses;
use super::keys::Keys;
use super::login::LocalAdmin;
use super::sessions::Sessions;
use super::view::View;
use super::{Inner, Registry, change, files, keys, oidc};
use crate::auth::gateway_token::{GatewayTokens, TooShort};
use crate::auth::issue::AUDIENCE;
use crate::auth::password::PasswordHash;
use crate::auth::verify::Verifier;
use crate::catalog::Publisher;
use crate::catalog::snapshot::Access;
use crate::config::{
    AuditConfig, AuthConfig, CatalogConfig, HttpConfig, NetworkConfig, OidcConfig, RegistryConfig,
};
use crate::domain::policy::Policy;
use crate::domain::secret::Secret;
use crate::domain::time::Clock;
use crate::domain::trust::Trust;
use crate::http::body::BodyLimits;
use crate::net::guard::AddressGuard;
use crate::store::{Bump, Store};

/// What a registry works with.
#[derive(Debug)]
pub struct Parts {
    /// Its database.
    pub store: Arc<dyn Store>,
    /// Who gets its snapshots.
    pub publisher: Arc<Publisher>,
    /// The time.
    pub clock: Clock,
    /// Owner of what it spawns.
    pub tasks: TaskTracker,
    /// Ends what waits.
    pub stop: CancellationToken,
}

/// How a registry is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `full` or `registry`, for clients that ask.
    pub mode: &'static str,
    /// Generated secrets lie here, and definitions where no other folder is named.
    pub data_dir: PathBuf,
    /// Host of definitions that name only a port.
    pub default_host: String,
    /// The machine's own name, served as a host.
    pub machine_name: Option<String>,
    /// `[registry]`.
    pub registry: RegistryConfig,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[auth]`.
    pub auth: AuthConfig,
    /// `[audit]`: how long uses of servers are kept.
    pub audit: AuditConfig,
    /// `[oidc]`: an identity provider.
    pub oidc: OidcConfig,
    /// `[network]`: which addresses definitions may name.
    pub network: NetworkConfig,
    /// `[catalog]`: the gateways' token, heartbeat and coalescing of the watch.
    pub catalog: CatalogConfig,
}

/// Why a registry does not come up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A generated secret.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A configured gateway token.
    #[error(transparent)]
    Token(#[from] TooShort),
    /// Keys in the database.
    #[error("could not read or make the registry's keys")]
    Keys(#[source] anyhow::Error),
    /// The database.
    #[error("could not read the registry's database")]
    Store(#[from] crate::store::Error),
    /// The identity provider's settings.
    #[error("could not set up the identity provider")]
    Oidc(#[source] anyhow::Error),
    /// Anything else on the way.
    #[error("could not start the registry")]
    Registry(#[from] super::Error),
}

impl Registry {
    /// Brings a registry up. The first snapshot is published when this returns.
    ///
    /// # Errors
    /// What stands in the way, with its remedy.
    pub async fn open(parts: Parts, settings: Settings) -> Result<Self, OpenError> {
        let gateway_tokens = Arc::new(gateway_tokens(&settings)?);
        let admin = local_admin(&settings, &parts.tasks).await?;
        let (keys, view) = load(&*parts.store, &parts.clock, &settings).await?;
        let verifier = Arc::new(Verifier::new(
            parts.clock.clone(),
            settings.auth.verified_ttl.get(),
            settings.auth.verified_entries,
        ));
        let oidc = oidc::Provider::new(&settings, &verifier).map_err(OpenError::Oidc)?;
        let folder = settings
            .registry
            .servers_dir
            .clone()
            .unwrap_or_else(|| settings.data_dir.join("servers"));
        let registry = Self(Arc::new(Inner {
            sessions: Sessions::new(&settings.auth, parts.store.is_shared()),
            store: parts.store,
            publisher: parts.publisher,
            clock: parts.clock,
            tasks: parts.tasks,
            stop: parts.stop,
            view: watch::Sender::new(Arc::new(view)),
            writing: Mutex::new(()),
            keys,
            verifier,
            oidc,
            gateway_tokens,
            admin,
            gateways: Gateways::default(),
            seen_keys: Seen::default(),
            key_uses: KeyUses::default(),
            held: Arc::new(Semaphore::new(settings.registry.held_requests)),
            feeds: Arc::new(Semaphore::new(MAX_FEEDS)),
            guard: Arc::new(AddressGuard::new(&settings.network)),
            settings,
        }));
        registry.import(&folder).await?;
        registry.import_policy().await?;
        registry
            .0
            .publisher
            .publish(Arc::new(registry.view().snapshot()));
        Ok(registry)
    }

    /// What runs beside the requests, until the stop token: follows changes of other replicas and
    /// forgets what has ended. To be restarted when it ends otherwise.
    pub async fn run(self) {
        let mut purge = tokio::time::interval(PURGE);
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = self.0.store.changed_elsewhere() => {
                    if let Err(error) = self.reload().await {
                        tracing::warn!(error = &error as &dyn std::error::Error, "could not read what another replica changed");
                        tokio::time::sleep(RETRY).await;
                    }
                }
                _ = purge.tick() => {
                    if let Err(error) = self.purge().await {
                        tracing::warn!(error = &error as &dyn std::error::Error, "could not forget ended sessions and tokens");
                    }
                    if let Err(error) = self.purge_access().await {
                        tracing::warn!(error = &error as &dyn std::error::Error, "could not forget old uses of servers");
                    }
                }
            }
        }
    }

    /// How much of a request's body is taken.
    pub(super) fn body_limits(&self) -> BodyLimits {
        let config = &self.0.settings.registry;
        BodyLimits {
            bytes: config.body_bytes.bytes(),
            idle: config.body_idle.get(),
        }
    }

    /// What reads are answered from.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.view.borrow())
    }
}

fn gateway_tokens(settings: &Settings) -> Result<GatewayTokens, OpenError> {
    if let Some(list) = &settings.catalog.token {
        return Ok(GatewayTokens::parse(list.expose())?);
    }
    let token = gateway_token(&settings.data_dir)?;
    Ok(GatewayTokens::parse(token.expose())?)
}

/// The generated token of the gateways, in `gateway-token` in the data directory; made where it is
/// missing.
///
/// # Errors
/// When the file can be neither read nor made.
pub fn gateway_token(data_dir: &Path) -> Result<Secret<String>, files::Error> {
    let path = data_dir.join("gateway-token");
    let (token, made) = files::secret(&path, 32)?;
    if made {
        tracing::info!(file = %path.display(), "made a token for gateways");
    }
    Ok(token)
}

/// Makes a new password for the local admin and answers the file that holds it; a registry takes
/// it into use when it starts.
///
/// # Errors
/// The file cannot be written.
pub fn reset_admin_password(data_dir: &Path) -> Result<PathBuf, files::Error> {
    let path = data_dir.join(ADMIN_PASSWORD);
    files::replace(&path, PASSWORD_BYTES)?;
    Ok(path)
}

async fn local_admin(settings: &Settings, tasks: &TaskTracker) -> Result<LocalAdmin, OpenError> {
    let password = if let Some(password) = &settings.auth.admin_password {
        password.clone()
    } else {
        let path = settings.data_dir.join(ADMIN_PASSWORD);
        let (password, made) = files::secret(&path, PASSWORD_BYTES)?;
        if made {
            tracing::info!(file = %path.display(), user.name = settings.auth.admin_user,
                "made a password for the local admin");
        }
        password
    };
    let hashing = tasks.spawn_blocking(move || PasswordHash::new(password.expose()));
    let hash = hashing
        .await
        .map_err(anyhow::Error::from)
        .and_then(|hash| hash.map_err(anyhow::Error::from))
        .map_err(OpenError::Keys)?;
    Ok(LocalAdmin::new(
        settings.auth.admin_user.clone(),
        hash,
        settings.auth.login_failures,
    ))
}

async fn load(
    store: &dyn Store,
    clock: &Clock,
    settings: &Settings,
) -> Result<(Keys, View), OpenError> {
    let mut transaction = store.begin().await?;
    let (cluster, _) = transaction.cluster().await?;
    let keys = keys::load(&mut *transaction, &cluster)
        .await
        .map_err(OpenError::Keys)?;
    let access = Access {
        policy: Policy::default(),
        trust: Trust {
            issuer: keys.issuer.issuer().to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: vec![keys.issuer.public_key().clone()],
            issuers: oidc::trusted(&settings.oidc)
                .into_iter()
                .map(Arc::new)
                .collect(),
            ..Trust::default()
        },
        session_key: keys.session.clone(),
    };
    let view = change::read_view(
        &mut *transaction,
        None,
        &access,
        &settings.auth.admin_user,
        clock.now(),
    )
    .await?;
    transaction.commit(Bump::No).await?;
    Ok((keys, view))
}

const ADMIN_PASSWORD: &str = "admin-password";
const PASSWORD_BYTES: usize = 18;
const MAX_FEEDS: usize = 100;
const PURGE: Duration = Duration::from_mins(10);
const RETRY: Duration = Duration::from_secs(1);
