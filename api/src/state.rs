//! The state of the routes.

use crate::assignment_counts::AssignmentCounts;
use crate::auth::Authenticator;
use crate::command_health::CommandHealth;
use crate::planner_schema::PlannerSchema;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use axum::extract::FromRef;
use phaseline_projections::ProjectPhases;
use phaseline_store::{Sessions, TimelineStore};
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Upper bound on concurrent requests with a large body.
const LARGE_AT_ONCE: usize = 8;

/// The state of all routes. Clones share it: every layer and every extractor of a request makes some.
#[derive(Clone, Debug)]
pub struct AppState(Arc<AppParts>);

/// What the routes share.
#[derive(Debug)]
pub struct AppParts {
    /// Connections with the service's role.
    pub sessions: Sessions,
    /// The timelines.
    pub store: TimelineStore<ProjectPhases>,
    /// The settings.
    pub settings: Settings,
    /// The metrics.
    pub telemetry: Arc<Telemetry>,
    /// The outcome of the last command.
    pub(crate) commands: CommandHealth,
    /// Authenticates callers.
    pub(crate) authenticator: Arc<Authenticator>,
    /// The result of the last check of the planner's tables.
    pub(crate) planner_schema: PlannerSchema,
    /// Counts assignments for many requests at once.
    pub(crate) assignment_counts: AssignmentCounts,
    /// Permits for requests with a large body: each takes a multiple of its size in memory until its response.
    pub(crate) large: Arc<Semaphore>,
    /// Permits for reading a whole history: each holds a connection to the database for a while, which other requests need.
    pub(crate) readers: Arc<Semaphore>,
}

impl AppState {
    /// The state over sessions; see [`crate::pool::connect`].
    pub fn new(sessions: Sessions, settings: Settings) -> Self {
        Self(Arc::new(AppParts {
            store: TimelineStore::new(sessions.clone(), ProjectPhases)
                .remembering(settings.cache_timelines)
                .waiting(settings.lock_timeout.min(settings.request_timeout)),
            readers: Arc::new(Semaphore::new((settings.max_connections as usize / 4).max(1))),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            authenticator: Arc::new(Authenticator::new(
                settings.auth.clone(),
                settings.subject_valid,
                settings.page_token_header.clone(),
                sessions.clone(),
            )),
            sessions,
            settings,
            telemetry: Arc::default(),
            commands: CommandHealth::default(),
            planner_schema: PlannerSchema::default(),
            assignment_counts: AssignmentCounts::default(),
        }))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl FromRef<AppState> for Arc<Authenticator> {
    fn from_ref(app: &AppState) -> Self {
        Self::clone(&app.authenticator)
    }
}
