//! A database of its own for each test, and things to put into it.

use std::sync::Arc;

use crate::config::store::StoreConfig;
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::ids::TokenId;
use crate::domain::path::ServerPath;
use crate::domain::secret::Secret;
use crate::domain::server::{ServerDefinition, Transport, UpstreamHeader};
use crate::domain::time::{Clock, Timestamp};
use crate::store::{LOCAL, OpenError, Owner, Sealer, Store, StoredServer, StoredToken, open};

pub(in crate::store) const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
pub(in crate::store) const SECRET: &str = "the operator's own secret";
/// Must not be found in anything stored.
pub(in crate::store) const UPSTREAM_SECRET: &str = "Bearer upstream-credential-5f1c";

/// A place for one database; opened as often as a test likes.
#[derive(Debug)]
pub(in crate::store) struct Fixture {
    config: StoreConfig,
    dir: tempfile::TempDir,
    #[cfg(feature = "postgres")]
    schema: String,
}

impl Fixture {
    pub(in crate::store) fn sqlite() -> Self {
        Self {
            config: StoreConfig {
                database_url: None,
                connections: 4,
            },
            dir: tempfile::tempdir().unwrap(),
            #[cfg(feature = "postgres")]
            schema: String::new(),
        }
    }

    pub(in crate::store) async fn open(&self) -> Arc<dyn Store> {
        self.try_open(SECRET).await.unwrap()
    }

    pub(in crate::store) async fn try_open(
        &self,
        secret: &str,
    ) -> Result<Arc<dyn Store>, OpenError> {
        let sealer = Sealer::from_secret(secret).unwrap();
        open(&self.config, self.dir.path(), sealer, &Clock::manual(NOW)).await
    }
}

#[cfg(feature = "postgres")]
impl Fixture {
    /// Nothing, said once on standard error, where no server is named.
    pub(in crate::store) async fn postgres() -> Option<Self> {
        let Some(server) = std::env::var("MCP_TEST_POSTGRES_URL").ok() else {
            SKIPPED.call_once(|| {
                // Not `eprintln!`, which the harness hides for tests that pass.
                let line = "SKIPPED: the store on PostgreSQL; MCP_TEST_POSTGRES_URL is not set\n";
                std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
            });
            return None;
        };
        let schema = format!("t{}", crate::store::unit::random_id().unwrap());
        execute(&server, format!("CREATE SCHEMA {schema}")).await;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options[search_path]={schema}");
        Some(Self {
            config: StoreConfig {
                database_url: Some(Secret::new(url)),
                connections: 4,
            },
            dir: tempfile::tempdir().unwrap(),
            schema,
        })
    }

    pub(in crate::store) fn url(&self) -> &str {
        self.config.database_url.as_ref().unwrap().expose()
    }

    pub(in crate::store) fn schema(&self) -> &str {
        &self.schema
    }

    pub(in crate::store) async fn clean(self) {
        execute(self.url(), format!("DROP SCHEMA {} CASCADE", self.schema)).await;
    }
}

#[cfg(feature = "postgres")]
static SKIPPED: std::sync::Once = std::sync::Once::new();

#[cfg(feature = "postgres")]
async fn execute(url: &str, sql: String) {
    use sqlx::Connection as _;

    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

impl Fixture {
    /// Every byte that reached the disk.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "only PostgreSQL has to be asked")
    )]
    pub(in crate::store) async fn stored_bytes(&self) -> Vec<u8> {
        #[cfg(feature = "postgres")]
        if self.config.database_url.is_some() {
            return self.stored_columns().await;
        }
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            bytes.append(&mut std::fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }

    #[cfg(feature = "postgres")]
    async fn stored_columns(&self) -> Vec<u8> {
        use sqlx::Connection as _;

        let mut connection = sqlx::PgConnection::connect(self.url()).await.unwrap();
        let sql = "SELECT convert_to(definition, 'UTF8') FROM servers UNION ALL \
                   SELECT headers FROM servers WHERE headers IS NOT NULL UNION ALL \
                   SELECT sealed FROM keys";
        let columns: Vec<Vec<u8>> = sqlx::query_scalar(sql)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert!(!columns.is_empty(), "nothing is stored");
        columns.concat()
    }
}

pub(in crate::store) fn path(text: &str) -> ServerPath {
    ServerPath::parse(text).unwrap()
}

/// A server with every field set.
pub(in crate::store) fn server(at: &str, version: u64) -> StoredServer {
    let url = |text: &str| Some(UpstreamUrl::parse(text).unwrap());
    let metadata = serde_json::json!({"n": 0, "text": "héllo \u{0} \"quoted\"", "list": [1, null]});
    let definition = ServerDefinition {
        path: path(at),
        server_name: "Currenttime".to_owned(),
        description: "Says the time\nin any zone".to_owned(),
        proxy_pass_url: url("http://127.0.0.1:8000/"),
        supported_transports: vec![Transport::StreamableHttp, Transport::Sse],
        transport: "auto".to_owned(),
        mcp_endpoint: url("http://127.0.0.1:8000/other"),
        sse_endpoint: None,
        auth_type: "none".to_owned(),
        auth_provider: Some("somebody".to_owned()),
        headers: vec![UpstreamHeader {
            name: "Authorization".to_owned(),
            value: Secret::new(UPSTREAM_SECRET.to_owned()),
        }],
        tags: vec!["time".to_owned(), "zone".to_owned()],
        license: "MIT".to_owned(),
        num_stars: 4.5,
        is_python: true,
        tool_list: vec![serde_json::json!({"name": "now"})],
        enabled: true,
        public: false,
        passthrough: true,
        forward_authorization: true,
        timeout: Some(30),
        tls: None,
        metadata: serde_json::from_value(metadata).unwrap(),
    };
    StoredServer {
        definition,
        version,
        created_at: NOW,
        created_by: "ada".to_owned(),
        updated_at: NOW.plus_seconds(5),
        updated_by: "grace".to_owned(),
    }
}

pub(in crate::store) fn owner(subject: &str) -> Owner {
    Owner {
        provider: LOCAL.to_owned(),
        subject: subject.to_owned(),
    }
}

pub(in crate::store) fn token(id: &str, username: &str, created_at: Timestamp) -> StoredToken {
    StoredToken {
        id: TokenId(id.into()),
        owner: owner(username),
        username: username.to_owned(),
        key_hash: None,
        description: "laptop".to_owned(),
        scopes: vec!["mcp-servers-unrestricted/read".to_owned()],
        groups: vec!["staff".to_owned()],
        inherits: false,
        created_at,
        expires_at: created_at.plus_seconds(3_600),
        last_used_at: None,
        revoked_at: None,
    }
}
