//! The pool of connections to the current server.

use super::kept::{KeptConnections, PermittedConnection};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{PoisonError, RwLock};
use tokio::sync::{Mutex, watch};

/// The pool of connections to the current server, which a change of the server replaces: connections to the former one may hang.
#[derive(Debug)]
pub(super) struct CurrentServer {
    options: PgPoolOptions,
    current: RwLock<PgPool>,
    pub(super) kept: KeptConnections,
    /// Whether only these sessions use the pool: connections of a caller's pool are missing there while they are kept.
    pub(super) owns_pool: bool,
    /// The number of changes so far.
    number: watch::Sender<u64>,
    /// Whether the server was searched, if there are several.
    pub(super) is_located: AtomicBool,
    pub(super) locating: Mutex<()>,
}

/// A connection, and where it comes from.
pub(super) struct AcquiredConnection {
    pub(super) connection: PermittedConnection,
    /// The number of its server.
    pub(super) server: u64,
    /// Whether it was kept: the pool has not prepared it for this use.
    pub(super) is_kept: bool,
}

impl CurrentServer {
    /// The first server before a search.
    pub(super) fn new(options: PgPoolOptions, server: PgConnectOptions, is_located: bool) -> Self {
        let pool = options.clone().connect_lazy_with(server);
        Self { owns_pool: true, is_located: AtomicBool::new(is_located), ..Self::of_pool_with(options, pool) }
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
            owns_pool: false,
            number: watch::Sender::new(0),
            is_located: AtomicBool::new(true),
            locating: Mutex::default(),
        }
    }

    pub(super) fn pool(&self) -> PgPool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next connection, and the number of its server.
    pub(super) async fn acquire(&self) -> Result<AcquiredConnection, sqlx::Error> {
        let mut permit = self.kept.permit().await?;
        loop {
            let server = self.number();
            permit = match self.kept.take(server, permit) {
                Ok(connection) => return Ok(AcquiredConnection { connection, server, is_kept: true }),
                Err(permit) => permit,
            };
            let pool = self.pool();
            tokio::select! {
                biased;
                acquired = pool.acquire() => match acquired {
                    Err(sqlx::Error::PoolClosed) if server != self.number() => {}
                    acquired => {
                        let connection = PermittedConnection::new(acquired?, permit);
                        return Ok(AcquiredConnection { connection, server, is_kept: false });
                    }
                },
                () = self.left(server) => {}
            }
        }
    }

    /// Keeps a connection without a transaction or settings for its next use.
    pub(super) fn keep(&self, connection: PermittedConnection, number: u64) {
        if number == self.number() {
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

    /// The number of changes so far.
    pub(super) fn number(&self) -> u64 {
        *self.number.borrow()
    }

    /// Completes when the server with this number is no longer the current one.
    pub(super) async fn left(&self, number: u64) {
        let changed = self.number.subscribe().wait_for(|current| *current != number).await.is_ok();
        if !changed {
            std::future::pending().await
        }
    }

    /// Sends later sessions to another server.
    pub(super) fn change(&self, server: PgConnectOptions) {
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

/// The error of a statement on a server that was left: it may have been carried out.
pub(crate) fn server_left() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "another server has become the current one",
    ))
}
