//! Connections to a pooler that are kept between messages. The pool tests each connection that it gets back by a round trip, which
//! leads through the pooler to a server connection.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After this idle time a connection is tested before use; a kept one goes back to the pool, which tests it.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// The kept connections, the last used one last.
#[derive(Debug)]
pub(super) struct KeptConnections {
    idle: Mutex<Vec<Kept>>,
    /// One for each connection of the pool, in use or not: without them a use would wait for the pool while connections are kept.
    permits: Arc<Semaphore>,
    max_connections: usize,
    acquire_timeout: Duration,
}

#[derive(Debug)]
struct Kept {
    connection: PoolConnection<Postgres>,
    /// The number of its server.
    server: u64,
    used_at: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct PermittedConnection {
    connection: PoolConnection<Postgres>,
    permit: OwnedSemaphorePermit,
}

impl PermittedConnection {
    pub(super) const fn new(connection: PoolConnection<Postgres>, permit: OwnedSemaphorePermit) -> Self {
        Self { connection, permit }
    }

    /// Closes the connection when it is dropped.
    pub(super) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl KeptConnections {
    pub(super) fn new(max_connections: u32, acquire_timeout: Duration) -> Self {
        let max_connections = max_connections as usize;
        let permits = Arc::new(Semaphore::new(max_connections));
        Self { idle: Mutex::default(), permits, max_connections, acquire_timeout }
    }

    /// Waits for the right to use a connection.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        let waiting = Arc::clone(&self.permits).acquire_owned();
        tokio::time::timeout(self.acquire_timeout, waiting)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)
    }

    /// A connection to this server that was used just now.
    pub(super) fn take(&self, server: u64) -> Option<PoolConnection<Postgres>> {
        let last = self.idle().pop()?;
        if last.server == server && last.used_at.elapsed() < IDLE {
            return Some(last.connection);
        }
        // All others were used before it.
        self.clear();
        None
    }

    pub(super) fn keep(&self, connection: PermittedConnection, server: u64) {
        let PermittedConnection { connection, permit } = connection;
        if !self.permits.is_closed() {
            self.idle().push(Kept { connection, server, used_at: Instant::now() });
        }
        // The next user finds the connection.
        drop(permit);
    }

    /// The number of permits in use.
    pub(super) fn in_use(&self) -> usize {
        self.max_connections.saturating_sub(self.permits.available_permits())
    }

    /// Gives all kept connections back to the pool.
    pub(super) fn clear(&self) {
        // Not under the lock: each starts a task.
        let kept = std::mem::take(&mut *self.idle());
        drop(kept);
    }

    /// Hands out no more connections.
    pub(super) fn close(&self) {
        self.permits.close();
        self.clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for PermittedConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PermittedConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
