//! What every route works with.

use crate::health::CommandHealth;
use crate::routes::assignment_loader::AssignmentCountLoader;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use phaseline_projections::ProjectPhases;
use phaseline_store::TimelineStore;
use sqlx::PgPool;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many requests with a large body are worked on at once.
const LARGE_AT_ONCE: usize = 8;

/// The state of all routes. Clones share it.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Connections with the rights of the service's role.
    pub pool: PgPool,
    /// The timelines.
    pub store: TimelineStore<ProjectPhases>,
    /// What the service was told.
    pub settings: Arc<Settings>,
    /// What is counted and measured.
    pub telemetry: Arc<Telemetry>,
    /// How the last command ended.
    pub(crate) commands: Arc<CommandHealth>,
    /// Counts assignments for many requests at once.
    pub(crate) counting: Arc<AssignmentCountLoader>,
    /// Places for requests with a large body: each takes some 30 MB until it is answered.
    pub(crate) large: Arc<Semaphore>,
    /// Places for those who read a whole history: each holds a connection to the database for a while, and the others need some.
    pub(crate) readers: Arc<Semaphore>,
}

impl AppState {
    /// The state over a pool; see [`crate::pool::connect`].
    pub fn new(pool: PgPool, settings: Settings) -> Self {
        Self {
            store: TimelineStore::new(pool.clone(), ProjectPhases)
                .remembering(settings.cache_timelines)
                .waiting(settings.lock_timeout.min(settings.request_timeout)),
            readers: Arc::new(Semaphore::new((settings.max_connections as usize / 4).max(1))),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            pool,
            settings: Arc::new(settings),
            telemetry: Arc::default(),
            commands: Arc::default(),
            counting: Arc::default(),
        }
    }
}
