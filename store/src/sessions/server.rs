//! The server to which the sessions go at the moment, and the change to another one.

use super::kept::{KeptConnections, PermittedConnection};
use super::{Session, Sessions};
use crate::servers::{self, ServerState};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// The pause between two looks at the server.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that does not answer within this time is searched again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pool of connections to the current server, which a change of the server replaces: connections to the former one may hang.
#[derive(Debug)]
pub(super) struct CurrentServer {
    options: PgPoolOptions,
    current: RwLock<PgPool>,
    kept: KeptConnections,
    /// The number of changes so far.
    number: watch::Sender<u64>,
    /// Whether the server was searched, if there are several.
    is_located: AtomicBool,
    locating: Mutex<()>,
}

impl CurrentServer {
    /// The first server before a search.
    pub(super) fn new(options: PgPoolOptions, server: PgConnectOptions, is_located: bool) -> Self {
        let pool = options.clone().connect_lazy_with(server);
        Self { is_located: AtomicBool::new(is_located), ..Self::of_pool_with(options, pool) }
    }

    /// The server of a caller's pool.
    pub(super) fn of_pool(pool: PgPool) -> Self {
        Self::of_pool_with(pool.options().clone(), pool)
    }

    fn of_pool_with(options: PgPoolOptions, pool: PgPool) -> Self {
        Self {
            kept: KeptConnections::new(options.get_max_connections(), options.get_acquire_timeout()),
            options,
            current: RwLock::new(pool),
            number: watch::Sender::new(0),
            is_located: AtomicBool::new(true),
            locating: Mutex::default(),
        }
    }

    pub(super) fn pool(&self) -> PgPool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next connection, and the number of its server.
    pub(super) async fn acquire(&self) -> Result<(PermittedConnection, u64), sqlx::Error> {
        let permit = self.kept.permit().await?;
        loop {
            let number = *self.number.borrow();
            if let Some(connection) = self.kept.take(number) {
                return Ok((PermittedConnection::new(connection, permit), number));
            }
            let pool = self.pool();
            tokio::select! {
                biased;
                acquired = pool.acquire() => match acquired {
                    Err(sqlx::Error::PoolClosed) if number != *self.number.borrow() => {}
                    acquired => return Ok((PermittedConnection::new(acquired?, permit), number)),
                },
                () = self.left(number) => {}
            }
        }
    }

    /// Keeps a connection without a transaction or settings for its next use.
    pub(super) fn keep(&self, connection: PermittedConnection, number: u64) {
        if number == *self.number.borrow() {
            self.kept.keep(connection, number);
        }
    }

    /// The number of open connections, and of those in use.
    pub(super) fn connections(&self) -> (usize, usize) {
        (self.pool().size() as usize, self.kept.in_use())
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.kept.close();
        self.pool().close().await;
    }

    /// Completes when the server with this number is no longer the current one.
    async fn left(&self, number: u64) {
        let changed = self.number.subscribe().wait_for(|current| *current != number).await.is_ok();
        if !changed {
            std::future::pending().await
        }
    }

    /// Sends later sessions to another server.
    fn change(&self, server: PgConnectOptions) {
        let pool = self.options.clone().connect_lazy_with(server);
        let former = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, pool)
        };
        self.number.send_modify(|number| *number += 1);
        self.kept.clear();
        // It waits for connections in use, which may hang.
        tokio::spawn(async move { former.close().await });
    }
}

impl Session {
    /// The number of its server.
    pub(crate) const fn server(&self) -> u64 {
        self.server
    }
}

impl Sessions {
    /// Whether new sessions go to this session's server.
    pub(crate) fn is_on_current_server(&self, session: &Session) -> bool {
        session.server == *self.server.number.borrow()
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
            let (connection, server, state) = self.look().await?;
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
                if let Ok((connection, server, state)) = self.look().await {
                    // Without a known server there is no session yet.
                    if self.preparation.known_server().is_some_and(|known| known != state) {
                        let address = servers::address(server);
                        tracing::warn!(server = address, "the sessions go to another server, {state}");
                        self.go_to(server, state);
                    }
                    watched = Some(connection);
                }
            }
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
    async fn look(&self) -> Result<(PgConnection, &PgConnectOptions, ServerState), sqlx::Error> {
        let (mut connection, server) = self.preparation.servers.connect().await?;
        let reading = tokio::time::timeout(PATIENCE, ServerState::read(&mut connection)).await;
        let state = reading.map_err(|_| servers::no_response(PATIENCE))??;
        Ok((connection, server, state))
    }
}

/// The error of a statement on a server that was left: it may have been carried out.
pub(crate) fn server_left() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "another server has become the current one",
    ))
}
