//! Builds the legacy `project_phases` beside the current one, and detects changes in between.

use super::RollbackPlan;
use super::inspect::{PreparedRollback, REBUILT};
use crate::ddl;
use crate::definition;
use crate::error::MigratorError;
use crate::run::Journal;
use crate::run::cut_over::SHADOW;
use crate::shape::{self, TIMELINE_REVISION};
use phaseline_domain::{ProjectId, TimelineEvent};
use phaseline_projections::{Access, adopt, legacy_phases, refuse_foreign_code};
use phaseline_store::schema;
use sqlx::PgConnection;

/// The legacy `project_phases`: the fold's rows, in their former order.
pub(super) async fn build_phases(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
) -> Result<(), MigratorError> {
    let [phases, _] = &prepared.old;
    ddl::run(connection, &phases.create_in(SHADOW)).await?;
    let mut rows: Vec<_> = prepared.log.timelines.values().flat_map(legacy_phases::rows).collect();
    rows.sort_by_key(|row| row.ordinal);
    legacy_phases::load_new(connection, &format!("{SHADOW}.project_phases"), &rows).await?;
    ddl::run(connection, &phases.index_in(SHADOW)).await?;
    refuse_foreign_code(connection, Access::Build).await?;
    ddl::run(connection, &phases.validate_in(SHADOW)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases")).execute(connection).await?;
    Ok(())
}

/// Changes between reading and locking that need another attempt.
pub(super) async fn changed(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    journal: &Journal,
) -> Result<Option<String>, MigratorError> {
    // Only the run's own beginning may have been added to the log since it was read.
    let known = prepared.log.position;
    if schema::tip(connection).await?.position != journal.position.max(known)
        || (known != journal.after && known < journal.position)
    {
        return Ok(Some("the log".to_owned()));
    }
    if projects_changed(connection, prepared).await? {
        return Ok(Some("projects".to_owned()));
    }
    if prepared.fingerprints.recheck(connection, "project_phases").await?.changed {
        return Ok(Some("project_phases".to_owned()));
    }
    for before in &prepared.current {
        if definition::capture(connection, "public", &before.name).await?.as_ref() != Some(before) {
            return Ok(Some(format!("the definition of {}", before.name)));
        }
    }
    if shape::find(connection).await?.revision() != Some(TIMELINE_REVISION) {
        return Ok(Some("alembic_version".to_owned()));
    }
    if !definition::obstacles(connection, &REBUILT).await?.is_empty() {
        return Ok(Some("dependent objects".to_owned()));
    }
    Ok(None)
}

/// Whether a project with rows was deleted, a deleted one was created again, or an adopted one changed its dates.
async fn projects_changed(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
) -> Result<bool, MigratorError> {
    let closed: Vec<uuid::Uuid> = prepared
        .pending
        .iter()
        .filter(|pending| matches!(pending.events.as_slice(), [TimelineEvent::TimelineClosed(_), ..]))
        .map(|pending| pending.project.uuid())
        .collect();
    let moved: bool = sqlx::query_scalar(&format!(
        "SELECT EXISTS (SELECT FROM {SHADOW}.project_phases s
                         WHERE NOT EXISTS (SELECT FROM public.projects p WHERE p.id = s.project_id))
             OR EXISTS (SELECT FROM public.projects p WHERE p.id = ANY ($1))"
    ))
    .bind(closed)
    .fetch_one(&mut *connection)
    .await?;
    if moved {
        return Ok(true);
    }
    let adopted: Vec<ProjectId> =
        prepared.pending.iter().filter(|pending| pending.adopted).map(|pending| pending.project).collect();
    if adopted.is_empty() {
        return Ok(false);
    }
    let now = adopt::find_unadopted(connection, Some(&adopted), |_| false).await?;
    Ok(now.iter().any(|project| {
        let then = prepared.pending.iter().find(|pending| pending.project == project.project_id);
        !then.is_some_and(|then| {
            project.adoption().is_ok_and(|found| {
                let events = [found.adopted, found.following].concat();
                then.events.starts_with(&events)
            })
        })
    }))
}

/// Fails unless every restored row was built. Runs under the lock, so that the numbers cannot change.
pub(super) async fn check_built(
    connection: &mut PgConnection,
    plan: &RollbackPlan,
    built: u64,
    assignments: u64,
) -> Result<(), MigratorError> {
    let phases: i64 = sqlx::query_scalar(&format!("SELECT count(*) FROM {SHADOW}.project_phases"))
        .fetch_one(connection)
        .await?;
    if phases.unsigned_abs() == plan.phases && built == assignments {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!(
        "{phases} of {} phases and {built} of {assignments} assignments were built",
        plan.phases
    )))
}
