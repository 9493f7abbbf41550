//! Hearing of other replicas' changes.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Mutex;

use super::Channel;

/// A connection of its own that listens, made again when it is lost.
#[derive(Debug)]
pub(super) struct Listener {
    options: PgConnectOptions,
    channel: Channel,
    state: Mutex<State>,
}

enum State {
    Lost,
    Listening(PgListener),
    Closed,
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Lost => "Lost",
            Self::Listening(_) => "Listening",
            Self::Closed => "Closed",
        })
    }
}

impl Listener {
    pub(super) fn new(options: PgConnectOptions, channel: Channel) -> Self {
        Self {
            options,
            channel,
            state: Mutex::new(State::Lost),
        }
    }

    pub(super) async fn connect(&self) -> Result<(), sqlx::Error> {
        let listener = self.listen().await?;
        *self.state.lock().await = State::Listening(listener);
        Ok(())
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_LIMIT)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(&self.channel.name).await?;
        Ok(listener)
    }

    /// Resolves when another process announced a change, or when announcements may have been
    /// missed because the connection was lost.
    pub(super) async fn heard(&self) {
        let mut state = self.state.lock().await;
        loop {
            match &mut *state {
                State::Closed => return std::future::pending().await,
                State::Lost => match self.listen().await {
                    Ok(listener) => {
                        *state = State::Listening(listener);
                        return;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "not listening for other replicas' changes");
                        tokio::time::sleep(RECONNECT_WAIT).await;
                    }
                },
                State::Listening(listener) => match listener.try_recv().await {
                    Ok(Some(news)) if self.is_own(news.payload()) => {}
                    Ok(Some(_)) => return,
                    Ok(None) | Err(_) => *state = State::Lost,
                },
            }
        }
    }

    fn is_own(&self, payload: &str) -> bool {
        payload.split(' ').next() == Some(&*self.channel.sender)
    }

    pub(super) fn close(&self) {
        // Whoever waits holds the state and is about to be dropped: the connection goes with it.
        if let Ok(mut state) = self.state.try_lock() {
            *state = State::Closed;
        }
    }
}

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const RECONNECT_WAIT: Duration = Duration::from_millis(500);
