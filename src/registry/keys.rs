//! Keys that are made once and kept in the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::issue::Issuer;
use crate::catalog::SessionKey;
use crate::domain::ids::ClusterId;
use crate::domain::secret::Secret;
use crate::store::Transaction;

/// The registry's keys.
#[derive(Debug)]
pub(super) struct Keys {
    /// Signs tokens.
    pub(super) issuer: Issuer,
    /// For what gateways hand out to clients.
    pub(super) session: SessionKey,
    /// Seals what browsers keep while they log in elsewhere.
    pub(super) login: Secret<Vec<u8>>,
}

/// Reads the keys, making those that are not there yet; the caller commits.
pub(super) async fn load(
    transaction: &mut dyn Transaction,
    cluster: &ClusterId,
) -> Result<Keys, anyhow::Error> {
    let keys = transaction.keys();
    let signing = match keys.find(SIGNING).await? {
        Some(key) => key,
        None => keys.keep(SIGNING, Issuer::new_key()?).await?,
    };
    let session = match keys.find(SESSION).await? {
        Some(key) => key,
        None => {
            keys.keep(SESSION, Secret::new(random::<32>()?.to_vec()))
                .await?
        }
    };
    let login = match keys.find(LOGIN).await? {
        Some(key) => key,
        None => {
            keys.keep(LOGIN, Secret::new(random::<32>()?.to_vec()))
                .await?
        }
    };
    let session: [u8; 32] = session
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| anyhow::anyhow!("the stored session key has another length"))?;
    Ok(Keys {
        issuer: Issuer::new(&signing, &cluster.0)?,
        session: SessionKey(Secret::new(session)),
        login,
    })
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], anyhow::Error> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no randomness"))?;
    Ok(bytes)
}

/// A random id of 128 bits, fit for URLs.
pub(super) fn random_id() -> Result<String, super::Error> {
    random::<16>()
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
        .map_err(|_| super::Error::Internal("no randomness"))
}

const SIGNING: &str = "token-signing";
const SESSION: &str = "session";
const LOGIN: &str = "login";
