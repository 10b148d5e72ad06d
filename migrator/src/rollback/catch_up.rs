//! Catches up with changes since the legacy tables were built: what the log gained is read, and only the rows of affected projects are
//! computed again.

use super::assignments::{BuildError, Built, LinkedAssignment, RestoredRanges, copy_rows, restored_ranges};
use super::inspect::PreparedRollback;
use super::phases::{legacy_rows, log_gained};
use crate::change_detector::TableFingerprints;
use crate::error::MigratorError;
use crate::report::RollbackPlan;
use crate::run::cut_over::SHADOW;
use crate::run::session::RunContext;
use crate::spill::SpillError;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use phaseline_projections::legacy_phases;
use phaseline_store::{copy, read};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The passes before writers are locked out: each follows a shorter time than the one before.
const PASSES: u32 = 2;

/// Catches up with the log while users write; fails as `ensure_ready` does. Returns a change for which everything must be built again.
pub(super) async fn follow_log(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    ensure_ready: impl Fn(&RollbackPlan) -> Result<(), MigratorError>,
    prepared: &mut PreparedRollback,
    built: &mut Built,
) -> Result<Option<String>, BuildError> {
    for _ in 0..PASSES {
        if !log_gained(connection, prepared, run.journal()?).await? {
            break;
        }
        run.progress().note("the log changed meanwhile; catching up");
        // The other connection's snapshot: here every statement sees other rows.
        let mut snapshot = read::snapshot(&mut run.watcher).await?;
        let read = prepared.catch_up(&mut snapshot).await?;
        prepared.fingerprints = TableFingerprints::take(&mut snapshot).await?;
        snapshot.rollback().await?;
        if !read {
            return Ok(Some("the events that are left out".to_owned()));
        }
        ensure_ready(&prepared.plan)?;
        rebuild_changed(connection, prepared, built).await?;
    }
    Ok(None)
}

/// Fills the built table again if its rows are others now.
async fn refill_phases(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    built: &mut Built,
) -> Result<(), MigratorError> {
    let rows = legacy_rows(prepared);
    if rows == built.phases {
        return Ok(());
    }
    let table = format!("{SHADOW}.project_phases");
    sqlx::raw_sql(&format!("TRUNCATE ONLY {table}")).execute(&mut *connection).await?;
    legacy_phases::load_new(connection, &table, &rows).await?;
    built.phases = rows;
    Ok(())
}

/// Makes the built tables those of the last inspection.
pub(super) async fn rebuild_changed(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    built: &mut Built,
) -> Result<(), BuildError> {
    refill_phases(connection, prepared, built).await?;
    let ranges = restored_ranges(prepared);
    let affected = Affected::between(&built.ranges, &ranges);
    built.ranges = ranges;
    if affected.projects.is_empty() {
        return Ok(());
    }
    let query = format!(
        "SELECT s.id, s.project_id, s.assignment_date, s.project_phase_id FROM {SHADOW}.resource_assignments s
          WHERE (s.project_id = ANY ({}) OR s.project_phase_id = ANY ({}) OR s.id = ANY ({}))
            AND EXISTS (SELECT FROM public.resource_assignments t WHERE t.id = s.id)
          ORDER BY s.ctid",
        uuids(affected.projects.iter().map(|project| project.uuid())),
        uuids(affected.gone.iter().map(|phase| phase.uuid())),
        uuids(affected.linked(prepared)?)
    );
    // Assignments that were deleted meanwhile go with the other changes of assignments.
    let mut rows = Vec::new();
    copy::read(connection, &query, |row| {
        rows.push((LinkedAssignment::of(&row)?, row.uuid(3)?));
        Ok::<_, MigratorError>(())
    })
    .await?;
    built.forget_links(&rows.iter().map(|(row, _)| row.assignment).collect());
    let (mut assignments, mut phases) = (Vec::new(), Vec::new());
    for (row, before) in rows {
        let phase = built.resolve(prepared, row)?.ok_or(BuildError::AssignmentWithoutPhase)?.uuid();
        if phase != before {
            assignments.push(row.assignment.uuid());
            phases.push(phase);
        }
    }
    if assignments.is_empty() {
        return Ok(());
    }
    sqlx::query(&format!(
        "UPDATE {SHADOW}.resource_assignments s SET project_phase_id = l.phase
           FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.uuid[]), pg_catalog.unnest($2::pg_catalog.uuid[])) AS l (assignment, phase)
          WHERE s.id = l.assignment"
    ))
    .bind(assignments)
    .bind(phases)
    .execute(connection)
    .await?;
    Ok(())
}

/// What differs between two states of the restored phases.
struct Affected {
    projects: HashSet<ProjectId>,
    /// Phases that were restored before.
    gone: HashSet<PhaseId>,
    /// Phases that were not restored before.
    new: HashSet<PhaseId>,
}

impl Affected {
    fn between(before: &RestoredRanges, now: &RestoredRanges) -> Self {
        let lost = before.keys().filter(|project| !now.contains_key(project));
        let changed = now.iter().filter(|(project, ranges)| before.get(project) != Some(ranges));
        let projects: HashSet<ProjectId> = changed.map(|(project, _)| project).chain(lost).copied().collect();
        let phases = |ranges: &RestoredRanges| -> HashSet<PhaseId> {
            projects
                .iter()
                .filter_map(|project| ranges.get(project))
                .flatten()
                .map(|(phase, _)| *phase)
                .collect()
        };
        let (before, now) = (phases(before), phases(now));
        let (gone, new) = (&before - &now, &now - &before);
        Self { projects, gone, new }
    }

    /// The assignments that the log links to a new phase: a link may lead to another project.
    fn linked(&self, prepared: &PreparedRollback) -> Result<Vec<Uuid>, SpillError> {
        let mut linked = Vec::new();
        if self.new.is_empty() {
            return Ok(linked);
        }
        prepared.log_read.links.phase_of.for_each(|assignment, phase| {
            if self.new.contains(&phase) {
                linked.push(assignment.uuid());
            }
        })?;
        Ok(linked)
    }
}

/// Adds changes of assignments since they were copied: removes deleted rows, and copies newer ones again. `rows` is their number now.
pub(super) async fn copy_changed(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    built: &mut Built,
    rows: u64,
) -> Result<(), BuildError> {
    let newer = built.newer_assignments(connection).await?;
    let newer = format!("= ANY ({})", uuids(newer));
    delete(connection, built, &format!("s.id {newer}")).await?;
    copy_rows(connection, prepared, built, &format!("t.id {newer}")).await?;
    if built.rows() != rows {
        // Some rows were deleted; the search for them reads all.
        let gone = "NOT EXISTS (SELECT FROM public.resource_assignments t WHERE t.id = s.id)";
        delete(connection, built, gone).await?;
    }
    Ok(())
}

/// Deletes built rows `s` that satisfy a condition.
async fn delete(
    connection: &mut PgConnection,
    built: &mut Built,
    condition: &str,
) -> Result<(), MigratorError> {
    let query = format!("DELETE FROM {SHADOW}.resource_assignments s WHERE {condition} RETURNING s.id");
    let gone: Vec<Uuid> = sqlx::query_scalar(&query).fetch_all(connection).await?;
    let gone: HashSet<AssignmentId> = gone.into_iter().map(AssignmentId::from).collect();
    built.forget_rows(&gone);
    Ok(())
}

/// Ids as SQL.
fn uuids(ids: impl IntoIterator<Item = Uuid>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("'{{{}}}'::pg_catalog.uuid[]", ids.join(","))
}
