//! Connections that are kept between single statements. The pool tests each connection that it gets back by a round trip, which behind
//! a pooler leads to a server connection.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After this idle time a connection is tested before use; a kept one goes back to the pool, which tests it.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// How long a connection stays away from the pool, which closes it at the end of its lifetime.
const LONGEST: Duration = Duration::from_secs(60);

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
    /// When it came from the pool.
    since: Instant,
    used_at: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct PermittedConnection {
    connection: PoolConnection<Postgres>,
    permit: OwnedSemaphorePermit,
    /// When it came from the pool.
    since: Instant,
}

impl PermittedConnection {
    /// A connection from the pool.
    pub(super) fn new(connection: PoolConnection<Postgres>, permit: OwnedSemaphorePermit) -> Self {
        Self { connection, permit, since: Instant::now() }
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

    /// A connection to this server that was used just now; the permit, if there is none.
    pub(super) fn take(
        &self,
        server: u64,
        permit: OwnedSemaphorePermit,
    ) -> Result<PermittedConnection, OwnedSemaphorePermit> {
        let Some(last) = self.idle().pop() else { return Err(permit) };
        if last.server == server && last.used_at.elapsed() < IDLE {
            return Ok(PermittedConnection { connection: last.connection, permit, since: last.since });
        }
        // All others were used before it.
        self.clear();
        Err(permit)
    }

    pub(super) fn keep(&self, connection: PermittedConnection, server: u64) {
        let PermittedConnection { connection, permit, since } = connection;
        let used_at = Instant::now();
        if !self.permits.is_closed() && used_at.duration_since(since) < LONGEST {
            self.idle().push(Kept { connection, server, since, used_at });
        }
        // The next user finds the connection.
        drop(permit);
    }

    /// The number of permits in use.
    pub(super) fn in_use(&self) -> usize {
        self.max_connections.saturating_sub(self.permits.available_permits())
    }

    /// Gives the connections that were not used for a while back to the pool.
    pub(super) fn release_idle(&self) {
        let mut idle = self.idle();
        let unused = idle.partition_point(|kept| kept.used_at.elapsed() >= IDLE);
        let unused: Vec<Kept> = idle.drain(..unused).collect();
        // Not under the lock: each starts a task.
        drop(idle);
        drop(unused);
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
