//! Sends the sessions to another server after a change.

use super::{Session, Sessions};
use crate::servers::{self, ServerState};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The pause between two queries of the watched server.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that does not answer within this time is searched again.
const PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// The number of its server.
    pub(crate) const fn server(&self) -> u64 {
        self.server
    }
}

impl Sessions {
    /// Whether new sessions go to this session's server.
    pub(crate) fn is_on_current_server(&self, session: &Session) -> bool {
        session.server == self.server.number()
    }

    /// Completes when the server with this number is no longer the current one: what is sent to it may never be answered.
    pub(crate) async fn left(&self, number: u64) {
        self.server.left(number).await;
    }

    /// Of several servers, finds the one to begin with.
    pub(super) async fn locate(&self) -> Result<(), sqlx::Error> {
        if self.server.is_located.load(Ordering::Acquire) {
            return Ok(());
        }
        let _one_at_a_time = self.server.locating.lock().await;
        if !self.server.is_located.load(Ordering::Acquire) {
            let (connection, server, state) = self.find_server().await?;
            self.go_to(server, state);
            connection.close().await?;
        }
        Ok(())
    }

    /// Sends later sessions to this server.
    fn go_to(&self, server: &PgConnectOptions, state: ServerState) {
        self.preparation.know_server(state);
        self.server.change(server.clone());
        self.server.is_located.store(true, Ordering::Release);
    }

    /// Follows the server: sends the sessions to another one after a promotion, or when another server answers at the same address.
    /// Never returns.
    pub async fn follow(&self) {
        let mut watched: Option<PgConnection> = None;
        loop {
            if !self.is_served(&mut watched).await {
                watched = None;
                if let Ok((connection, server, state)) = self.find_server().await {
                    // Without a known server there is no session yet.
                    if self.preparation.known_server().is_some_and(|known| known != state) {
                        let address = servers::address(server);
                        tracing::warn!(server = address, "the sessions go to another server, {state}");
                        self.go_to(server, state);
                    }
                    watched = Some(connection);
                }
            }
            self.server.kept.release_idle();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether the watched server answers in time, and is still of use.
    async fn is_served(&self, watched: &mut Option<PgConnection>) -> bool {
        let Some(connection) = watched else { return false };
        let state = tokio::time::timeout(PATIENCE, ServerState::read(connection)).await;
        state.is_ok_and(|state| state.is_ok_and(|state| self.preparation.servers.are_served_by(state)))
    }

    /// Connects to the wanted server, and reads its state.
    async fn find_server(&self) -> Result<(PgConnection, &PgConnectOptions, ServerState), sqlx::Error> {
        let (mut connection, server) = self.preparation.servers.connect().await?;
        let reading = tokio::time::timeout(PATIENCE, ServerState::read(&mut connection)).await;
        let state = reading.map_err(|_| servers::no_response(PATIENCE))??;
        Ok((connection, server, state))
    }
}
