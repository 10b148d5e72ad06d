//! All that the service is told, read and checked already.

use crate::auth::Auth;
use std::time::Duration;

/// The role whose rights the service takes, unless it is told another.
pub const DEFAULT_ROLE: &str = "phaseline_writer";

/// All that the service is told. The database is not among it: the service is given a pool.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may ask.
    pub auth: Auth,
    /// The role whose rights every connection takes; none keeps those of the login.
    pub role: Option<String>,
    /// Whether the login may have more rights than the owners of the planner's tables.
    pub allow_superuser: bool,
    /// How many connections to the database there are at most.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// How long a transaction may stand idle.
    pub idle_in_transaction_timeout: Duration,
    /// The largest body that is read, in bytes.
    pub body_limit: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a connection may wait for the whole head of a request, its first one or the next.
    pub idle_timeout: Duration,
    /// How long requests that are under way may still take once the service is told to stop.
    pub shutdown_timeout: Duration,
    /// How long an answer may wait for its client to read on.
    pub write_timeout: Duration,
    /// How many connections of clients there are at most; a few more are taken for health checks.
    pub max_clients: usize,
    /// How many phases a list in a request may have.
    pub max_phases: usize,
    /// How many timelines are kept in memory at most.
    pub cache_timelines: usize,
}

impl Default for Settings {
    /// What holds unless it is said otherwise. Nobody may ask: there are no keys.
    fn default() -> Self {
        Self {
            auth: Auth::default(),
            role: Some(DEFAULT_ROLE.to_owned()),
            allow_superuser: false,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(3),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            // Proxies keep theirs for a minute, and must not find one closed just when they use it.
            idle_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            // Most systems give a process 1 024 files unless they are told otherwise.
            max_clients: 800,
            max_phases: 5_000,
            cache_timelines: 10_000,
        }
    }
}
