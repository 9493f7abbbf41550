//! Identity providers: their keys, sessions that began there, log-outs, what may be used once.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Unit;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::seal::Place;
use crate::store::sql::{Connection, Row, Value, with_checksum};
use crate::store::{
    Error, OidcRepository, Owner, StoredIdentity, StoredIssuer, StoredLogout, StoredProviderUser,
};

#[async_trait]
impl<C: Connection> OidcRepository for Unit<C> {
    async fn issuer(&mut self, issuer: &str) -> Result<Option<StoredIssuer>, Error> {
        let sql =
            "SELECT issuer, keys_url, keys, scopes, fetched_at FROM oidc_issuers WHERE issuer = $1";
        let rows = self.connection.fetch(sql, vec![issuer.into()]).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = row.reader("oidc_issuers");
        Ok(Some(StoredIssuer {
            issuer: row.text("issuer")?,
            keys_url: Some(row.text("keys_url")?).filter(|url| !url.is_empty()),
            keys: row.json("keys")?,
            scopes: row.json("scopes")?,
            fetched_at: row.moment("fetched_at")?,
        }))
    }

    async fn keep_issuer(&mut self, issuer: &StoredIssuer) -> Result<(), Error> {
        let sql = "INSERT INTO oidc_issuers (issuer, keys_url, keys, scopes, fetched_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (issuer) DO UPDATE SET \
                   keys_url = excluded.keys_url, keys = excluded.keys, \
                   scopes = excluded.scopes, fetched_at = excluded.fetched_at";
        let values = vec![
            issuer.issuer.as_str().into(),
            issuer.keys_url.as_deref().unwrap_or_default().into(),
            Value::json(&issuer.keys)?,
            Value::json(&issuer.scopes)?,
            issuer.fetched_at.into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn insert_session(&mut self, identity: &StoredIdentity) -> Result<(), Error> {
        let sql = "INSERT INTO oidc_sessions (id_hash, issuer, subject, sid, username, group_names, \
                   id_token, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let id_token = self
            .sealer
            .seal(
                place(&row_name(&identity.id_hash)),
                identity.id_token.expose().as_bytes(),
            )
            .map_err(|error| Error::Failed(error.into()))?;
        let values = with_checksum(vec![
            (&identity.id_hash).into(),
            identity.issuer.as_str().into(),
            identity.subject.as_str().into(),
            identity.sid.as_deref().unwrap_or_default().into(),
            identity.username.as_str().into(),
            Value::json(&identity.groups)?,
            Value::Bytes(id_token),
        ]);
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn session(&mut self, id_hash: &[u8; 32]) -> Result<Option<StoredIdentity>, Error> {
        let sql = "SELECT id_hash, issuer, subject, sid, username, group_names, id_token, checksum \
                   FROM oidc_sessions WHERE id_hash = $1";
        let rows = self.connection.fetch(sql, vec![id_hash.into()]).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = row.checked("oidc_sessions")?;
        let id_hash = row.hash("id_hash")?;
        let (issuer, subject, sid) = (row.text("issuer")?, row.text("subject")?, row.text("sid")?);
        let (username, groups) = (row.text("username")?, row.json("group_names")?);
        let sealed = row.bytes("id_token")?;
        let id_token = self
            .sealer
            .open(place(&row_name(&id_hash)), &sealed)
            .map_err(|error| row.corrupt("id_token", error.into()))?;
        let id_token =
            String::from_utf8(id_token).map_err(|error| row.corrupt("id_token", error.into()))?;
        Ok(Some(StoredIdentity {
            id_hash,
            issuer,
            subject,
            sid: Some(sid).filter(|sid| !sid.is_empty()),
            username,
            groups,
            id_token: Secret::new(id_token),
        }))
    }

    async fn end_sessions(
        &mut self,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
    ) -> Result<Vec<[u8; 32]>, Error> {
        let (sql, name) = match (sid, subject) {
            (Some(sid), _) => (
                "DELETE FROM oidc_sessions WHERE issuer = $1 AND sid = $2 RETURNING id_hash",
                sid,
            ),
            (None, Some(subject)) => (
                "DELETE FROM oidc_sessions WHERE issuer = $1 AND subject = $2 RETURNING id_hash",
                subject,
            ),
            (None, None) => return Ok(Vec::new()),
        };
        let values = vec![issuer.into(), name.into()];
        let rows = self.connection.fetch(sql, values).await?;
        let mut ended = Vec::with_capacity(rows.len());
        for row in rows {
            let id_hash = row.reader("oidc_sessions").hash("id_hash")?;
            let sql = "DELETE FROM sessions WHERE id_hash = $1";
            self.connection
                .execute(sql, vec![(&id_hash).into()])
                .await?;
            ended.push(id_hash);
        }
        Ok(ended)
    }

    async fn log_out(&mut self, logout: &StoredLogout) -> Result<(), Error> {
        let sql = "INSERT INTO oidc_logouts (name, at, ends_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET at = excluded.at, ends_at = excluded.ends_at \
                   WHERE oidc_logouts.at < excluded.at";
        let values = vec![
            logout.name.as_str().into(),
            logout.at.into(),
            logout.ends_at.into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn logouts(&mut self, now: Timestamp) -> Result<Vec<StoredLogout>, Error> {
        let sql = "SELECT name, at, ends_at FROM oidc_logouts WHERE ends_at > $1 ORDER BY name";
        let rows = self.connection.fetch(sql, vec![now.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = row.reader("oidc_logouts");
                Ok(StoredLogout {
                    name: row.text("name")?,
                    at: row.moment("at")?,
                    ends_at: row.moment("ends_at")?,
                })
            })
            .collect()
    }

    async fn user(&mut self, owner: &Owner) -> Result<Option<StoredProviderUser>, Error> {
        let sql = "SELECT provider, subject, username, group_names, seen_at FROM oidc_users \
                   WHERE provider = $1 AND subject = $2";
        let values = vec![
            owner.provider.as_str().into(),
            owner.subject.as_str().into(),
        ];
        let rows = self.connection.fetch(sql, values).await?;
        rows.into_iter().next().map(user).transpose()
    }

    async fn keep_user(&mut self, user: &StoredProviderUser) -> Result<(), Error> {
        let sql = "INSERT INTO oidc_users (provider, subject, username, group_names, seen_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (provider, subject) DO UPDATE SET \
                   username = excluded.username, group_names = excluded.group_names, \
                   seen_at = excluded.seen_at";
        let values = vec![
            user.owner.provider.as_str().into(),
            user.owner.subject.as_str().into(),
            user.username.as_str().into(),
            Value::json(&user.groups)?,
            user.seen_at.into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn users_called(&mut self, name: &str) -> Result<Vec<StoredProviderUser>, Error> {
        let sql = "SELECT provider, subject, username, group_names, seen_at FROM oidc_users \
                   WHERE username = $1 OR subject = $1 ORDER BY provider, subject";
        let rows = self.connection.fetch(sql, vec![name.into()]).await?;
        rows.into_iter().map(user).collect()
    }

    async fn use_once(&mut self, id: &[u8; 32], ends_at: Timestamp) -> Result<bool, Error> {
        let sql = "INSERT INTO oidc_used (id, ends_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        let values = vec![id.into(), ends_at.into()];
        self.connection
            .execute(sql, values)
            .await
            .map(|rows| rows > 0)
    }

    async fn purge(&mut self, now: Timestamp) -> Result<(), Error> {
        for sql in [
            "DELETE FROM oidc_logouts WHERE ends_at <= $1",
            "DELETE FROM oidc_used WHERE ends_at <= $1",
        ] {
            self.connection.execute(sql, vec![now.into()]).await?;
        }
        let sql = "DELETE FROM oidc_users WHERE seen_at <= $1";
        let forgotten = now.plus_seconds(-USER_MEMORY);
        self.connection.execute(sql, vec![forgotten.into()]).await?;
        let sql = "DELETE FROM oidc_sessions \
                   WHERE id_hash NOT IN (SELECT id_hash FROM sessions)";
        self.connection.execute(sql, vec![]).await.map(drop)
    }
}

fn user(row: Row) -> Result<StoredProviderUser, Error> {
    let mut row = row.reader("oidc_users");
    Ok(StoredProviderUser {
        owner: Owner {
            provider: row.text("provider")?,
            subject: row.text("subject")?,
        },
        username: row.text("username")?,
        groups: row.json("group_names")?,
        seen_at: row.moment("seen_at")?,
    })
}

fn row_name(id_hash: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(id_hash)
}

fn place(row: &str) -> Place<'_> {
    Place {
        column: "oidc_sessions.id_token",
        row,
    }
}

/// Seconds after which a user's last login no longer matters: longer than any key lives.
const USER_MEMORY: i64 = 400 * 86_400;
