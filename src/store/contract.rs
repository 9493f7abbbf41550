//! What every database must do: one suite, run on SQLite always and on PostgreSQL where
//! `MCP_TEST_POSTGRES_URL` names a server (each test in a schema of its own).

mod audit;
pub(super) mod fixture;
mod providers;
mod rows;
mod work;

/// Makes a test on each database of a function that takes a [`fixture::Fixture`].
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = $crate::store::contract::fixture::Fixture::sqlite();
                super::$name(&fixture).await;
            })+
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = $crate::store::contract::fixture::Fixture::postgres().await;
                if let Some(fixture) = fixture {
                    super::$name(&fixture).await;
                    fixture.clean().await;
                }
            })+
        }
    };
}
use on_each_database;
