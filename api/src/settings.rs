//! The validated settings of the service.

use crate::auth::{Auth, TokenHeader};
use crate::base_path::BasePath;
use crate::cors::WebOrigin;
use phaseline_store::Pooler;
use std::time::Duration;

/// The default of [`Settings::role`].
pub const DEFAULT_ROLE: &str = "phaseline_writer";

/// The settings, without the database: the service gets its sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How callers are authenticated.
    pub auth: Auth,
    /// The prefix of the paths below which a proxy sends requests here.
    pub base_path: BasePath,
    /// The header in which a proxy that signs people in passes their tokens.
    pub page_token_header: Option<TokenHeader>,
    /// How long the service treats a user of the planner as active before it queries again (see [`crate::auth::Subjects::Planner`]).
    pub subject_valid: Duration,
    /// The origins of other sites whose pages may use the service.
    pub cors_origins: Vec<WebOrigin>,
    /// The role that every connection sets; none keeps the login's own.
    pub role: Option<String>,
    /// Whether a pooler is between the service and the server.
    pub pooler: Pooler,
    /// Whether the login may have more rights than the owners of the planner's tables.
    pub allow_superuser: bool,
    /// How long a check of rights is valid for all connections.
    pub rights_check_valid: Duration,
    /// Upper bound on connections to the database.
    pub max_connections: u32,
    /// How long a request waits for a connection to the database.
    pub acquire_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// How long a transaction may be idle.
    pub idle_in_transaction_timeout: Duration,
    /// Upper bound on a body, in bytes.
    pub body_limit: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a connection may wait for the whole head of a request, its first one or the next.
    pub idle_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub shutdown_timeout: Duration,
    /// How long a response waits for its client to read.
    pub write_timeout: Duration,
    /// Upper bound on client connections; a few more are accepted for health checks.
    pub max_clients: usize,
    /// Upper bound on phases of a list in a request.
    pub max_phases: usize,
    /// Upper bound on cached timelines.
    pub cache_timelines: usize,
    /// How often the service searches for deleted projects.
    pub sweep_interval: Duration,
    /// How often the service stores timeline states; none: never.
    pub states_interval: Option<Duration>,
}

impl Default for Settings {
    /// The defaults. Every request is refused: there are no keys.
    fn default() -> Self {
        Self {
            auth: Auth::default(),
            base_path: BasePath::default(),
            page_token_header: None,
            subject_valid: Duration::from_secs(5),
            cors_origins: Vec::new(),
            role: Some(DEFAULT_ROLE.to_owned()),
            pooler: Pooler::Auto,
            allow_superuser: false,
            rights_check_valid: Duration::from_secs(60),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(3),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            // Longer than the minute for which proxies keep idle connections: a proxy must not send a request on a closed one.
            idle_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            // The usual limit of open files per process is 1 024.
            max_clients: 800,
            max_phases: 5_000,
            cache_timelines: 10_000,
            sweep_interval: Duration::from_secs(60),
            states_interval: Some(Duration::from_secs(5)),
        }
    }
}
