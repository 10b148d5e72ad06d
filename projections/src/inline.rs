//! The inline projection: the rows that one command changes, written in the transaction that appends its events.

use crate::adopt;
use phaseline_domain::ProjectId;
use phaseline_store::{InlineProjection, StoreError, UnadoptedProject};
use sqlx::PgConnection;

/// The database's side of it: function `phaseline.project_inline`.
pub(crate) const SQL: &str = include_str!("../sql/project_inline.sql");

/// `public.project_phases`, kept row by row.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPhases;

impl InlineProjection for ProjectPhases {
    async fn find_unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<UnadoptedProject>, StoreError> {
        Ok(adopt::of_project(connection, project).await?.map(|(found, witness)| {
            let events = if found.is_bare() { Ok(Vec::new()) } else { found.events() };
            UnadoptedProject { is_in_projects: found.is_in_projects(), events, witness }
        }))
    }
}
