//! The inline projection: the rows that one command changes, written in the transaction that appends its events.

use crate::adopt;
use phaseline_domain::ProjectId;
use phaseline_store::{Found, InlineProjection, StoreError};
use sqlx::PgConnection;

/// The database's side of it: function `phaseline.project_inline`.
pub(crate) const SQL: &str = include_str!("../sql/project_inline.sql");

/// `public.project_phases`, kept row by row.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPhases;

impl InlineProjection for ProjectPhases {
    async fn unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<Option<Found>, StoreError> {
        Ok(adopt::of_project(connection, project).await?.map(|(found, witness)| {
            let events = if found.is_bare() { Ok(Vec::new()) } else { found.events() };
            Found { is_in_projects: found.is_in_projects(), events, witness }
        }))
    }
}
