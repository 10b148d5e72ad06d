//! The pool of connections to the current server.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{PoisonError, RwLock};
use tokio::sync::{Mutex, watch};

/// The pool of connections to the current server, which a change of the server replaces: connections to the former one may hang.
#[derive(Debug)]
pub(super) struct CurrentServer {
    options: PgPoolOptions,
    current: RwLock<PgPool>,
    /// The number of changes so far.
    number: watch::Sender<u64>,
    /// Whether the server was searched, if there are several.
    pub(super) is_located: AtomicBool,
    pub(super) locating: Mutex<()>,
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
        let (current, number) = (RwLock::new(pool), watch::Sender::new(0));
        Self { options, current, number, is_located: AtomicBool::new(true), locating: Mutex::default() }
    }

    pub(super) fn pool(&self) -> PgPool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next connection, and the number of its server.
    pub(super) async fn acquire(&self) -> Result<(PoolConnection<Postgres>, u64), sqlx::Error> {
        loop {
            let number = self.number();
            let pool = self.pool();
            tokio::select! {
                biased;
                acquired = pool.acquire() => match acquired {
                    Err(sqlx::Error::PoolClosed) if number != self.number() => {}
                    acquired => return Ok((acquired?, number)),
                },
                () = self.left(number) => {}
            }
        }
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
