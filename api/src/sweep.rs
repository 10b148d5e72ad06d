//! Closes the timelines of projects that the planner deleted, little by little. Several services may do so at once: the database
//! lets one of them write.

use crate::state::AppState;
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::{DeletedPart, find_deleted_part};
use phaseline_store::StoreError;
use std::time::Duration;

/// How many timelines one query checks.
const TIMELINES: i32 = 1000;

/// The pause between two queries.
const PAUSE: Duration = Duration::from_millis(200);

/// Sweeps at the interval of the settings, until the service ends.
pub(crate) async fn run(app: &AppState) {
    let mut failing = false;
    loop {
        tokio::time::sleep(app.settings.sweep_interval).await;
        match sweep(app).await {
            Ok(()) => failing = false,
            Err(error) => {
                // While the database is down each sweep fails; `/readyz` reports that.
                if !failing {
                    tracing::warn!(%error, "the search for deleted projects failed; the next one is at the next interval");
                }
                failing = true;
            }
        }
    }
}

async fn sweep(app: &AppState) -> Result<(), StoreError> {
    let mut after: Option<ProjectId> = None;
    loop {
        let DeletedPart { deleted, next } = {
            let mut session = app.sessions.begin().await?;
            let part = find_deleted_part(&mut session, after, TIMELINES).await;
            session.end(part)?
        };
        for project in deleted {
            match app.store.close_deleted(project).await {
                Ok(_) => {}
                // `verify` and the routes report it.
                Err(StoreError::Quarantined { .. } | StoreError::Altered(_)) => {
                    tracing::debug!(%project, "an event of a deleted project's timeline cannot be read or was altered: the timeline stays open");
                }
                Err(error) => return Err(error),
            }
        }
        if next.is_none() {
            return Ok(());
        }
        after = next;
        tokio::time::sleep(PAUSE).await;
    }
}
