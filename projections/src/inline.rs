//! The inline projection: the rows that one command changes, written in the transaction that appends its events. The SQL function
//! `phaseline.project_inline` (`sql/schema/project_inline.sql`) writes them; this module has its
//! script, and the reads before an append.

use crate::{adopt, planner_view};
use phaseline_domain::{DateRange, ProjectId, Timeline};
use phaseline_store::{InlineProjection, Metadata, StoreError, UnadoptedProject};
use sqlx::PgConnection;

/// The database's side: `phaseline.project_inline` and the functions by which services read the planner's tables, one file each.
pub(crate) const SQL: &str = concat!(
    include_str!("../sql/schema/project_dates.sql"),
    include_str!("../sql/schema/lock_projects.sql"),
    include_str!("../sql/schema/moved_projects.sql"),
    include_str!("../sql/schema/refuse_foreign_triggers.sql"),
    include_str!("../sql/schema/set_project_dates.sql"),
    include_str!("../sql/schema/assignment_count.sql"),
    include_str!("../sql/schema/unadopted.sql"),
    include_str!("../sql/schema/project_of.sql"),
    include_str!("../sql/schema/phases_of.sql"),
    include_str!("../sql/schema/assignments_of.sql"),
    include_str!("../sql/schema/assignment_days.sql"),
    include_str!("../sql/schema/assignment_counts.sql"),
    include_str!("../sql/schema/planner_user.sql"),
    include_str!("../sql/schema/named_projects.sql"),
    include_str!("../sql/schema/user_names.sql"),
    include_str!("../sql/schema/coverage.sql"),
    include_str!("../sql/schema/merged_events.sql"),
    include_str!("../sql/schema/deletion_of.sql"),
    include_str!("../sql/schema/deleted_projects.sql"),
    include_str!("../sql/schema/project_inline.sql"),
    include_str!("../sql/schema/project_event.sql"),
    include_str!("../sql/schema/command_obstacle.sql"),
    include_str!("../sql/schema/grants.sql")
);

/// The projection into `public.project_phases`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPhases;

impl InlineProjection for ProjectPhases {
    async fn project_dates(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<DateRange>, StoreError> {
        adopt::read_project_dates(connection, project).await.map(Some)
    }

    async fn has_dates_of(
        &self,
        connection: &mut PgConnection,
        timeline: &Timeline,
    ) -> Result<bool, StoreError> {
        let Some(project) = timeline.project() else { return Ok(true) };
        let found = adopt::read_unadopted(connection, project).await?;
        Ok(found.is_none_or(|(found, _)| found.has_dates_of(timeline)))
    }

    async fn find_unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<UnadoptedProject>, StoreError> {
        Ok(adopt::read_unadopted(connection, project).await?.map(|(found, witness)| {
            let events = if found.is_bare() {
                Ok(Vec::new())
            } else {
                found.adoption().map(|adoption| adoption.adopted)
            };
            let dates = found.range().ok();
            UnadoptedProject { is_in_projects: found.is_in_projects(), dates, events, witness }
        }))
    }

    async fn find_deletion(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<Metadata>, StoreError> {
        planner_view::find_deletion(connection, project).await
    }
}
